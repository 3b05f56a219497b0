import csv
import json
import os
import shutil
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scene_trees import write_scene_tree
from tiny_models import BrightnessGuide, TinyBackbone, tiny_controlnet

from pipeline.editing.editor import SceneEditor
from pipeline.editing.loading import EditModels
from pipeline.editing.prepare import Prepared, SceneArrays
from pipeline.ground import artefacts
from pipeline.ground.errors import InputError
from pipeline.ground.outs import StageOuts
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import read_mask, read_rgb
from pipeline.stages.dose_curve import stage as dose_curve
from pipeline.stages.edit import stage as edit
from pipeline.stages.variant import stage as variant
from schemas.edits import DOSES_TABLE, EDITS_TABLE

VIDEO = "7000000000000000001"
STEM = f"{VIDEO}-Scene-00"
PARAMS = """
image_size: [48, 32]
compute: {{n_jobs: 1}}
variant: {{sample_videos: 0, on_clip: solve}}
edit: {{steps: 4, half_precision: false, {0}}}
dose_curve: {{videos: all, alphas: [0.75, 1.5], ablation_alphas: [1.5]}}
"""


@pytest.fixture(autouse=True)
def _tiny_models(monkeypatch: pytest.MonkeyPatch) -> None:
    _tiny(monkeypatch)


def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real classes with random weights; what is tested here is what the stages do with them."""
    backbone = TinyBackbone()
    models = EditModels(backbone, tiny_controlnet(backbone), BrightnessGuide(), "tiny")
    for stage in (edit, dose_curve):
        monkeypatch.setattr(stage, "load_models", lambda workspace, params: models)
    monkeypatch.setattr(variant, "_track", lambda *arguments: None)


@pytest.fixture
def corpus(workspace: Workspace) -> Workspace:
    write_scene_tree(workspace.root, {VIDEO: 3})
    workspace.path("params.yaml").write_text(PARAMS.format(""))
    variant.main(workspace)
    return workspace


def run(workspace: Workspace, options: str = "") -> dict[str, str]:
    """Run the stage; return {path below its out: hash}."""
    workspace.path("params.yaml").write_text(PARAMS.format(options))
    edit.main(workspace)
    root = workspace.path(artefacts.EDITED)
    return {
        path.relative_to(root).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def scene(workspace: Workspace, name: str, number: int = 1) -> np.ndarray:
    return read_rgb(workspace.path(f"{artefacts.EDITED}/{name}/{VIDEO}/{STEM}{number}-01.png"))


def original(workspace: Workspace, number: int = 1) -> np.ndarray:
    folder = f"data/video_scene_cuts/{VIDEO}"
    return read_rgb(workspace.path(f"{folder}/{STEM}{number}-01.jpg"))


def mask(workspace: Workspace, number: int = 1) -> np.ndarray:
    return read_mask(workspace.path(f"keyword_masks/{VIDEO}/{STEM}{number}-01.png"), (96, 54))


def test_every_variant_of_every_scene_is_there(corpus) -> None:
    files = run(corpus)
    names = {"baseline", "early_boost", "middle_boost", "late_boost", "full_boost", "reduction"}
    expected = {f"{n}/{VIDEO}/{STEM}{k}-01.png" for n in {*names, "placebo"} for k in (1, 2, 3)}
    assert set(files) == {*expected, "edits.csv"}


def test_unmodified_scenes_are_the_original_and_shared_edits_are_one_file(corpus) -> None:
    run(corpus)
    assert (scene(corpus, "baseline") == original(corpus)).all()
    assert (scene(corpus, "late_boost") == original(corpus)).all()
    folder = corpus.path(artefacts.EDITED)
    early, full = (folder / f"{n}/{VIDEO}/{STEM}1-01.png" for n in ("early_boost", "full_boost"))
    assert os.path.samefile(early, full)


def test_a_boost_changes_the_product_and_a_placebo_everything_but_it(corpus) -> None:
    run(corpus)
    product = mask(corpus)
    boosted = (scene(corpus, "full_boost") != original(corpus)).any(-1)
    placebo = (scene(corpus, "placebo") != original(corpus)).any(-1)
    assert boosted[product].mean() > 0.5
    assert not boosted[:5].any()
    assert placebo[~product].any()
    assert not placebo[product].any()


def test_the_tables_are_as_their_schemas_say(corpus) -> None:
    run(corpus)
    dose_curve.main(corpus)
    for path, schema in ((artefacts.EDITS, EDITS_TABLE), (artefacts.DOSES, DOSES_TABLE)):
        table = pd.read_csv(corpus.path(path), dtype={"video_id": "str"})
        assert set(table) <= set(schema.columns)
        schema.validate(table, lazy=True)


def test_a_placebo_changes_no_more_than_its_twin_does(corpus) -> None:
    run(corpus)
    table = rows(corpus.path(artefacts.EDITS))
    changes = {
        name: [float(row["mean_abs_change"]) for row in table if row["variant"] == name]
        for name in ("full_boost", "placebo")
    }
    fades = [float(row["fade"]) for row in table if row["variant"] == "placebo"]
    assert all(0 < fade <= 1 for fade in fades)
    for boost, placebo in zip(*changes.values(), strict=True):
        assert placebo <= boost * 1.2


def test_a_placebo_that_scales_is_not_calibrated_either(corpus) -> None:
    """It lowers the product's share, and must not be allowed to do so by as much as it likes."""
    corpus.path("params.yaml").write_text(
        PARAMS.format("").replace("sample_videos", "placebo: scale, sample_videos")
    )
    variant.main(corpus)
    edit.main(corpus)
    table = pd.read_csv(corpus.path(artefacts.EDITS))
    boost, placebo = (table[table["variant"] == name] for name in ("full_boost", "placebo"))
    assert (placebo["alpha"] == 1.2).all()
    assert placebo["strength"].tolist() == boost["strength"].tolist()
    assert (placebo["evaluations"] == 1).all()
    assert placebo["fade"].notna().all()
    assert placebo["guide_achieved"].isna().all()


