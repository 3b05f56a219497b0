import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scene_trees import hide_product, write_scene_tree
from stage_runs import killed_after_one_item, tree
from tiny_models import BrightnessGuide, TinyBackbone, tiny_controlnet

from pipeline.editing.editor import SceneEditor
from pipeline.editing.loading import EditModels
from pipeline.editing.prepare import Prepared, SceneArrays
from pipeline.ground import artefacts
from pipeline.ground.errors import InputError
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import read_mask, read_rgb
from pipeline.scenes.split import split_of
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
edit: {{
  steps: 4, half_precision: false, controlnet: outputs/training_v3/controlnet, control_strength: 2,
  gradient_strength: 0.7, {0}
}}
dose_curve: {{videos: all, alphas: [0.75, 1.5], ablation_alphas: [1.5]}}
"""


@pytest.fixture(scope="module", autouse=True)
def _tiny_models() -> Iterator[None]:
    """Real classes with random weights; what is tested here is what the stages do with them."""
    backbone = TinyBackbone()
    models = EditModels(backbone, tiny_controlnet(backbone), BrightnessGuide(), "tiny")
    with pytest.MonkeyPatch.context() as patch:
        for stage in (edit, dose_curve):
            patch.setattr(stage, "load_models", lambda workspace, params: models)
        patch.setattr(variant, "_track", lambda *arguments: None)
        yield


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory, _tiny_models: None) -> Path:
    """The root of three scenes with their variants."""
    root = tmp_path_factory.mktemp("varied")
    write_scene_tree(root, {VIDEO: 3})
    (root / "params.yaml").write_text(PARAMS.format(""))
    variant.main(Workspace(root))
    return root


@pytest.fixture
def corpus(workspace: Workspace, varied: Path) -> Workspace:
    shutil.copytree(varied, workspace.root, dirs_exist_ok=True)
    return workspace


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory, varied: Path) -> Workspace:
    """What is edited once, for those who only read it."""
    workspace = Workspace(tmp_path_factory.mktemp("edited") / "root")
    shutil.copytree(varied, workspace.root)
    edit.main(workspace)
    return workspace


def run(workspace: Workspace, options: str = "") -> dict[str, bytes]:
    """Run the stage; return the files below its out."""
    workspace.path("params.yaml").write_text(PARAMS.format(options))
    edit.main(workspace)
    return tree(workspace.path(artefacts.EDITED))


def table_of(workspace: Workspace, path: str) -> pd.DataFrame:
    """A table that is as its schema says."""
    schema = {artefacts.EDITS: EDITS_TABLE, artefacts.DOSES: DOSES_TABLE}[path]
    table = pd.read_csv(workspace.path(path), dtype={"video_id": "str"})
    assert set(table) <= set(schema.columns)
    return schema.validate(table, lazy=True)


def scene(workspace: Workspace, name: str, number: int = 1) -> np.ndarray:
    return read_rgb(workspace.path(f"{artefacts.EDITED}/{name}/{VIDEO}/{STEM}{number}-01.png"))


def original(workspace: Workspace, number: int = 1) -> np.ndarray:
    folder = f"data/video_scene_cuts/{VIDEO}"
    return read_rgb(workspace.path(f"{folder}/{STEM}{number}-01.jpg"))


def mask(workspace: Workspace, number: int = 1) -> np.ndarray:
    return read_mask(workspace.path(f"keyword_masks/{VIDEO}/{STEM}{number}-01.png"), (96, 54))


def test_a_scene_without_the_product_is_its_own_picture_in_every_arm(corpus) -> None:
    hide_product(corpus.root, VIDEO, 2)
    variant.main(corpus)
    edit.main(corpus)
    table = table_of(corpus, artefacts.EDITS)
    of_second = table[table["scene_number"] == 2]
    assert len(of_second) == 7
    assert not of_second["modified"].any()
    for name in of_second["variant"]:
        assert (scene(corpus, name, 2) == original(corpus, 2)).all()
    assert table.loc[table["scene_number"] == 1, "modified"].any()


def test_every_variant_of_every_scene_is_there(edited) -> None:
    names = {"baseline", "early_boost", "middle_boost", "late_boost", "full_boost", "reduction"}
    expected = {f"{n}/{VIDEO}/{STEM}{k}-01.png" for n in {*names, "placebo"} for k in (1, 2, 3)}
    assert set(tree(edited.path(artefacts.EDITED))) == {*expected, "edits.csv"}


def test_unmodified_scenes_are_the_original_and_shared_edits_are_one_file(edited) -> None:
    assert (scene(edited, "baseline") == original(edited)).all()
    assert (scene(edited, "late_boost") == original(edited)).all()
    folder = edited.path(artefacts.EDITED)
    early, full = (folder / f"{n}/{VIDEO}/{STEM}1-01.png" for n in ("early_boost", "full_boost"))
    assert os.path.samefile(early, full)


def test_a_boost_changes_the_product_and_a_placebo_everything_but_it(edited) -> None:
    product = mask(edited)
    boosted = (scene(edited, "full_boost") != original(edited)).any(-1)
    placebo = (scene(edited, "placebo") != original(edited)).any(-1)
    assert boosted[product].mean() > 0.5
    assert not boosted[:5].any()
    assert placebo[~product].any()
    assert not placebo[product].any()


def test_a_placebo_changes_no_more_than_its_twin_does(edited) -> None:
    by_variant = table_of(edited, artefacts.EDITS).set_index(["variant", "scene_number"])
    boost, placebo = by_variant.loc["full_boost"], by_variant.loc["placebo"]
    assert placebo["fade"].between(0, 1, inclusive="right").all()
    assert (placebo["mean_abs_change"] <= 1.2 * boost["mean_abs_change"]).all()


def test_the_table_says_what_the_guide_saw(edited) -> None:
    table = table_of(edited, artefacts.EDITS)
    assert len(table) == 7 * 3
    by_variant = table.set_index(["variant", "scene_number"])
    boost, placebo = by_variant.loc["full_boost"], by_variant.loc["placebo"]
    share = boost["guide_share"]
    expected = 1.5 * share / (1.5 * share + 1 - share)
    np.testing.assert_allclose(boost["guide_dose"], expected, rtol=1e-6)
    error = (boost["guide_achieved"] / boost["guide_dose"] - 1).abs()
    assert (boost["reached"] == (error <= 0.05)).all()
    assert boost["evaluations"].between(1, 3).all()
    assert (placebo["strength"] == boost["strength"]).all()


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


def test_scenes_that_no_variant_modifies_cost_nothing(corpus, monkeypatch) -> None:
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
    with killed_after_one_item(monkeypatch):
        run(corpus, "batch_size: 1")
    first = corpus.path(f"{artefacts.EDITED}/full_boost/{VIDEO}/{STEM}1-01.png")
    kept = first.stat().st_mtime_ns
    assert run(corpus, "batch_size: 1") == whole
    assert first.stat().st_mtime_ns == kept


def test_region_background_keeps_the_product(corpus) -> None:
    run(corpus, "region: background")
    boosted = (scene(corpus, "full_boost") != original(corpus)).any(-1)
    assert not boosted[mask(corpus)].any()
    assert boosted[~mask(corpus)].any()


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
        run(corpus, f"videos: {'val' if split_of(VIDEO) == 'test' else 'test'}")


def test_the_dose_curve_has_its_arms_and_knows_nothing_of_alpha(corpus) -> None:
    dose_curve.main(corpus)
    root = corpus.path(artefacts.DOSE_CURVE)
    arms = {path.parent.parent.relative_to(root).as_posix() for path in root.rglob("*.png")}
    ablations = ("control_only", "gradient_only", "plain", "background", "null_edit")
    ablated = {f"{arm}/alpha_1.5" for arm in ablations}
    assert arms == {"full/alpha_0.75", "full/alpha_1.5", "full/sham", *ablated}
    table = table_of(corpus, artefacts.DOSES)
    assert len(table) == 3 * 8
    kept = read_rgb(root / f"background/alpha_1.5/{VIDEO}/{STEM}1-01.png")
    assert (kept == original(corpus))[mask(corpus)].all()
    assert (kept != original(corpus)).any()
    assert table["feasible"].notna().all()
    assert (table["whole_psnr_db"][table["variant"] == "sham"] > 30).all()
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
    with pytest.raises(InputError, match=r"another version wrote it .*`dvc repro variant`"):
        run(corpus)
    manifest.unlink()
    with pytest.raises(InputError, match=r"there are no variants. Run `dvc repro variant`"):
        run(corpus)
