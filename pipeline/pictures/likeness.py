"""How alike two pictures are: PSNR, and of their luminance the structure and the texture.

Luminance is ITU-R BT.601's, as OpenCV's RGB2GRAY has it.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.pictures.reading import Pixels

Mask = NDArray[np.bool_]

# Texture is what a Gaussian of this sigma, in pixels of the scene, takes away.
_TEXTURE_SIGMA_PX = 2.0
# Energy of rounding to grey levels, the variance of a uniform error: less is no texture.
_ROUNDING = 1 / 12


def psnr_db(change: NDArray[np.integer[Any]]) -> float | None:
    """Return the PSNR in dB of a difference in grey levels; None where nothing changed."""
    error = float(np.square(change, dtype=np.float64).mean())
    return float(10 * np.log10(255**2 / error)) if error else None


def structure_similarity(original: Pixels, edited: Pixels) -> NDArray[np.float64]:
    """Return the SSIM around each pixel, H×W (Wang et al. 2004: window of 11 pixels, sigma 1.5).

    The windows of pixels near a region's border reach over it, where both pictures are alike or
    fading. It is OpenCV's own, `cv2.quality`.
    """
    quality: Any = cv2.quality  # OpenCV's types do not know what is in it.
    _, similarity = quality.QualitySSIM_compute(_luminance(original), _luminance(edited))
    return np.asarray(similarity, np.float64)


def texture_ratio(original: Pixels, edited: Pixels, mask: Mask) -> float | None:
    """Return the edited texture's energy over the original's inside the mask; None without any.

    Energy is the mean square of luminance minus its Gaussian blur. A dose bought by noise shows as
    a ratio far above 1, a smoothed product as one far below; contrast counts too, by its square.
    """
    before, after = (_texture(picture)[mask] for picture in (original, edited))
    energy = float(np.square(before).mean())
    return float(np.square(after).mean()) / energy if energy > _ROUNDING else None


def _luminance(picture: Pixels) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def _texture(picture: Pixels) -> NDArray[np.float64]:
    levels = _luminance(picture).astype(np.float64)
    blurred = cv2.GaussianBlur(levels, (0, 0), _TEXTURE_SIGMA_PX, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(levels - blurred)
