import json

import pandas as pd
import pytest
from scene_trees import write_scene_tree
from stage_runs import write_records
from stages.evaluate.pretended_edits import JUDGE, pretend_control, write_edits

from pipeline.commands import gate
from pipeline.diffusion.controlnet import WEIGHTS
from pipeline.editing import loading
from pipeline.ground import artefacts
from pipeline.ground.artefacts import DOSE_CONTROLNET, SCENES, variant_table
from pipeline.ground.errors import InputError, ParamsError
from pipeline.ground.files import file_digest, write_bytes, write_text
from pipeline.ground.workspace import Workspace
from pipeline.heatmaps.manifest import recorded_params
from pipeline.heatmaps.params import VariantParams
from pipeline.pictures.reading import encode, read_rgb
from pipeline.proof.params import PROOF_OF
from pipeline.scenes.split import split_of
from pipeline.scenes.table import read_scenes
from pipeline.stages.evaluate import stage as evaluate
from schemas.transfer import TRANSFER_TABLE

VIDEOS = [str(n) for n in range(100, 160) if split_of(str(n)) == "test"][:4]
PARAMS = """
image_size: [48, 32]
compute: {{n_jobs: 1}}
edit: {{guide: spectral_residual}}
evaluate: {{judge: {1}, least_videos: 3, {0}}}
"""


@pytest.fixture(autouse=True)
def _elsewhere_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    """No MLflow."""
    pretend_control(monkeypatch)
    monkeypatch.setattr(evaluate, "_track", lambda *arguments: None)


@pytest.fixture
def edited(workspace: Workspace) -> Workspace:
    scenes = write_scene_tree(workspace.root, dict.fromkeys(VIDEOS, 2))
    write_edits(workspace.root, scenes, (48, 32))
    write_text(workspace.path("models/judge.py"), JUDGE)
    workspace.path("params.yaml").write_text(PARAMS.format("", "models/judge.py"))
    write_bytes(workspace.path(DOSE_CONTROLNET) / WEIGHTS, b"weights")
    write_records(workspace, "edit", "dose_curve", "render")
    return workspace


def run(workspace: Workspace, options: str = "", judge: str = "models/judge.py") -> dict:
    workspace.path("params.yaml").write_text(PARAMS.format(options, judge))
    evaluate.main(workspace)
    return json.loads(workspace.path(artefacts.METRICS).read_text())


def test_the_outs_hold_what_was_pretended(edited) -> None:
    metrics = run(edited)
    for out in artefacts.OUTS["evaluate"]:
        assert edited.path(out).exists(), out
    # No video was rendered, so none is held to anything.
    assert {PROOF_OF[name] for name in set(PROOF_OF) - set(metrics)} == {"video"}
    checks = json.loads(edited.path(artefacts.GATE).read_text())["checks"]
    assert "video" not in {check["proof"] for check in checks}
    assert metrics["outside_max_abs_diff"] == 0
    assert metrics["identity_psnr_db"] == 47
    assert metrics["feasible_fraction"] == 1
    assert metrics["unreached_fraction"] == pytest.approx(0.2)
    assert metrics["dose_spearman_mean"] == pytest.approx(1)
    assert 0 < metrics["dose_logit_slope_ci95"][0] < metrics["dose_logit_slope_ci95"][1]
    assert (metrics["n_scenes"], metrics["n_videos"]) == (8, 4)
    assert metrics["variants"]["baseline"]["n_edited"] == 0
    assert metrics["variants"]["full_boost"]["mean_change"] > 0
    assert metrics["started"] <= metrics["ended"]
    table = pd.read_csv(edited.path(artefacts.JUDGED), dtype={"video_id": str})
    assert len(table) == 8 * (6 + 6 + 1 + 3)
    same = pd.read_parquet(edited.path(artefacts.JUDGED_PARQUET))
    assert same["share"].to_numpy() == pytest.approx(table["share"].to_numpy(), rel=1e-8)
    untouched = table[table["variant"].isin(["baseline", "alpha_1"])]
    assert (untouched["share"] == untouched["original_share"]).all()


