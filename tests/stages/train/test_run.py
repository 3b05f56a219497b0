from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_backbone import save_tiny_backbone
from tiny_scenes import TinyScenes

from pipeline.diffusion.backbone import Backbone, load_backbone
from pipeline.learning.training_scenes import TrainingScenes
from pipeline.stages.train.controlnet_module import ControlNetModule
from pipeline.stages.train.params import TrainParams
from pipeline.stages.train.run import Run

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


@pytest.fixture
def backbone(tiny_backbone: Path) -> Backbone:
    return load_backbone(str(tiny_backbone), Path())


def run_of(backbone: Backbone, folder: Path, val: TinyScenes | None = None, **changes: Any) -> Run:
    scenes = TrainingScenes(
        TinyScenes(6), TinyScenes(2, seed=1) if val is None else val, torch.zeros(16, 32)
    )
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


def test_a_run_without_validations_goes_on_where_it_was_interrupted(
    backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params: dict[str, Any] = {"val": TinyScenes(0), "steps": 5, "val_every": 2}
    whole = run_of(backbone, tmp_path / "whole", **params).fit()
    step = ControlNetModule.training_step

    def interrupted(module: ControlNetModule, batch: Any, batch_idx: int) -> torch.Tensor:
        if batch_idx == 3:
            raise InterruptedError
        return step(module, batch, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(ControlNetModule, "training_step", interrupted)
        with pytest.raises(InterruptedError):
            run_of(backbone, tmp_path / "parts", **params).fit()
    resumed = run_of(backbone, tmp_path / "parts", **params).fit()
    assert [row["step"] for row in whole.curve] == [2, 4, 5]
    assert resumed.curve == whole.curve
    assert_same(resumed.controlnet, whole.controlnet.state_dict())


def test_what_is_kept_is_the_average_of_the_weights(
    backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[State] = []
    batch_end = ControlNetModule.on_train_batch_end

    def noted(module: ControlNetModule, outputs: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx % 2:
            steps.append(copied(module.controlnet))
        batch_end(module, outputs, batch, batch_idx)

    monkeypatch.setattr(ControlNetModule, "on_train_batch_end", noted)
    trained = run_of(backbone, tmp_path, accumulate=2, ema_decay=0.25).fit()
    assert len(steps) == 4
    # The first step's weights, then as much of the old as the decay says: 2/11, then 3/12 = 0.25
    # and no more.
    average = steps[0]
    for decay, current in zip((2 / 11, 0.25, 0.25), steps[1:], strict=True):
        average = {
            name: decay * value + (1 - decay) * current[name] for name, value in average.items()
        }
    assert_same(trained.controlnet, average)


def test_it_stops_after_validations_without_an_improvement_and_keeps_the_best(
    backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([3.0, 1.0, 2.0, 1.5, 0.5])
    validated: list[State] = []

    def rising(module: ControlNetModule, batch: Any, batch_idx: int) -> None:
        validated.append(copied(module.averaged))
        module.log("val/loss", next(losses), batch_size=2)

    monkeypatch.setattr(ControlNetModule, "validation_step", rising)
    trained = run_of(backbone, tmp_path, steps=10, val_every=2, patience=2).fit()
    assert trained.metrics["steps"] == 8
    assert [row["val_loss"] for row in trained.curve] == [3.0, 1.0, 2.0, 1.5]
    assert trained.metrics["val_loss"] == 1.0
    assert_same(trained.controlnet, validated[1])
    assert any(not torch.equal(validated[1][name], validated[3][name]) for name in validated[1])


def test_a_backbone_that_predicts_noise_is_trained_too(tmp_path: Path) -> None:
    folder = save_tiny_backbone(tmp_path / "epsilon", "epsilon")
    backbone = load_backbone(str(folder), Path())
    assert backbone.prediction_type == "epsilon"
    run = run_of(backbone, tmp_path, steps=30, val_every=1, learning_rate=3e-3, warmup_steps=2)
    losses = [row["val_loss"] for row in run.fit().curve]
    assert min(losses[-5:]) < 0.95 * losses[0]


class NotedScenes(TinyScenes):
    """Scenes that know which of them were taken."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.taken: set[int] = set()

    def __getitem__(self, position: int) -> dict[str, Any]:
        self.taken.add(position)
        return super().__getitem__(position)


def test_validation_samples_and_check_are_of_the_same_few_scenes(
    backbone: Backbone, tmp_path: Path
) -> None:
    val = NotedScenes(12)
    trained = run_of(backbone, tmp_path, val, val_scenes=4, samples=10).fit()
    assert len(val.taken) == 4
    assert {"val_loss", "control_shuffle_loss_increase"} <= set(trained.metrics)
    assert len(trained.samples) == 1