def test_scenes_that_no_variant_modifies_cost_nothing(
    corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among scenes of one batch too: only the second shows the keyword that is asked for."""
    path = corpus.path(edit.SCENES)
    table = pd.read_csv(path, dtype="str", keep_default_na=False)
    table.loc[1, "extra_keywords"] = '["mug"]'
    second = f"keyword_masks/{VIDEO}/{STEM}2-01.k1.png"
    shutil.copy(corpus.path(table.loc[1, "keyword_mask_path"]), corpus.path(second))
    table.loc[1, "extra_mask_paths"] = json.dumps([second])
    table.to_csv(path, index=False)
    params = PARAMS.format("").replace("sample_videos", "keywords: 1, sample_videos")
    corpus.path("params.yaml").write_text(params)
    variant.main(corpus)
    prepared = []
    prepare = SceneEditor.prepare

    def noted(editor: SceneEditor, scenes: list[SceneArrays]) -> Prepared:
        prepared.append(len(scenes))
        return prepare(editor, scenes)

    monkeypatch.setattr(SceneEditor, "prepare", noted)
    edit.main(corpus)
    assert prepared == [1]
    changed = [(scene(corpus, "full_boost", n) != original(corpus, n)).any() for n in (1, 2, 3)]
    assert changed == [False, True, False]


def test_a_killed_run_goes_on_where_it_was(corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(corpus, "batch_size: 1")
    run(corpus, "batch_size: 1, gradient_strength: 0.2")
    made = []
    accept = StageOuts.accept

    def killed(outs: StageOuts, item: str, *arguments: object) -> None:
        if made:
            raise KeyboardInterrupt
        made.append(item)
        accept(outs, item, *arguments)

    monkeypatch.setattr(StageOuts, "accept", killed)
    with pytest.raises(KeyboardInterrupt):
        run(corpus, "batch_size: 1")
    monkeypatch.undo()
    _tiny(monkeypatch)
    first = corpus.path(f"{artefacts.EDITED}/full_boost/{VIDEO}/{STEM}1-01.png")
    kept = first.stat().st_mtime_ns
    assert run(corpus, "batch_size: 1") == whole
    assert first.stat().st_mtime_ns == kept


def test_region_background_keeps_the_product(corpus) -> None:
    run(corpus, "region: background")
    boosted = (scene(corpus, "full_boost") != original(corpus)).any(-1)
    assert not boosted[mask(corpus)].any()
    assert boosted[~mask(corpus)].any()


def test_the_table_says_what_the_guide_saw(corpus) -> None:
    run(corpus)
    table = rows(corpus.path(artefacts.EDITS))
    assert len(table) == 7 * 3
    boosts = [row for row in table if row["variant"] == "full_boost"]
    for row in boosts:
        share = float(row["guide_share"])
        assert float(row["guide_dose"]) == pytest.approx(1.5 * share / (1.5 * share + 1 - share))
        error = abs(float(row["guide_achieved"]) / float(row["guide_dose"]) - 1)
        assert row["reached"] == str(error <= 0.05)
        assert 1 <= float(row["evaluations"]) <= 3
    placebos = {r["scene_number"]: r["strength"] for r in table if r["variant"] == "placebo"}
    assert placebos == {row["scene_number"]: row["strength"] for row in boosts}


def test_a_second_run_makes_nothing_and_another_and_back_gives_the_same(corpus) -> None:
    first = run(corpus)
    path = corpus.path(f"{artefacts.EDITED}/full_boost/{VIDEO}/{STEM}1-01.png")
    made = path.stat().st_mtime_ns
    assert run(corpus) == first
    assert path.stat().st_mtime_ns == made
    assert run(corpus, "gradient_strength: 0.2") != first
    assert run(corpus) == first


def test_a_scene_that_went_missing_is_named_with_a_remedy(corpus) -> None:
    corpus.path(f"data/video_scene_cuts/{VIDEO}/{STEM}2-01.jpg").unlink()
    with pytest.raises(InputError, match=r"Scene-002-01.*dvc repro validate"):
        run(corpus)


def test_an_empty_part_is_named(corpus) -> None:
    with pytest.raises(InputError, match=r"edit\.videos"):
        run(corpus, "videos: " + next(p for p in ("val", "test") if p != _split(corpus)))


def _split(workspace: Workspace) -> str:
    return rows(workspace.path(edit.SCENES))[0]["split"]


def test_the_dose_curve_has_its_arms_and_knows_nothing_of_alpha(corpus) -> None:
    dose_curve.main(corpus)
    root = corpus.path(artefacts.DOSE_CURVE)
    arms = {path.parent.parent.relative_to(root).as_posix() for path in root.rglob("*.png")}
    ablated = {f"{arm}/alpha_1.5" for arm in ("control_only", "gradient_only", "plain")}
    assert arms == {"full/alpha_0.75", "full/alpha_1.5", "full/sham", *ablated}
    table = rows(corpus.path(artefacts.DOSES))
    assert len(table) == 3 * 6
    assert {row["feasible"] for row in table} <= {"True", "False"}
    shams = [row for row in table if row["variant"] == "sham"]
    assert all(float(row["whole_psnr_db"]) > 30 for row in shams)
    path = root / f"full/alpha_1.5/{VIDEO}/{STEM}1-01.png"
    made = path.stat().st_mtime_ns
    text = corpus.path("params.yaml").read_text()
    corpus.path("params.yaml").write_text(
        text.replace("sample_videos", "alpha: 2.5, sample_videos")
    )
    dose_curve.main(corpus)
    assert path.stat().st_mtime_ns == made


def test_without_variants_there_is_nothing_to_edit(corpus) -> None:
    manifest = corpus.path("outputs/variants_v3/manifest.json")
    manifest.write_text('{"variants": {"baseline": {"window": null}}}')
    with pytest.raises(InputError, match=r"another version wrote it. Run `dvc repro variant`"):
        run(corpus)
    manifest.unlink()
    with pytest.raises(InputError, match=r"there are no variants. Run `dvc repro variant`"):
        run(corpus)
