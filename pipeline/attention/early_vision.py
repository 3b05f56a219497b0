"""The features that early vision tells apart: intensity, opponent colours and orientations.

Itti, Koch & Niebur 1998, "A model of saliency-based visual attention for rapid scene analysis",
IEEE PAMI 20(11).
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from pipeline.attention.small_copies import Floats

_ORIENTATIONS_DEG = (0, 45, 90, 135)
# Wavelength and standard deviation of the Gabor filters, in pixels of the level they work on.
_WAVELENGTH_PX, _SIGMA_PX, _REACH_PX = 7.0, 7 / 3, 7
# Hue is not seen where it is darker than this part of the brightest place.
_DARK = 0.1


def intensity_and_colours(rgb: Floats) -> Floats:
    """Return intensity, red against green and blue against yellow, H×W×3, of H×W×3 in [0, 1]."""
    intensity = rgb.mean(2)
    seen = intensity > _DARK * intensity.max()
    hue = np.where(seen[..., None], rgb / np.maximum(intensity, 1e-6)[..., None], 0)
    r, g, b = np.moveaxis(hue, 2, 0)
    red, green, blue, yellow = (
        np.maximum(broad, 0)
        for broad in (
            r - (g + b) / 2,
            g - (r + b) / 2,
            b - (r + g) / 2,
            (r + g) / 2 - np.abs(r - g) / 2 - b,
        )
    )
    return np.stack([intensity, red - green, blue - yellow], 2).astype(np.float32)


def orientations(intensity: Floats) -> list[Floats]:
    """Return of four orientations how much of each is where, H×W >= 0, for H×W in [0, 1]."""
    return [
        np.hypot(_filtered(intensity, even), _filtered(intensity, odd))
        for even, odd in _gabor_pairs()
    ]


def halved(level: Floats) -> Floats:
    """Return the next level of a Gaussian pyramid, half as high and wide, of H×W or H×W×C."""
    return np.asarray(cv2.pyrDown(level, borderType=cv2.BORDER_REPLICATE), np.float32)


def _filtered(intensity: Floats, kernel: Floats) -> Floats:
    return np.asarray(
        cv2.filter2D(intensity, cv2.CV_32F, kernel, borderType=cv2.BORDER_REPLICATE), np.float32
    )


@cache
def _gabor_pairs() -> list[tuple[Floats, Floats]]:
    """Return even and odd filter of each orientation, blind to a flat picture, absolute sum 1."""
    size = (2 * _REACH_PX + 1,) * 2
    pairs = []
    for degrees in _ORIENTATIONS_DEG:
        even, odd = (
            cv2.getGaborKernel(
                size, _SIGMA_PX, np.deg2rad(degrees), _WAVELENGTH_PX, 1, phase, cv2.CV_32F
            )
            for phase in (0, np.pi / 2)
        )
        even -= even.mean()
        pairs.append((even / np.abs(even).sum(), odd / np.abs(odd).sum()))
    return pairs
