"""The plain edit: a region's contrast to its surroundings, scaled by one number.

It is what an edit by a model is measured against, and what such a model is taught by: nature, too,
changes how far a thing stands out from what lies around it, not what it is.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.pictures.reading import Pixels

# Standard deviations of the blurs, in square roots of the region's area, and how much each counts:
# where a finer one sees anything outside the region, coarser ones hardly do.
_SCALES = ((0.25, 1.0), (0.5, 1e-1), (1.0, 1e-2), (2.0, 1e-3))
# Pixels at a region's border that hold some of it: anti-aliasing, JPEG.
_MARGIN = np.ones((5, 5), np.uint8)
_NOTHING = 1e-12


def surroundings(picture: Pixels, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return what a region would show if what lies around it went on behind it, smoothly.

    A weighted mean of the pixels outside, the near ones first (normalised convolution, Knutsson &
    Westin 1993).

    Args:
        picture: H×W×3.
        mask: H×W, the region; not all of the picture.

    Returns:
        H×W×3 float32 grey levels; of use inside the region only.
    """
    outside = 1 - cv2.dilate(mask.astype(np.uint8), _MARGIN).astype(np.float32)
    colours = picture.astype(np.float32) * outside[..., None]
    side = np.sqrt(max(float(mask.sum()), 1.0))
    total, counts = np.zeros_like(colours), np.full_like(outside, _NOTHING)
    for sigma, weight in _SCALES:
        for parts, blurred in ((colours, total), (outside, counts)):
            blurred += weight * cv2.GaussianBlur(
                parts, (0, 0), sigma * side, borderType=cv2.BORDER_REFLECT
            )
    return np.asarray(total / counts[..., None], np.float32)


def scale_contrast(
    picture: Pixels,
    around: NDArray[np.float32],
    weight: NDArray[np.float32],
    factor: float | NDArray[np.float32],
) -> Pixels:
    """Return a picture whose difference to `around` is scaled where `weight` lets it.

    Args:
        picture: H×W×3.
        around: H×W×3 grey levels, `surroundings`.
        weight: H×W in [0, 1], `feathered_region`.
        factor: one, or H×W; 0 leaves the surroundings, 1 the picture, more is clipped at black
            and white.
    """
    factors = np.asarray(factor, np.float32)[..., None]
    pixels = picture.astype(np.float32)
    wanted = np.clip(around + factors * (pixels - around), 0, 255)
    return np.rint(pixels + weight[..., None] * (wanted - pixels)).clip(0, 255).astype(np.uint8)
