"""What a small change of the latents does to the picture: a linear map, one for each scene.

Gradient guidance asks for it at every step of an edit. To decode there, and to differentiate the
decoder, would cost more than all the rest. So the decoder is asked once a scene, with white noise
added to the latents: noise of different places and channels has nothing in common, so least squares
tells what each of them did. The demo's decoder answers to an edit's changes as this map does but
for 1 to 3 % (decision 0004); what an edit has reached is always measured on decoded pictures.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.editing.models import LatentModel

# Latents along each side of the square around a place that its pixels depend on.
_SIDE = 3
# Standard deviation of the noise, relative to that of the latents.
_NOISE = 0.5
_RIDGE = 1e-3
_LEAST = 1e-6


@torch.no_grad()
def linear_decoder(backbone: LatentModel, latents: Tensor, decoded: Tensor) -> Tensor:
    """Return a map for each of N scenes, N×3f²×9C, with f pixels along the side of a latent.

    Args:
        backbone: whose decoder it is like.
        latents: N×C×h×w.
        decoded: N×3×H×W, the pictures that the decoder makes of them.
    """
    noise = torch.randn(latents.shape[1:], generator=torch.Generator().manual_seed(0))
    amplitude = _NOISE * latents.flatten(1).std(1).clamp(min=_LEAST)
    change = amplitude[:, None, None, None] * noise.to(latents)
    effect = backbone.decode(latents + change) - decoded
    factor = decoded.shape[-1] // latents.shape[-1]
    causes = _surroundings(change)
    effects = functional.pixel_unshuffle(effect.float(), factor).flatten(2)
    square = causes @ causes.mT
    ridge = _RIDGE * square.diagonal(dim1=1, dim2=2).mean(1)
    square += ridge[:, None, None] * torch.eye(square.shape[1], device=square.device)
    return torch.linalg.solve(square, causes @ effects.mT).mT.contiguous()


def picture_change(decoder: Tensor, change: Tensor) -> Tensor:
    """Return what a change of the latents, N×C×h×w, does to the pictures, N×3×H×W.

    Args:
        decoder: `linear_decoder`'s maps.
        change: of the latents.
    """
    pixels = (decoder @ _surroundings(change)).unflatten(2, change.shape[-2:])
    return functional.pixel_shuffle(pixels, pixels_per_latent(decoder))


def pixels_per_latent(decoder: Tensor) -> int:
    """Return f, the pixels along the side of a latent."""
    return round((decoder.shape[1] / 3) ** 0.5)


def _surroundings(latents: Tensor) -> Tensor:
    """Return the latents in the square around each place, N×9C×hw; beyond the border are zeros."""
    return functional.unfold(latents, _SIDE, padding=_SIDE // 2)
