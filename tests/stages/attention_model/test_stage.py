"""Stage attention_model: trains in seconds, goes on after a kill, and its predictor is of use."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from ingest_inputs import make_cuts, write_fixations
from PIL import Image
from scene_trees import SCENES as TABLE
from scene_trees import write_scene_tree
from stage_runs import run_and_kill, tree

from pipeline.attention.models import load_attention_model
from pipeline.ground.artefacts import OUTS, PREDICTOR, PREDICTOR_CURVE, PREDICTOR_METRICS
from pipeline.ground.code import closure
from pipeline.ground.errors import InputError, ParamsError
from pipeline.ground.files import write_bytes, write_text
from pipeline.ground.tables import write_table
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import encode
from pipeline.stages.attention_heatmap import stage as attention_heatmap
from pipeline.stages.attention_model import stage as attention_model
from pipeline.stages.attention_model.stage import baselines_unbeaten
from pipeline.stages.validate import stage as validate
from pipeline.stages.variant import stage as variant

VIDEOS = {f"v{number}": 3 for number in range(6)}
SPLITS = dict(zip(VIDEOS, ("train", "train", "train", "train", "val", "test"), strict=True))
STARVED = "{epochs: 2, batch_size: 4, network: {area_px: 512, scales: 2, width: 4}}"


@pytest.fixture
def scenes(workspace: Workspace) -> Workspace:
    """Eighteen small scenes of six videos, in all three splits."""
    write_scenes(workspace)
    return workspace


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("trained"))
    write_scenes(workspace)
    attention_model.main(workspace)
    return workspace


@pytest.fixture
def trained(workspace: Workspace, trained_once: Workspace) -> Workspace:
    """A copy of the scenes and of what was trained on them."""
    shutil.copytree(trained_once.root, workspace.root, dirs_exist_ok=True)
    return workspace


def write_scenes(workspace: Workspace) -> None:
    set_params(workspace, STARVED)
    table = write_scene_tree(workspace.root, VIDEOS)
    table["split"] = table["video_id"].map(SPLITS)
    write_table(workspace.path(TABLE), table)


def set_params(workspace: Workspace, section: str, more: str = "") -> None:
    text = f"image_size: [48, 32]\ncompute: {{n_jobs: 1}}\nattention_model: {section}\n{more}"
    write_text(workspace.path("params.yaml"), text)


def outs(workspace: Workspace) -> dict[str, bytes]:
    return tree(workspace.path("outputs")) | tree(workspace.path("reports"))


def test_a_predictor_is_trained_and_compared_on_held_out_videos(trained_once: Workspace) -> None:
    report = json.loads(trained_once.path(PREDICTOR_METRICS).read_text())
    assert report["parameters"] <= 4_000_000
    assert report["test"]["n_scenes"] == 3
    compared = {"predictor", "centre_bias", "spectral_residual", "centre_surround"}
    assert set(report["test"]) >= compared
    # No fixations lie there: only the maps' metrics are known.
    assert set(report["val"]["predictor"]) >= {"CC", "SIM", "KLD", "share_correlation"}
    assert "NSS" not in report["val"]["predictor"]
    model = load_attention_model(PREDICTOR, trained_once.root)
    image = torch.zeros(2, 3, 48, 32, requires_grad=True)
    attention = model.maps(image)
    assert attention.shape == (2, 48, 32)
    assert attention.min() > 0
    attention[:, :9].sum().backward()
    assert image.grad is not None
    assert torch.isfinite(image.grad).all()


def test_fixations_add_the_metrics_that_need_them(scenes: Workspace) -> None:
    make_cuts(scenes, VIDEOS)
    rows = [(n % 3 + 0.2, 0.3, 20 + n, 30 + 5 * n) for n in range(9)]
    for video in VIDEOS:
        write_fixations(scenes.root, video, *rows)
    table = pd.read_csv(scenes.path(TABLE), dtype={"video_id": str})
    more = table.assign(split=table["split"].where(table["video_id"] != "v3", "test"))
    write_table(scenes.path(TABLE), more)
    attention_model.main(scenes)
    report = json.loads(scenes.path(PREDICTOR_METRICS).read_text())["test"]
    assert set(report["predictor"]) >= {"NSS", "AUC_Judd", "sAUC", "IG"}
    low, high = report["predictor"]["NSS_ci95"]
    assert low <= report["predictor"]["NSS"] <= high
    # The prior gains nothing over itself.
    assert report["centre_bias"]["IG"] == 0


def test_the_same_seed_gives_the_same_files_and_a_second_run_does_nothing(
    trained: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    first = outs(trained)
    caplog.set_level("INFO")
    attention_model.main(trained)
    assert "trained already" in caplog.text
    shutil.rmtree(trained.state)
    for out in OUTS["attention_model"]:
        path = trained.path(out)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    attention_model.main(trained)
    assert outs(trained) == first
    assert not list(trained.path("checkpoints").glob("*"))


def test_a_killed_training_goes_on_to_the_same_weights(scenes: Workspace, tmp_path: Path) -> None:
    set_params(scenes, STARVED.replace("epochs: 2", "epochs: 20, patience: 20"))
    whole = Workspace(tmp_path / "whole")
    shutil.copytree(scenes.root, whole.root)
    attention_model.main(whole)
    checkpoints = scenes.path("checkpoints")
    run_and_kill("attention_model", scenes.root, lambda: [*checkpoints.glob("*/last.ckpt")])
    assert not scenes.path(PREDICTOR_METRICS).exists()
    attention_model.main(scenes)
    for file in (f"{PREDICTOR}/model.safetensors", PREDICTOR_CURVE):
        assert scenes.path(file).read_bytes() == whole.path(file).read_bytes()


def test_predicted_heatmaps_teach_nothing(scenes: Workspace) -> None:
    table = pd.read_csv(scenes.path(TABLE), dtype={"video_id": str})
    write_table(scenes.path(TABLE), table.assign(heatmap_source="predicted"))
    with pytest.raises(InputError, match=r"no scene of the split `train` with .*centre_surround"):
        attention_model.main(scenes)


def test_where_another_model_guides_nothing_recorded_is_no_error(trained: Workspace) -> None:
    table = pd.read_csv(trained.path(TABLE), dtype={"video_id": str})
    write_table(trained.path(TABLE), table.assign(heatmap_source="imported"))
    set_params(trained, STARVED, "edit: {guide: centre_surround}\n")
    attention_model.main(trained)
    assert [path.name for path in trained.path(PREDICTOR).iterdir()] == ["UNTRAINED.txt"]
    assert all(trained.path(out).exists() for out in OUTS["attention_model"])


def test_a_promoted_predictor_maps_videos_that_nobody_watched(trained: Workspace) -> None:
    """What it maps is validated as predicted, and varied."""
    promoted = "models/attention_predictor"
    shutil.copytree(trained.path(PREDICTOR), trained.path(promoted))
    trained.path(TABLE).unlink()
    for folder in ("data/video_scene_cuts", "attention_heatmap", "keyword_masks"):
        shutil.rmtree(trained.path(folder))
    make_cuts(trained, {"new": 2})
    mask = np.zeros((96, 64), np.uint8)
    mask[20:50, 10:40] = 255
    for number in (1, 2):
        path = trained.path(f"keyword_masks/new/new-Scene-00{number}-01.png")
        write_bytes(path, encode(mask, "png"))
    write_text(trained.path("data/keywords.csv"), "video_id,keyword\nnew,mug\n")
    more = f"attention_heatmap: {{source: predictor, input: {promoted}}}\nvariant: {{alpha: 2}}\n"
    set_params(trained, STARVED, more)
    attention_heatmap.main(trained)
    with Image.open(trained.path("attention_heatmap/new/new-Scene-001-01.jpg")) as image:
        assert image.info["comment"] == b"gazeshift heatmap_source=predicted model=predictor"
        assert image.size == (64, 96)
        assert np.asarray(image).max() == 255
    validate.main(trained)
    assert set(pd.read_csv(trained.path(TABLE))["heatmap_source"]) == {"predicted"}
    variant.main(trained)
    boosted = pd.read_csv(trained.path("outputs/variants_v3/new/full_boost_scenes.csv"))
    assert (boosted["planned_share"] > boosted["attention_share"]).all()


def test_a_predictor_that_beats_nothing_is_said_to() -> None:
    worst = {"CC": 0.3, "NSS": 0.4, "IG": 0.0}
    figures = {"centre_bias": worst, "spectral_residual": {"CC": 0.5}, "n_scenes": 9}
    better = {"CC": 0.9, "NSS": 1.9, "IG": 1.0}
    assert baselines_unbeaten({**figures, "predictor": better}) == []
    unbeaten = baselines_unbeaten({**figures, "predictor": {**better, "CC": 0.4, "IG": 0.0}})
    assert unbeaten == ["IG of centre_bias", "CC of spectral_residual"]
    assert baselines_unbeaten({}) == []


def test_the_stages_own_out_cannot_make_its_input(scenes: Workspace) -> None:
    make_cuts(scenes, {"new": 1})
    more = f"attention_heatmap: {{source: predictor, input: {PREDICTOR}}}\n"
    set_params(scenes, STARVED, more)
    with pytest.raises(ParamsError, match="Copy it to models/attention_predictor"):
        attention_heatmap.main(scenes)


def test_a_damaged_predictor_is_named(scenes: Workspace) -> None:
    folder = scenes.path("models/broken")
    write_text(folder / "config.json", "{}")
    write_text(folder / "model.safetensors", "no weights")
    with pytest.raises(
        InputError, match=r"models/broken/model\.safetensors is no safetensors file"
    ):
        load_attention_model("models/broken", scenes.root)


@pytest.mark.parametrize("stage", ["train", "edit", "attention_model"])
def test_nothing_that_trains_or_edits_can_see_the_simulated_viewers(stage: str) -> None:
    modules = closure(f"pipeline.stages.{stage}.stage")
    assert f"pipeline/stages/{stage}/stage.py" in modules
    assert not [module for module in modules if module.startswith("demo")]
