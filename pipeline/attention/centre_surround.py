"""Centre-surround contrast: the classical model, without weights, differentiable.

Itti, Koch & Niebur 1998, "A model of saliency-based visual attention for rapid scene analysis",
IEEE PAMI 20(11); without their normalisation of single maps, which is not continuous.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.attention.blur import at_area, blur, resized
from pipeline.ground.files import digest

_AREA_PX = 64 * 64
# Standard deviations in pixels of the small copy: each pair is a centre and its surround.
_SCALES = ((1.0, 4.0), (2.0, 8.0), (4.0, 16.0))
# Attention that a place without any contrast draws, so that no map is all zero.
_FLOOR = 0.01


class CentreSurround:
    """Centre-surround contrast of intensity and two opponent colours (Itti et al. 1998)."""

    differentiable = True
    makers = (__name__,)

    def __init__(self, name: str) -> None:
        self.name, self.digest = name, digest(name)

    def maps(self, images: Tensor) -> Tensor:
        """Return attention, N×H×W, > 0, of N×3×H×W images in [-1, 1]."""
        red, green, blue = at_area((images + 1) / 2, _AREA_PX).unbind(1)
        channels = torch.stack(
            [(red + green + blue) / 3, red - green, blue - (red + green) / 2], dim=1
        )
        contrasts = [(blur(channels, c) - blur(channels, s)).abs() for c, s in _SCALES]
        contrast = torch.stack(contrasts).mean((0, 2))
        height, width = images.shape[-2:]
        return resized(contrast[:, None], (height, width))[:, 0].clamp(min=0) + _FLOOR
