import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml
from diffusers import ControlNetModel
from safetensors.torch import load_file
from scene_trees import write_scene_tree
from tiny_editor import write_tiny_editor

from pipeline.diffusion.controlnet import WEIGHTS, reads_dose
from pipeline.ground import artefacts
from pipeline.ground.errors import InputError
from pipeline.ground.workspace import Workspace
from pipeline.scenes.split import split_of
from pipeline.stages.distil import stage as distil

ROOT = Path(__file__).parents[3]
DISTIL = {
    "steps": 6,
    "batch_size": 2,
    "learning_rate": 1e-2,
    "warmup_steps": 1,
    "factors": [0.5, 1.0, 2.0],
    "val_every": 2,
    "val_draws": 1,
}


def videos_of(split: str, count: int) -> list[str]:
    ids = (f"70000000000000{number:05}" for number in range(10_000))
    found = (video for video in ids if split_of(video) == split)
    return [next(found) for _ in range(count)]


@pytest.fixture
def root(workspace: Workspace) -> Path:
    videos = [*videos_of("train", 2), *videos_of("val", 1)]
    write_scene_tree(workspace.root, dict.fromkeys(videos, 2))
    write_tiny_editor(workspace)
    write_params(workspace.root)
    return workspace.root


def write_params(root: Path, **changes: Any) -> None:
    path = root / "params.yaml"
    params = yaml.safe_load(path.read_text()) | {"distil": {**DISTIL, **changes}}
    path.write_text(yaml.safe_dump(params))


def weights(root: Path) -> dict[str, torch.Tensor]:
    return load_file(root / artefacts.DOSE_CONTROLNET / WEIGHTS)


def test_a_controlnet_that_reads_the_dose_and_its_figures_are_written(root: Path) -> None:
    distil.main(Workspace(root))
    controlnet = ControlNetModel.from_pretrained(root / artefacts.DOSE_CONTROLNET)
    assert reads_dose(controlnet)
    # The new channel's weights began as 0.
    assert controlnet.controlnet_cond_embedding.conv_in.weight[:, 2].abs().max() > 0
    metrics = json.loads((root / artefacts.DISTIL_METRICS).read_text())
    assert metrics["steps"] == 6
    assert metrics["val_loss"] * (1 + metrics["zero_loss_increase"]) > 0
    curve = pd.read_csv(root / artefacts.DISTIL_CURVE)
    assert curve["step"].tolist() == [2, 4, 6]
    assert curve["val_loss"].notna().all()
    file = root / artefacts.DOSE_CONTROLNET / WEIGHTS
    written = file.stat().st_mtime_ns
    distil.main(Workspace(root))
    assert file.stat().st_mtime_ns == written


def test_a_run_that_was_killed_ends_with_the_weights_it_would_have_had(root: Path) -> None:
    distil.main(Workspace(root))
    whole = weights(root)
    write_params(root, seed=1)
    distil.main(Workspace(root))
    write_params(root)
    command = [sys.executable, "-m", "pipeline", "distil", "--root", str(root)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, cwd=root, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while not list(root.glob("checkpoints/*/last.ckpt")):
        assert time.monotonic() < deadline
        if process.poll() is not None:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    distil.main(Workspace(root))
    again = weights(root)
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    assert not list(root.glob("checkpoints/*"))


def test_fewer_than_two_scenes_to_learn_from_are_refused(root: Path) -> None:
    path = root / artefacts.SCENES
    table = path.read_text()
    path.write_text(table.replace(",train,", ",test,"))
    with pytest.raises(InputError, match="0 scenes of the table belong to the split `train`"):
        distil.main(Workspace(root))


def test_without_a_val_split_the_last_weights_are_kept(root: Path) -> None:
    path = root / artefacts.SCENES
    path.write_text(path.read_text().replace(",val,", ",test,"))
    distil.main(Workspace(root))
    assert json.loads((root / artefacts.DISTIL_METRICS).read_text()) == {"steps": 6}
    assert (root / artefacts.DOSE_CONTROLNET / WEIGHTS).is_file()
