"""Itti, Koch & Niebur's model with its normalisation: what is alone of its kind stands out.

"A model of saliency-based visual attention for rapid scene analysis", IEEE PAMI 20(11), 1998. As
in the implementations since, opponents at two scales are subtracted with their signs.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from torch import Tensor

from pipeline.attention.early_vision import halved, intensity_and_colours, orientations
from pipeline.attention.small_copies import Floats, maps_of_small_copies
from pipeline.ground.files import digest

# Their pictures had 640×480 px and 9 scales, each half as large as the one before; the finest that
# is compared is scale 2. The copy is that one, so its level 0 is their scale 2.
_AREA_PX = 160 * 120
_LEVELS = 7
_CENTRES, _DELTAS = (0, 1, 2), (3, 4)
# Maps are added at their scale 4.
_COMMON = 2
# Contrast that 8-bit pictures cannot show is none, and is not raised to the range of the others.
_FAINTEST = 1 / 255
# A local maximum below this part of the largest is no rival.
_LEAST_PEAK = 0.1
# Attention that a place draws that does not stand out, so that no map is all zero.
_FLOOR = 0.001


class IttiKoch:
    """Centre-surround contrast, what is alone of its kind promoted (Itti, Koch & Niebur 1998)."""

    differentiable = False
    makers = (__name__,)

    def __init__(self, name: str) -> None:
        self.name, self.digest = name, digest(name, cv2.__version__)

    def maps(self, images: Tensor) -> Tensor:
        """Return attention, N×H×W, > 0, of N×3×H×W images in [-1, 1]."""
        return maps_of_small_copies(images, _AREA_PX, _saliency) + _FLOOR


def _saliency(rgb: Floats) -> Floats:
    """Return the mean of the three conspicuity maps, at the common level, of H×W×3 in [0, 1]."""
    levels = [intensity_and_colours(rgb)]
    for _ in range(_LEVELS - 1):
        levels.append(halved(levels[-1]))
    intensity, red_green, blue_yellow = (
        _contrast([level[..., channel] for level in levels]) for channel in range(3)
    )
    oriented = zip(*(orientations(level[..., 0]) for level in levels), strict=True)
    orientation = np.sum([promoted(_contrast(maps)) for maps in oriented], axis=0)
    conspicuous = (intensity, red_green + blue_yellow, orientation)
    return np.mean([promoted(one) for one in conspicuous], axis=0, dtype=np.float32)


def _contrast(levels: Sequence[Floats]) -> Floats:
    """Return the promoted differences of one feature's levels, added at the common level."""
    height, width = levels[_COMMON].shape
    total = np.zeros((height, width), np.float32)
    for centre in _CENTRES:
        fine = levels[centre]
        for delta in _DELTAS:
            coarse = cv2.resize(levels[centre + delta], fine.shape[::-1])
            difference = promoted(np.abs(fine - coarse))
            total += cv2.resize(difference, (width, height), interpolation=cv2.INTER_AREA)
    return total


def promoted(feature: Floats) -> Floats:
    """Return N(feature): scaled to a maximum of 1, times (1 - mean of the other maxima)².

    One peak keeps its height, many alike go to 0. A plateau is one maximum.

    Args:
        feature: H×W, >= 0.
    """
    largest = feature.max()
    if largest < _FAINTEST:
        return np.zeros_like(feature)
    scaled = feature / largest
    summits = (scaled == cv2.dilate(scaled, np.ones((3, 3)))) & (scaled >= _LEAST_PEAK)
    number, labels = cv2.connectedComponents(summits.astype(np.uint8))
    heights = np.zeros(number)
    heights[labels] = scaled * summits
    rivals = (heights.sum() - 1) / max(number - 2, 1)
    return np.asarray(scaled * (1 - rivals) ** 2, np.float32)
