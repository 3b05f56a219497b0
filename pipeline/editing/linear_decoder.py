"""What a small change of the latents does to the picture: a linear map, one for each scene.

Gradient guidance asks for it at every guided step of every edit, and to differentiate the decoder
there takes longer than the step itself. So the decoder is asked once a scene, with white noise
added to the latents: noise of different places and channels has nothing in common, so least squares
tells what each of them did. How far to trust the map is measured, on places that it was not fitted
to: a decoder that it does not explain is differentiated itself (`edit.least_decoder_fit`). What an
edit has reached is measured on decoded pictures in either case.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.diffusion.backbone import Backbone

# Latents along each side of the square around a place that its pixels depend on.
_SIDE = 3
# Standard deviation of the noise, relative to that of the latents.
_NOISE = 0.5
_RIDGE = 1e-3
_LEAST = 1e-6
# Equations for each unknown: small latents are asked with several noises.
_EQUATIONS = 10
# One place of so many is left out of the fit, to measure it by.
_HELD_OUT = 5


@dataclass(frozen=True)
class LinearDecoder:
    """The decoder near N scenes, as a linear map.

    Attributes:
        jacobian: N×3f²×9C, with f pixels along the side of a latent.
        fit: N, R² on places that it was not fitted to: 1 is a decoder that is linear.
    """

    jacobian: Tensor
    fit: Tensor

    def picture_change(self, change: Tensor) -> Tensor:
        """Return what a change of the latents, N×C×h×w, does to the pictures, N×3×H×W."""
        pixels = (self.jacobian @ _surroundings(change)).unflatten(2, change.shape[-2:])
        return functional.pixel_shuffle(pixels, math.isqrt(self.jacobian.shape[1] // 3))

    def take(self, scenes: Tensor) -> LinearDecoder:
        """Return the maps at these positions, which may repeat."""
        return LinearDecoder(self.jacobian[scenes], self.fit[scenes])


@torch.no_grad()
def fit_decoder(backbone: Backbone, latents: Tensor, decoded: Tensor) -> LinearDecoder:
    """Fit a map for each of N scenes.

    Args:
        backbone: whose decoder it is like.
        latents: N×C×h×w.
        decoded: N×3×H×W, the pictures that the decoder makes of them.
    """
    factor = decoded.shape[-1] // latents.shape[-1]
    unknowns, places = _SIDE**2 * latents.shape[1], latents[0, 0].numel()
    draws = math.ceil(_EQUATIONS * unknowns / places)
    random = torch.Generator().manual_seed(0)
    amplitude = _NOISE * latents.flatten(1).std(1).clamp(min=_LEAST)
    causes, effects = [], []
    for _ in range(draws):
        noise = torch.randn(latents.shape[1:], generator=random).to(latents)
        change = amplitude[:, None, None, None] * noise
        effect = backbone.decode(latents + change) - decoded
        causes.append(_surroundings(change))
        effects.append(functional.pixel_unshuffle(effect.float(), factor).flatten(2))
    cause, effect = torch.cat(causes, 2), torch.cat(effects, 2)
    # Drawn at random: a pattern of places would hold whole rows or columns out.
    held_out = torch.randperm(cause.shape[2], generator=random).to(latents.device)
    tested, fitted = held_out.tensor_split([cause.shape[2] // _HELD_OUT])
    known, answer = cause[..., fitted], effect[..., fitted]
    square = known @ known.mT
    ridge = _RIDGE * square.diagonal(dim1=1, dim2=2).mean(1)
    square += ridge[:, None, None] * torch.eye(unknowns, device=square.device)
    jacobian = torch.linalg.solve(square, known @ answer.mT).mT.contiguous()
    truth = effect[..., tested]
    missed = (jacobian @ cause[..., tested] - truth).square().flatten(1).sum(1)
    return LinearDecoder(jacobian, 1 - missed / truth.square().flatten(1).sum(1).clamp(min=_LEAST))


def _surroundings(latents: Tensor) -> Tensor:
    """Return the latents in the square around each place, N×9C×hw; beyond the border are zeros."""
    return functional.unfold(latents, _SIDE, padding=_SIDE // 2)
