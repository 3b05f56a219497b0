from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.editing.linear_decoder import linear_decoder, picture_change, pixels_per_latent

RANDOM = torch.Generator().manual_seed(2)
KERNEL = torch.randn(12, 4, 3, 3, generator=RANDOM)
LATENTS = torch.randn(2, 4, 12, 8, generator=RANDOM)
CHANGE = 0.3 * torch.randn(LATENTS.shape, generator=RANDOM)


class Backbone:
    """Decodes by a convolution, twice as large, and as far from linear as it is told."""

    def __init__(self, bend: float) -> None:
        self.bend = bend

    def decode(self, latents: Tensor) -> Tensor:
        pixels = functional.pixel_shuffle(functional.conv2d(latents, KERNEL, padding=1), 2)
        return pixels + self.bend * pixels.square()


def compared(backbone: Any) -> tuple[Tensor, Tensor]:
    """Return what a change does to the pictures by the map, and by the decoder."""
    decoded = backbone.decode(LATENTS)
    decoder = linear_decoder(backbone, LATENTS, decoded)
    assert pixels_per_latent(decoder) == 2
    return picture_change(decoder, CHANGE), backbone.decode(LATENTS + CHANGE) - decoded


def test_a_linear_decoder_is_found_exactly() -> None:
    found, true = compared(Backbone(0))
    assert found.shape == (2, 3, 24, 16)
    assert (found - true).norm() < 0.01 * true.norm()


def test_a_bent_decoder_is_followed_in_direction() -> None:
    found, true = compared(Backbone(0.02))
    likeness = functional.cosine_similarity(found.flatten(1), true.flatten(1))
    assert (likeness > 0.9).all()


def test_each_scene_has_a_map_of_its_own_whatever_it_is_fitted_with() -> None:
    backbone: Any = Backbone(0.02)
    both = linear_decoder(backbone, LATENTS, backbone.decode(LATENTS))
    alone = linear_decoder(backbone, LATENTS[1:], backbone.decode(LATENTS[1:]))
    torch.testing.assert_close(both[1:], alone)
    assert not torch.allclose(both[0], both[1])
