import math
from typing import Any

import pytest
import torch
from tiny_models import BrightnessGuide
from torch import Tensor

from pipeline.diffusion.ddim import Level, velocity_of_clean
from pipeline.editing.guidance import Canvas, GuideView, guide_log_odds
from pipeline.editing.inversion import Inversion, invert
from pipeline.editing.linear_decoder import LinearDecoder
from pipeline.editing.redraw import Request, redraw

LEVELS = [Level(0, 0.0), *(Level(step, 0.25 * step) for step in range(1, 5))]
SHIFT = math.log(2)


class Backbone:
    """Latents of three channels that are the picture."""

    def decode(self, latents: Tensor) -> Tensor:
        return latents


class Denoiser:
    """Knows the scene, sees what was made of a change, and adds a part of the dose it reads."""

    reads_dose, uses_control = True, True

    def __init__(self, scene: Tensor, part: float) -> None:
        self.scene, self.part = scene, part
        self.asked: list[float] = []
        self.noisy: dict[Level, Tensor] = {}

    def embedded(self, control: Tensor) -> Tensor:
        return control

    def velocity(self, latents: Tensor, level: Level, text: Tensor, control: Tensor) -> Tensor:
        dose = control[:, 2:]
        self.asked.append(dose.max().item())
        made = (latents - self.noisy[level]) / math.cos(level.angle) if self.noisy else 0
        return velocity_of_clean(latents, self.scene + made + self.part * dose, level)


@pytest.fixture
def canvas() -> Canvas:
    picture = torch.full((1, 3, 24, 16), -0.5)
    mask = torch.zeros(1, 24, 16)
    mask[:, 8:16, 4:12] = 1
    return Canvas(
        image=picture,
        unedited=picture,
        latents=picture,
        decoded=picture,
        decoder=LinearDecoder(torch.zeros(1, 3, 27), torch.zeros(1)),
        weight=mask[:, None],
        raised=mask,
        lowered=1 - mask,
    )


def drawn(canvas: Canvas, part: float, shift: float) -> tuple[float, list[float]]:
    """Return the log odds that were reached, and what was asked for at each step."""
    denoiser: Any = Denoiser(canvas.image, part)
    own = torch.zeros(1, 3, 24, 16)
    text = torch.zeros(1, 1, 1)
    inversion = invert(denoiser, canvas.latents, text, own, LEVELS, refinements=2)
    denoiser.asked, denoiser.noisy = [], paths(inversion)
    backbone: Any = Backbone()
    start = guide_log_odds(BrightnessGuide(), canvas.image, canvas)
    request = Request(
        text=text,
        own=own,
        heatmap=torch.zeros(1, 1, 24, 16),
        moves=canvas.weight,
        shift=torch.tensor([shift]),
        goal=start + shift,
        control_gain=torch.ones(1),
    )
    view = GuideView(BrightnessGuide(), backbone, least_fit=0.8, half=False)
    latents = redraw(denoiser, inversion, canvas, request, LEVELS, view)
    odds = guide_log_odds(BrightnessGuide(), canvas.composite(latents - canvas.unedited), canvas)
    return (odds - start).item(), denoiser.asked


def paths(inversion: Inversion) -> dict[Level, Tensor]:
    """Return the unedited scene's latents at each level: its noise stays as it is."""
    clean, deepest = inversion.redrawn, LEVELS[-1]
    noise = (inversion.noisy - math.cos(deepest.angle) * clean) / math.sin(deepest.angle)
    return {
        level: math.cos(level.angle) * clean + math.sin(level.angle) * noise for level in LEVELS
    }


def test_each_step_is_asked_for_what_is_left(canvas: Canvas) -> None:
    _, asked = drawn(canvas, part=0.3, shift=SHIFT)
    assert asked[0] == pytest.approx(SHIFT)
    assert asked == sorted(asked, reverse=True)
    assert 0 < asked[-1] < 0.8 * SHIFT


@pytest.mark.parametrize("shift", [SHIFT, -SHIFT])
def test_a_slow_and_a_hasty_model_come_near_the_same_dose(canvas: Canvas, shift: float) -> None:
    slow, hasty = (drawn(canvas, part, shift)[0] / shift for part in (0.2, 0.4))
    # Twice as much of what is asked for, and without the guide's word twice the change.
    assert hasty < 1.4 * slow
    assert 0.6 < slow < hasty < 1.2


def test_a_sham_is_asked_for_nothing_as_long_as_it_does_nothing(canvas: Canvas) -> None:
    moved, asked = drawn(canvas, part=0.3, shift=0.0)
    assert asked == pytest.approx([0.0] * 4, abs=1e-5)
    assert moved == pytest.approx(0, abs=1e-6)
