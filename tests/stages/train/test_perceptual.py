import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from tiny_models import TinyBackbone
from tiny_scenes import TinyScenes
from torch import Tensor, nn
from torch.utils.data import default_collate

from pipeline.diffusion.backbone import load_backbone
from pipeline.stages.train.controlnet_module import ControlNetModule
from pipeline.stages.train.params import TrainParams
from pipeline.stages.train.perceptual import Perceptual


class LPIPS(nn.Module):
    """Answers as the package's does, N×1×1×1, with the squared difference of the pictures."""

    def __init__(self, net: str, verbose: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return self.weight * (first - second).square().mean((1, 2, 3), keepdim=True)


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package, in whose place something with its interface stands: its weights are not ours."""
    package = ModuleType("lpips")
    package.LPIPS = LPIPS  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lpips", package)


def test_it_is_the_weighted_mean_distance_of_what_is_decoded() -> None:
    perceptual = Perceptual(0.5)
    clean = torch.zeros(2, 3, 4, 4)
    predicted = torch.stack([torch.full((3, 4, 4), 1.0), torch.full((3, 4, 4), 3.0)])
    predicted.requires_grad_(True)
    counts = torch.tensor([1.0, 0.2])[:, None, None, None]
    loss = perceptual(TinyBackbone(), predicted, clean, counts)
    assert loss.item() == pytest.approx(0.5 * (1 + 0.2 * 9) / 2)
    loss.backward()
    assert predicted.grad is not None
    assert (predicted.grad > 0).all()
    assert not any(weight.requires_grad for weight in perceptual._distance.parameters())


def test_training_adds_it_to_the_loss_and_learns_from_it(tiny_backbone: Path) -> None:
    backbone = load_backbone(str(tiny_backbone), Path())
    scenes = TinyScenes(2)
    batch: dict[str, Any] = default_collate([scenes[0], scenes[1]])
    losses, gradients = [], []
    for weight in (0.0, 0.1, 0.2):
        params = TrainParams(embedding_channels=(4, 8), lambda_lpips=weight)
        module = ControlNetModule(backbone, params, torch.zeros(16, 32))
        module.log_dict = lambda *_, **__: None  # type: ignore[method-assign]
        loss = module.training_step(batch, 0)
        loss.backward()
        losses.append(loss.item())
        gradients.append(module.controlnet.controlnet_mid_block.weight.grad)
    assert losses[1] > losses[0]
    assert losses[2] - losses[0] == pytest.approx(2 * (losses[1] - losses[0]), rel=1e-3)
    assert not torch.allclose(gradients[0], gradients[1])
