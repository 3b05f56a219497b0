import json
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from diffusers import ControlNetModel
from PIL import Image
from safetensors.torch import load_file
from scene_trees import videos_of, write_scene_tree
from stage_runs import run_and_kill
from torch.utils.data import default_collate

from pipeline.diffusion import controlnet
from pipeline.diffusion.backbone import load_backbone
from pipeline.diffusion.predict import controlled
from pipeline.figures.plots import draw_curve
from pipeline.ground import artefacts
from pipeline.ground.errors import InputError, ParamsError
from pipeline.ground.files import file_digest
from pipeline.ground.params import ModelParams
from pipeline.ground.workspace import Workspace
from pipeline.learning.training_scenes import encoded_scenes, raw_scenes
from pipeline.stages.encode import stage as encode
from pipeline.stages.train import stage as train
from pipeline.stages.train.batches import Batches, ShuffledBatches
from pipeline.stages.train.controlnet_module import ControlNetModule
from pipeline.stages.train.params import TrainParams
from pipeline.stages.train.run import Run
from pipeline.tracking.models import REGISTERED
from pipeline.tracking.store import tracking_uri

ROOT = Path(__file__).parents[3]
DVC = yaml.safe_load((ROOT / "dvc.yaml").read_text())
WEIGHTS = f"{artefacts.CONTROLNET}/{controlnet.WEIGHTS}"
STARVED = {
    "steps": 6,
    "batch_size": 2,
    "learning_rate": 1e-3,
    "warmup_steps": 1,
    "embedding_channels": [4, 8],
    "precision": "32-true",
    "val_every": 2,
    "val_draws": 1,
    "samples": 1,
}


def write_params(root: Path, **changes: Any) -> None:
    params = {
        "image_size": [48, 32],
        "model": {"backbone": "models/tiny"},
        "train": {**STARVED, **changes},
    }
    (root / "params.yaml").write_text(yaml.safe_dump(params))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, tiny_backbone: Path) -> Path:
    root = tmp_path_factory.mktemp("template")
    videos = dict.fromkeys([*videos_of("train", 2), *videos_of("val", 2)], 2)
    write_scene_tree(root, videos)
    shutil.copytree(tiny_backbone, root / "models/tiny")
    write_params(root)
    encode.main(Workspace(root))
    return root


def link_inputs(root: Path, template: Path) -> None:
    (root / "outputs").mkdir()
    for name in ("data", "keyword_masks", "attention_heatmap", "models", "outputs/encoded"):
        (root / name).symlink_to(template / name)
    write_params(root)


@pytest.fixture
def root(workspace: Workspace, template: Path) -> Path:
    link_inputs(workspace.root, template)
    return workspace.root


def weights(root: Path) -> dict[str, torch.Tensor]:
    return load_file(root / WEIGHTS)


