"""Gaussian blur and resizing as a model needs them: differentiable, exact, any sigma."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def gaussian_matrix(length: int, sigma: Tensor | float, *, device: torch.device) -> Tensor:
    """Return the length×length matrix that blurs along one axis; the border pixel is repeated.

    Beyond the border as many pixels are repeated as the Gaussian reaches (4 sigma).
    """
    sigma = torch.as_tensor(sigma, dtype=torch.float32, device=device)
    reach = int(4 * float(sigma.detach())) + 1
    sources = torch.arange(-reach, length + reach, device=device)
    targets = torch.arange(length, device=device)
    weights = torch.exp(-0.5 * ((targets[:, None] - sources[None]) / sigma) ** 2)
    weights = weights / weights.sum(1, keepdim=True)
    inside = sources.clamp(0, length - 1)
    return torch.zeros(length, length, device=device).index_add(1, inside, weights)


def blur(images: Tensor, sigma: Tensor | float) -> Tensor:
    """Return …×H×W blurred by a Gaussian of `sigma` pixels; differentiable in both."""
    height, width = images.shape[-2:]
    down = gaussian_matrix(height, sigma, device=images.device)
    across = gaussian_matrix(width, sigma, device=images.device)
    return down @ images @ across.T


def at_area(images: Tensor, area: int) -> Tensor:
    """Return N×C×H×W images at about `area` pixels, their aspect kept; differentiable."""
    height, width = images.shape[-2:]
    scale = (area / (height * width)) ** 0.5
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    return resized(images, size)


def resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Return N×C×H×W images at `size` (height, width), bilinear and antialiased."""
    if images.shape[-2:] == size:
        return images
    return functional.interpolate(images, size, mode="bilinear", antialias=True)
