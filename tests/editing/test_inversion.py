import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from pipeline.diffusion.ddim import Level, noise_levels
from pipeline.editing.inversion import invert

LEVELS = noise_levels(torch.cos(torch.linspace(0.01, 1.5, 100)) ** 2, 0.7, 4)
START = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))


class Linear:
    """A model whose velocity is a multiple of the latents, so fixed points are known."""

    slope = 0.4

    def embedded(self, control: Tensor) -> Tensor:
        return control

    def velocity(self, latents: Tensor, *_: Any) -> Tensor:
        return self.slope * latents


class Curved(Linear):
    """One whose velocity is no line."""

    def velocity(self, latents: Tensor, level: Level, *_: Any) -> Tensor:
        return torch.tanh(latents + level.angle)


def missed(model: Linear, refinements: int) -> float:
    """Return by how much the redraw under the unchanged control misses the scene."""
    made = invert(model, START, START, START, LEVELS, refinements)  # type: ignore[arg-type]
    return float((made.redrawn - START).abs().max())


def test_two_refinements_invert_a_linear_model_exactly() -> None:
    assert missed(Linear(), 1) > 1e-2
    assert missed(Linear(), 2) < 1e-5
    turns = [end.angle - start.angle for start, end in itertools.pairwise(LEVELS)]
    growth = math.prod(1 / (math.cos(turn) - Linear.slope * math.sin(turn)) for turn in turns)
    made = invert(Linear(), START, START, START, LEVELS, 2)  # type: ignore[arg-type]
    torch.testing.assert_close(made.noisy, growth * START)


@pytest.mark.parametrize("refinements", [2, 3])
def test_each_refinement_comes_nearer_to_the_scene(refinements: int) -> None:
    assert missed(Curved(), refinements) < 0.5 * missed(Curved(), refinements - 1)