def same(first: Mapping[str, torch.Tensor], second: Mapping[str, torch.Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


def committed(root: Path) -> None:
    """Make the root a repository whose data are tracked."""
    (root / "data.dvc").write_text("outs: []")
    git = ["git", "-c", "user.name=Tester", "-c", "user.email=tester@example.org"]
    for command in (["init", "-q"], ["add", "data.dvc"], ["commit", "-q", "-m", "data"]):
        subprocess.run([*git, *command], cwd=root, check=True)


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    """A root, trained in as a commit has it."""
    root = tmp_path_factory.mktemp("trained")
    link_inputs(root, template)
    committed(root)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.05")
        train.main(Workspace(root))
    return root


@pytest.fixture
def trained(workspace: Workspace, trained_once: Path) -> Path:
    shutil.copytree(trained_once, workspace.root, symlinks=True, dirs_exist_ok=True)
    return workspace.root


def test_what_is_written_loads_and_says_how_it_went(trained_once: Path) -> None:
    controlnet = ControlNetModel.from_pretrained(trained_once / artefacts.CONTROLNET)
    assert controlnet.config.conditioning_channels == 2
    metrics = json.loads((trained_once / artefacts.TRAIN_METRICS).read_text())
    assert metrics["steps"] == 6
    assert metrics["val_loss"] > 0
    assert {"control_shuffle_loss_increase", "scenes_per_second"} <= set(metrics)
    assert pd.read_csv(trained_once / artefacts.TRAIN_CURVE)["step"].tolist() == [2, 4, 6]
    samples = trained_once / artefacts.TRAINING / "samples"
    with Image.open(samples / "step_000006.png") as picture:
        assert picture.size == (3 * 32, 48)
    assert not list(trained_once.rglob("*.bin"))
    assert not list((trained_once / "checkpoints").glob("*"))


def test_the_run_can_be_browsed_and_the_model_is_registered(trained_once: Path) -> None:
    from mlflow import MlflowClient
    from mlflow.models import Model

    client = MlflowClient(tracking_uri(Workspace(trained_once)))
    version = client.get_model_version_by_alias(REGISTERED, "candidate")
    assert version.tags["weights"] == file_digest(trained_once / WEIGHTS)
    logged = client.get_logged_model(version.source.removeprefix("models:/"))
    assert logged.artifact_location.startswith((trained_once / "mlruns/artifacts").as_uri())
    assert not (trained_once / "mlruns/0").exists()
    signature = Model.load(logged.artifact_location.removeprefix("file://")).signature
    assert signature.inputs.input_dict()["controlnet_cond"].shape == (-1, 2, -1, -1)
    assert signature.outputs.input_names() == ["mid_block_res_sample"]
    run = client.get_run(version.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["steps"] == "6"
    head = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=trained_once, text=True)
    assert run.data.tags["git.commit"] == head.strip()
    scenes = file_digest(trained_once / train.SCENES)
    assert run.data.tags["data.valid_scenes"] == scenes
    assert run.data.tags["data.dvc"] == file_digest(trained_once / "data.dvc")
    dataset = run.inputs.dataset_inputs[0].dataset
    assert (dataset.name, dataset.digest) == ("valid_scenes", scenes)
    assert run.data.metrics["final/scenes_per_second"] > 0
    assert run.data.metrics["system/system_memory_usage_megabytes"] > 0
    assert [m.step for m in client.get_metric_history(version.run_id, "val/loss")] == [1, 3, 5]
    samples = {file.path for file in client.list_artifacts(version.run_id, "samples")}
    assert "samples/step_000006.png" in samples


def test_trained_once_it_is_not_trained_again(trained: Path) -> None:
    before = (trained / WEIGHTS).stat().st_mtime_ns
    train.main(Workspace(trained))
    assert (trained / WEIGHTS).stat().st_mtime_ns == before
    write_params(trained, seed=1)
    train.main(Workspace(trained))
    assert (trained / WEIGHTS).stat().st_mtime_ns != before


def test_scenes_that_are_encoded_otherwise_are_trained_on_anew(trained: Path) -> None:
    before = (trained / WEIGHTS).stat().st_mtime_ns
    encoded = trained / "outputs/encoded"
    shared = encoded.resolve()
    encoded.unlink()
    shutil.copytree(shared, encoded)
    manifest = encoded / "manifest.json"
    manifest.write_text(manifest.read_text().replace("{", '{"encoded": "otherwise",', 1))
    train.main(Workspace(trained))
    assert (trained / WEIGHTS).stat().st_mtime_ns != before


def test_fewer_steps_than_to_the_first_validation_are_trained_and_validated(root: Path) -> None:
    write_params(root, steps=3, val_every=500)
    train.main(Workspace(root))
    metrics = json.loads((root / artefacts.TRAIN_METRICS).read_text())
    assert (metrics["steps"], metrics["val_loss"] > 0) == (3, True)


def test_killed_and_resumed_it_gives_the_weights_of_an_uninterrupted_run(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_params(root, steps=20, accumulate=2)
    run_and_kill("train", root, lambda: [*(root / "checkpoints").glob("*/last.ckpt")])
    assert not (root / WEIGHTS).exists()
    caplog.set_level("INFO")
    train.main(Workspace(root))
    assert "goes on at step" in caplog.text
    resumed = weights(root)
    curve = (root / artefacts.TRAIN_CURVE).read_text()
    (root / WEIGHTS).unlink()
    train.main(Workspace(root))
    assert same(resumed, weights(root))
    assert (root / artefacts.TRAIN_CURVE).read_text() == curve


def test_two_processes_follow_the_mean_of_their_gradients(root: Path, monkeypatch) -> None:
    one_step = {"steps": 1, "warmup_steps": 0, "val_every": 1}
    write_params(root, devices=2, strategy="ddp", **one_step)
    command = [sys.executable, "-m", "pipeline", "train", "--root", str(root)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, env=environment, cwd=root, check=True, timeout=300)
    assert json.loads((root / artefacts.TRAIN_METRICS).read_text())["steps"] == 1

    params = TrainParams(**{**STARVED, **one_step})
    backbone = load_backbone("models/tiny", root)
    scenes = encoded_scenes(root / "outputs/encoded", backbone, (48, 32))
    module = ControlNetModule(backbone, params, scenes.unconditional_text)
    monkeypatch.setattr(module, "log_dict", lambda *_, **__: None)
    optimizer = module.configure_optimizers()["optimizer"]
    for rank in range(2):
        monkeypatch.setattr(ControlNetModule, "global_rank", rank)
        (positions,) = ShuffledBatches(len(scenes.train), 2, 1, rank=rank, world_size=2)
        batch = default_collate([scenes.train[position] for position in positions])
        (module.training_step(batch, 0) / 2).backward()
    torch.nn.utils.clip_grad_norm_(module.controlnet.parameters(), params.clip_norm)
    optimizer.step()
    expected = module.controlnet.state_dict()
    for name, found in weights(root).items():
        torch.testing.assert_close(found, expected[name], atol=1e-5, rtol=0)


@pytest.mark.parametrize("use_encoded", [True, False], ids=["encoded", "files"])
def test_processes_that_read_scenes_change_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, use_encoded: bool
) -> None:
    # As in a process whose OpenCV has started its threads, as most have.
    cv2.setNumThreads(4)
    cv2.resize(np.zeros((4000, 4000, 3), np.uint8), (500, 500), interpolation=cv2.INTER_AREA)
    if not use_encoded:
        (root / "outputs/encoded").unlink()
    found = []
    for num_workers in (0, 1):
        write_params(root, steps=2, use_encoded=use_encoded, num_workers=num_workers)
        train.main(Workspace(root))
        assert json.loads((root / artefacts.TRAIN_METRICS).read_text())["steps"] == 2
        found.append(weights(root))
        (root / WEIGHTS).unlink()
    assert same(*found)


def test_frozen_models_run_in_no_forked_process(root: Path) -> None:
    """On a GPU they cannot: CUDA is not initialised again there."""
    params = TrainParams(**STARVED, use_encoded=False, num_workers=1)
    backbone = load_backbone("models/tiny", root)
    scenes = raw_scenes(root / train.SCENES, root, backbone, (48, 32))
    processes = set()
    backbone.vae.encoder.register_forward_hook(lambda *_: processes.add(os.getpid()))
    batches = Batches(scenes.train, scenes.val, params, 0)
    assert len(list(batches.val_dataloader())) == 2
    assert processes == {os.getpid()}
    assert batches.val_dataloader().num_workers == 0
    encoded = Batches(scenes.train, scenes.val, TrainParams(num_workers=1), 0)
    assert encoded.val_dataloader().num_workers == 1


def test_without_a_val_split_the_curve_is_that_of_the_training_loss(
    workspace: Workspace, tiny_backbone: Path
) -> None:
    write_scene_tree(workspace.root, dict.fromkeys(videos_of("train", 2), 2))
    shutil.copytree(tiny_backbone, workspace.path("models/tiny"))
    write_params(workspace.root, steps=5, accumulate=2)
    encode.main(workspace)
    train.main(workspace)
    ControlNetModel.from_pretrained(workspace.path(artefacts.CONTROLNET))
    curve = pd.read_csv(workspace.path(artefacts.TRAIN_CURVE))
    assert curve["step"].tolist() == [2, 4, 5]
    assert (curve["train_loss"] > 0).all()
    assert curve["val_loss"].isna().all()
    assert "val_loss" not in json.loads(workspace.path(artefacts.TRAIN_METRICS).read_text())
    plot = workspace.path("curve.png")
    draw_curve(plot, curve)
    with Image.open(plot) as picture:
        assert picture.format == "PNG"
    (listed,) = [plot for plot in DVC["plots"] if artefacts.TRAIN_CURVE in plot]
    assert set(listed[artefacts.TRAIN_CURVE]["y"][artefacts.TRAIN_CURVE]) <= set(curve)


def test_the_frozen_parts_stay_as_they_are(root: Path) -> None:
    backbone = load_backbone("models/tiny", root)
    parts = (backbone.unet, backbone.vae, backbone.text_encoder)
    before = [{name: w.clone() for name, w in part.state_dict().items()} for part in parts]
    scenes = encoded_scenes(root / "outputs/encoded", backbone, (48, 32))
    Run(TrainParams(**STARVED), backbone, scenes, root / "checkpoints/x").fit()
    for part, old in zip(parts, before, strict=True):
        assert same(part.state_dict(), old)


def test_a_new_controlnet_adds_exactly_nothing(root: Path) -> None:
    backbone = load_backbone("models/tiny", root)
    text = backbone.encode_texts(["cup"])
    module = ControlNetModule(backbone, TrainParams(**STARVED), text[0])
    latents, control = torch.randn(1, 4, 24, 16), torch.rand(1, 2, 48, 32)
    answers = [
        controlled(backbone.unet, controlnet, latents, torch.tensor([500]), text, control)
        for controlnet in (None, module.averaged)
    ]
    assert torch.equal(*answers)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"embedding_channels": [4, 8, 8]}, ParamsError, "halves a picture 1 times: give 2"),
        ({"lambda_lpips": 0.1}, ParamsError, r"pip install lpips.*lambda_lpips: 0"),
        ({"warmup_steps": 6}, ParamsError, "there are only 6 steps"),
        ({"strategy": "fsdp"}, ParamsError, r"train\.strategy: .*'auto' or 'ddp'.*'fsdp'"),
        ({"devices": 0}, ParamsError, r"train\.devices.*0"),
    ],
    ids=["embedding", "lpips", "warmup", "strategy", "devices"],
)
def test_params_that_cannot_be_had_are_named(
    root: Path, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    write_params(root, **changes)
    with pytest.raises(error, match=message):
        train.main(Workspace(root))


def test_scenes_of_another_size_are_refused(root: Path) -> None:
    text = (root / "params.yaml").read_text().replace("- 48", "- 64")
    (root / "params.yaml").write_text(text)
    with pytest.raises(InputError, match="dvc repro encode"):
        train.main(Workspace(root))


def test_the_demo_is_the_default_backbone() -> None:
    assert ModelParams().backbone == "models/demo_backbone"


def test_the_benchmark_of_steps_runs(root: Path, monkeypatch, capsys) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    benchmark = runpy.run_path(str(ROOT / "benchmarks/train.py"))["main"]
    monkeypatch.setitem(benchmark.__globals__, "ROOT", root)
    monkeypatch.setattr(sys, "argv", ["train.py", "--steps", "1"])
    benchmark()
    assert "faster than as in the example" in capsys.readouterr().out
