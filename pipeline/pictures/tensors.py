"""Between 8-bit pixels and the tensors that models see."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def tensor_of(pixels: NDArray[np.uint8]) -> Tensor:
    """Return N×H×W×3 RGB pixels as N×3×H×W in [-1, 1]."""
    return torch.tensor(pixels).movedim(-1, 1).float() / 127.5 - 1


def pixels_of(images: Tensor) -> NDArray[np.uint8]:
    """Return N×3×H×W in [-1, 1] as N×H×W×3 RGB pixels, rounded to nearest."""
    levels = ((images.detach() + 1) * 127.5).round().clamp(0, 255)
    return np.ascontiguousarray(levels.to(torch.uint8).movedim(1, -1).cpu().numpy())