def test_the_panel_sees_each_arm_beside_nature_and_no_picture_twice(edited, monkeypatch) -> None:
    metrics = run(edited, "panel: [centre_surround, spectral_residual, people_a]")
    assert set(metrics["panel_left_out"]) == {"spectral_residual", "people_a"}
    assert metrics["panel_left_out"]["spectral_residual"] == "it is the guide"
    assert metrics["n_counterfactual_scenes"] == 8
    table = pd.read_csv(edited.path(artefacts.TRANSFER), dtype={"video_id": str})
    TRANSFER_TABLE.validate(table, lazy=True)
    assert len(table) == 8 * 2 * (4 + 1)
    assert set(table["observer"]) == {"centre_surround"}
    # Nature did the very same here, and one grey level is nothing.
    assert metrics["transfer_panel_of_natural"] == pytest.approx(1, abs=0.03)
    assert metrics["transfer_people_of_natural"] is None
    assert metrics["delta_e_of_natural_plain"] == pytest.approx(1, abs=0.05)
    assert set(metrics["arms"]) == {
        "full", "control_only", "gradient_only", "plain", "counterfactual"
    }  # fmt: skip
    looked = []
    original = evaluate.look
    monkeypatch.setattr(evaluate, "look", lambda job: (looked.append(job), original(job))[1])
    run(edited, "panel: [centre_surround, fine_grained]")
    assert {job.item.split()[2] for job in looked} == {"fine_grained"}
    # Arms that made the same picture share a look: 8 scenes, 2 doses, edited by hand or nature.
    assert len(looked) == 8 * 2 * 2 + 8 * 2


def test_without_a_counterfactual_there_is_no_yardstick(edited) -> None:
    metrics = run(edited, "counterfactual: null, panel: [centre_surround]")
    assert metrics["transfer_panel_of_natural"] is None
    assert metrics["n_counterfactual_scenes"] == 0
    assert metrics["arms"]["full"]["transfer_centre_surround"] > 0
    edited.path("outputs/counterfactual/pictures.csv").unlink()
    with pytest.raises(InputError, match=r"dvc repro counterfactual.*null"):
        run(edited)


def test_a_variant_without_any_attention_on_the_product_has_no_relative_error(edited) -> None:
    write_edits(edited.root, read_scenes(edited.path(SCENES)), (48, 32), boost=0.0)
    figures = run(edited)["variants"]["full_boost"]
    assert figures["n_edited"] == 8
    assert (figures["median_rel_error"], figures["within_15pct"]) == (None, None)
    assert figures["mean_change"] < 0


def test_each_variant_is_held_to_the_proofs_by_any_model(edited) -> None:
    figures = run(edited, judge="centre_surround")["variants"]["full_boost"]
    assert figures["outside_max_abs_diff"] == 0
    assert figures["raw_background_psnr_db"] == 36
    assert 0 <= figures["within_15pct"] <= 1


def test_scenes_with_a_guessed_heatmap_prove_nothing(edited) -> None:
    path = edited.path(SCENES)
    table = path.read_text()
    marked = [
        line.replace(",recorded,", ",predicted,") if f"{VIDEOS[0]}-" in line else line
        for line in table.splitlines()
    ]
    path.write_text("\n".join(marked) + "\n")
    metrics = run(edited)
    assert (metrics["n_scenes"], metrics["n_predicted_scenes_left_out"]) == (6, 2)
    path.write_text(table.replace(",recorded,", ",predicted,"))
    with pytest.raises(InputError, match=r"all heatmaps .* are predicted.*`dvc repro edit`"):
        run(edited)


def test_a_changed_edit_alone_is_judged_again(edited, monkeypatch) -> None:
    first = run(edited)
    path = edited.path(f"outputs/edited_scenes/full_boost/{VIDEOS[0]}/{VIDEOS[0]}-Scene-001-01.png")
    other = edited.path(f"outputs/dose_curve/full/alpha_2/{VIDEOS[0]}/{path.name}")
    path.write_bytes(other.read_bytes())
    judged = []
    original = evaluate.measure
    monkeypatch.setattr(evaluate, "measure", lambda job: (judged.append(job), original(job))[1])
    second = run(edited)
    assert judged == []  # that picture was judged already, as a dose
    assert second["variants"]["full_boost"] != first["variants"]["full_boost"]
    other = edited.path(f"data/video_scene_cuts/{VIDEOS[0]}/{VIDEOS[0]}-Scene-002-01.jpg")
    path.write_bytes(other.read_bytes())
    run(edited)
    assert [job.picture.edited for job in judged] == [path]


def test_a_pixel_outside_the_region_is_found(edited) -> None:
    path = edited.path(f"outputs/dose_curve/full/alpha_2/{VIDEOS[1]}/{VIDEOS[1]}-Scene-001-01.png")
    pixels = read_rgb(path).copy()
    pixels[0, 0, 1] ^= 4
    path.write_bytes(encode(pixels, "png"))
    assert run(edited)["outside_max_abs_diff"] == 4
    verdict = json.loads(edited.path(artefacts.GATE).read_text())
    assert "specificity" in verdict["failed"]


