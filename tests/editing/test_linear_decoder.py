from typing import Any

import pytest
import torch
from tiny_models import BrightnessGuide
from torch import Tensor
from torch.nn import functional

from pipeline.editing.guidance import Canvas, GradientGuidance, GuideView, guide_log_odds
from pipeline.editing.linear_decoder import LinearDecoder, fit_decoder

RANDOM = torch.Generator().manual_seed(2)
KERNEL = torch.randn(12, 4, 3, 3, generator=RANDOM) / 6
LATENTS = torch.randn(2, 4, 12, 8, generator=RANDOM)
CHANGE = 0.3 * torch.randn(LATENTS.shape, generator=RANDOM)


class Backbone:
    """Decodes by a convolution, twice as large, and as far from linear as it is told."""

    def __init__(self, bend: float) -> None:
        self.bend = bend

    def decode(self, latents: Tensor) -> Tensor:
        pixels = functional.pixel_shuffle(functional.conv2d(latents, KERNEL, padding=1), 2)
        return (1 - self.bend) * pixels + self.bend * torch.sin(6 * pixels)


def fitted(bend: float, latents: Tensor = LATENTS) -> LinearDecoder:
    backbone: Any = Backbone(bend)
    return fit_decoder(backbone, latents, backbone.decode(latents))


def compared(bend: float, latents: Tensor, change: Tensor) -> tuple[Tensor, Tensor]:
    """Return what a change does to the pictures by the map, and by the decoder."""
    backbone = Backbone(bend)
    true = backbone.decode(latents + change) - backbone.decode(latents)
    return fitted(bend, latents).picture_change(change), true


def test_a_linear_decoder_is_found_exactly_and_known_to_be_one() -> None:
    found, true = compared(0, LATENTS, CHANGE)
    assert found.shape == (2, 3, 24, 16)
    assert (found - true).norm() < 0.01 * true.norm()
    assert (fitted(0).fit > 0.999).all()


def test_small_latents_are_asked_until_there_are_equations_enough() -> None:
    """Of 4×4 places and 36 unknowns nothing could be learnt from one noise."""
    found, true = compared(0.05, LATENTS[..., :4, :4], CHANGE[..., :4, :4])
    assert (found - true).norm() < 0.4 * true.norm()


def test_the_fit_tells_how_bent_a_decoder_is() -> None:
    fits = [fitted(bend).fit.mean().item() for bend in (0, 0.05, 0.3, 1)]
    assert fits == sorted(fits, reverse=True)
    assert fits[1] > 0.8
    assert fits[-1] < 0.3


def test_each_scene_has_a_map_of_its_own_whatever_it_is_fitted_with() -> None:
    both, alone = fitted(0.02), fitted(0.02, LATENTS[1:])
    torch.testing.assert_close(both.jacobian[1:], alone.jacobian)
    torch.testing.assert_close(both.fit[1:], alone.fit)
    assert not torch.allclose(both.jacobian[0], both.jacobian[1])


@pytest.fixture
def canvas() -> Canvas:
    """Two scenes of one picture: the decoder of the first is linear, that of the second is not."""
    latents = LATENTS[:1].repeat(2, 1, 1, 1)
    decoded = Backbone(0.5).decode(latents)
    mask = torch.zeros(2, 24, 16)
    mask[:, 8:16, 4:12] = 1
    return Canvas(
        image=0.2 * decoded.clamp(-1, 1),
        unedited=decoded,
        latents=latents,
        decoded=decoded,
        decoder=LinearDecoder(fitted(0.5, latents).jacobian, torch.tensor([0.9, 0.5])),
        weight=mask[:, None],
        raised=mask,
        lowered=1 - mask,
    )


def correction(canvas: Canvas, least_fit: float) -> Tensor:
    """Return what guidance adds to the latents, half of the way to a higher share."""
    view = GuideView(BrightnessGuide(), Backbone(0.5), least_fit=least_fit, half=False)
    guidance = GradientGuidance(view, gain=0.5, steps=1)
    goal = guide_log_odds(BrightnessGuide(), canvas.image, canvas) + 0.2
    return guidance.correction(canvas.latents, canvas.latents, canvas, goal)


def test_a_decoder_that_is_not_linear_enough_is_differentiated_itself(canvas: Canvas) -> None:
    weight = canvas.latent_weight()
    latents = torch.zeros_like(canvas.latents).requires_grad_()
    seen = Backbone(0.5).decode(canvas.latents + weight * latents) - canvas.decoded
    odds = guide_log_odds(BrightnessGuide(), canvas.image + canvas.weight * seen, canvas)
    (exact,) = torch.autograd.grad(odds.sum(), latents)
    exact = 0.1 * exact / exact.square().flatten(1).sum(1)[:, None, None, None]
    linear, bent = correction(canvas, least_fit=0.8)
    torch.testing.assert_close(bent, exact[1])
    assert not torch.allclose(linear, exact[0], rtol=0.05)
    torch.testing.assert_close(correction(canvas, least_fit=1.0), exact)
    torch.testing.assert_close(correction(canvas, least_fit=0.0)[0], linear)
