"""Attention as a model without gradients finds it in a small copy of each picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.attention.blur import at_area, resized

Floats: TypeAlias = NDArray[np.float32]


def maps_of_small_copies(
    images: Tensor, area_px: int, attention: Callable[[Floats], Floats]
) -> Tensor:
    """Return attention, N×H×W float32 >= 0, of N×3×H×W images in [-1, 1].

    Args:
        images: looked at one by one.
        area_px: of the copies; their aspect is that of the images.
        attention: takes a copy, h×w×3 RGB in [0, 1], and returns its map, of any one size.
    """
    copies = at_area((images.detach().float().cpu() + 1) / 2, area_px).clamp(0, 1)
    pixels = np.ascontiguousarray(copies.movedim(1, -1).numpy())
    found = torch.from_numpy(np.stack([attention(picture) for picture in pixels]))
    height, width = images.shape[-2:]
    return resized(found[:, None], (height, width))[:, 0].clamp(min=0).to(images.device)