def test_the_gate_says_which_proof_failed_and_the_stage_ends_well(
    edited, capsys, monkeypatch
) -> None:
    run(edited, "gate: {dose_logit_slope: {min: 30}, feasible_fraction: {min: 0.5}}")
    verdict = json.loads(edited.path(artefacts.GATE).read_text())
    assert verdict["failed"] == ["dose"]
    assert verdict["model"] == file_digest(edited.path(DOSE_CONTROLNET) / WEIGHTS)
    monkeypatch.setattr(loading, "current_editor_key", lambda workspace: verdict["editor"])
    assert gate.main(edited) == 1
    assert "dose_logit_slope is" in capsys.readouterr().out
    run(edited, "gate: {feasible_fraction: {min: 0.5}}")
    assert gate.main(edited) == 0
    assert "PASS" in capsys.readouterr().out


def test_the_gate_is_closed_where_what_was_proved_has_changed(edited, monkeypatch) -> None:
    """Other ads, another dose: their proof has not been made, whatever the last one says."""
    manifest = {"params": recorded_params(VariantParams.load(edited))}
    write_text(edited.path(artefacts.VARIANT_MANIFEST), json.dumps(manifest))
    run(edited, "gate: {feasible_fraction: {min: 0.5}}")
    monkeypatch.setattr(loading, "current_editor_key", lambda workspace: "one editor")
    for name, old, new, words in (
        (SCENES, "sneaker", "boot", r"older than data/valid_scenes\.csv"),
        ("models/judge.py", "3000", "2000", r"older than evaluate\.judge"),
        (artefacts.VARIANT_MANIFEST, "{", "{ ", r"older than the variants"),
        ("params.yaml", "least_videos: 3", "least_videos: 2", "section evaluate"),
        ("params.yaml", "compute:", "variant: {alpha: 3}\ncompute:", "section variant"),
        (
            "params.yaml",
            "compute:",
            "dose_curve: {alphas: [0.5, 1.5]}\ncompute:",
            "section dose_curve",
        ),
    ):
        proved = edited.path(name).read_text()
        assert gate.main(edited) == 0
        write_text(edited.path(name), proved.replace(old, new))
        with pytest.raises(InputError, match=words):
            gate.main(edited)
        write_text(edited.path(name), proved)


def test_a_judge_who_is_the_guide_is_refused(edited) -> None:
    with pytest.raises(ParamsError, match="proves nothing"):
        run(edited, judge="spectral_residual")


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("outputs/dose_curve/doses.csv", "dvc repro dose_curve"),
        ("outputs/edited_scenes/edits.csv", "dvc repro edit"),
        (f"outputs/dose_curve/full/sham/{VIDEOS[0]}/{VIDEOS[0]}-Scene-001-01.png", "missing"),
    ],
    ids=["doses", "edits", "picture"],
)
def test_what_is_missing_is_named_with_a_remedy(edited, missing, words) -> None:
    edited.path(missing).unlink()
    with pytest.raises(InputError, match=words):
        run(edited)


def test_a_dose_curve_by_another_editor_is_refused(edited) -> None:
    path = edited.path("outputs/dose_curve/doses.csv")
    path.write_text(path.read_text().replace("one editor", "another"))
    with pytest.raises(InputError, match="dvc repro edit dose_curve"):
        run(edited)


def test_another_part_than_the_edits_is_named(edited) -> None:
    with pytest.raises(InputError, match=r"evaluate\.videos is 'val'"):
        run(edited, "videos: val")


def test_a_placebo_whose_maps_are_gone_is_named(edited) -> None:
    path = edited.path(variant_table(VIDEOS[0], "placebo"))
    table = pd.read_csv(path, dtype={"video_id": str})
    table[table["scene_number"] != 1].to_csv(path, index=False)
    with pytest.raises(InputError, match=r"lack scene 1, whose placebo"):
        run(edited)
    path.unlink()
    with pytest.raises(InputError, match=r"the variant is missing. Run `dvc repro variant`"):
        run(edited)


def test_the_judge_says_how_far_a_placebo_moved_what_it_was_to_move(edited) -> None:
    metrics = run(edited)
    low, high = metrics["placebo_own_effect_ci95"]
    # It scales contrast and goes by no map.
    assert low - 0.2 < 0 < high + 0.2
    table = pd.read_csv(edited.path(artefacts.JUDGED))
    placebos = table["variant"] == "placebo"
    assert table.loc[placebos, "asked_change"].notna().any()
    assert table.loc[~placebos, "asked_change"].isna().all()
    assert table["ring_change"].notna().all()
