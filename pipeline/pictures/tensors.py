"""Between 8-bit pixels and the tensors that models see."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

GREY_LEVELS = 127.5
"""In one unit of what models see."""


def tensor_of(pixels: NDArray[np.uint8], device: torch.device | str = "cpu") -> Tensor:
    """Return N×H×W×3 RGB pixels as N×3×H×W in [-1, 1]."""
    return torch.tensor(pixels).movedim(-1, 1).to(device).float() / GREY_LEVELS - 1


def pixels_of(images: Tensor) -> NDArray[np.uint8]:
    """Return N×3×H×W in [-1, 1] as N×H×W×3 RGB pixels, rounded to nearest."""
    levels = ((images.detach() + 1) * GREY_LEVELS).round().clamp(0, 255)
    return np.ascontiguousarray(levels.to(torch.uint8).movedim(1, -1).cpu().numpy())


def images_psnr_db(difference: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the PSNR in dB of N images in [-1, 1] whose difference is given.

    Args:
        difference: N×3×H×W.
        weight: N×1×H×W, which pixels count, not all 0; all where it is not given.
    """
    squared = difference.square().mean(1, keepdim=True)
    if weight is None:
        weight = torch.ones_like(squared)
    error = (squared * weight).sum((1, 2, 3)) / weight.sum((1, 2, 3))
    return 10 * torch.log10(4 / error.clamp(min=1e-12))
