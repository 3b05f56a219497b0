import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_scenes import TinyScenes
from torch.utils.data import default_collate

from pipeline.diffusion.backbone import Backbone, load_backbone
from pipeline.stages.train.controlnet_module import ControlNetModule
from pipeline.stages.train.params import TrainParams


@pytest.fixture
def backbone(tiny_backbone: Path) -> Backbone:
    return load_backbone(str(tiny_backbone), Path())


def module_of(backbone: Backbone, **params: Any) -> ControlNetModule:
    """Return a module outside a trainer."""
    module = ControlNetModule(
        backbone, TrainParams(embedding_channels=(4, 8), **params), torch.zeros(16, 32)
    )
    module.log_dict = lambda *_, **__: None  # type: ignore[method-assign]
    return module


def batch_of(count: int = 2) -> dict[str, Any]:
    scenes = TinyScenes(count)
    return default_collate([scenes[place] for place in range(count)])


def test_the_learning_rate_warms_up_and_follows_a_cosine_to_0(backbone: Backbone) -> None:
    module = module_of(backbone, learning_rate=0.8, warmup_steps=3, steps=11)
    configured = module.configure_optimizers()
    schedule = configured["lr_scheduler"]["scheduler"]
    rates = []
    for _ in range(12):
        rates += schedule.get_last_lr()
        configured["optimizer"].step()
        schedule.step()
    assert configured["lr_scheduler"]["interval"] == "step"
    assert rates[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert rates[5] == pytest.approx(0.4 + 0.4 * math.cos(math.pi / 4))
    assert rates[7] == pytest.approx(0.4)
    assert rates[11] == pytest.approx(0)


@pytest.mark.parametrize(("dropout", "equal"), [(1.0, True), (0.0, False)])
def test_a_dropped_keyword_does_not_reach_the_loss(
    backbone: Backbone, dropout: float, equal: bool
) -> None:
    module = module_of(backbone, keyword_dropout=dropout)
    batch = batch_of()
    losses = [
        module.training_step({**batch, "text": text}, 0)
        for text in (batch["text"], torch.full((2, 16, 32), 3.0))
    ]
    assert torch.equal(*losses) == equal


def test_gradient_checkpointing_changes_no_gradient(tiny_backbone: Path) -> None:
    gradients = []
    for checkpointing in (False, True):
        backbone = load_backbone(str(tiny_backbone), Path())
        module = module_of(backbone, gradient_checkpointing=checkpointing)
        assert module.controlnet.is_gradient_checkpointing == checkpointing
        assert backbone.unet.is_gradient_checkpointing == checkpointing
        module.training_step(batch_of(), 0).backward()
        gradients.append([weight.grad for weight in module.controlnet.parameters()])
    assert any(gradient.abs().max() > 0 for gradient in gradients[0])
    for plain, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(recomputed, plain)
