from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_backbone import save_tiny_backbone
from tiny_scenes import TinyScenes

from pipeline.diffusion.backbone import Backbone, load_backbone
from pipeline.training.controlnet_module import ControlNetModule
from pipeline.training.run import Run, Scenes
from pipeline.training.settings import TrainParams

STARVED: dict[str, Any] = {
    "steps": 4,
    "batch_size": 2,
    "learning_rate": 1e-3,
    "warmup_steps": 0,
    "embedding_channels": (4, 8),
    "precision": "32-true",
    "val_every": 4,
    "val_draws": 1,
    "samples": 0,
}
State = dict[str, torch.Tensor]


def tiny_backbone(folder: Path, prediction_type: str = "v_prediction") -> Backbone:
    return load_backbone(str(save_tiny_backbone(folder, prediction_type)), Path())


@pytest.fixture
def backbone(tmp_path: Path) -> Backbone:
    return tiny_backbone(tmp_path / "backbone")


def run_of(backbone: Backbone, folder: Path, n_val: int = 2, **changes: Any) -> Run:
    text = torch.zeros(16, 32)
    scenes = Scenes(TinyScenes(6), TinyScenes(n_val, seed=1), text)
    return Run(TrainParams(**{**STARVED, **changes}), backbone, scenes, folder)


def copied(module: torch.nn.Module) -> State:
    return {name: value.clone() for name, value in module.state_dict().items()}


def assert_same(found: torch.nn.Module, expected: State) -> None:
    for name, value in found.state_dict().items():
        torch.testing.assert_close(value, expected[name])


def test_the_curve_has_the_losses_of_whole_batches(
    backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = []
    step = ControlNetModule.training_step

    def noted(module: ControlNetModule, batch: Any, batch_idx: int) -> torch.Tensor:
        loss = step(module, batch, batch_idx)
        losses.append(loss.item())
        return loss

    monkeypatch.setattr(ControlNetModule, "training_step", noted)
    trained = run_of(backbone, tmp_path, steps=2, val_every=2, accumulate=3).fit()
    assert len(losses) == 6
    (row,) = trained.curve
    assert row["train_loss"] == pytest.approx(sum(losses) / 6)
