"""How far colours differ, and what has become of a region that was edited."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.pictures.reading import Pixels

Mask = NDArray[np.bool_]
Lab = NDArray[np.float64]

_25_TO_7 = 25.0**7
# Levels that a display, and an eye, cannot tell from black or from white.
_BLACK, _WHITE = 4, 251
_LARGEST_TINT, _HALVINGS = 100.0, 8
# Colours with less chroma than this have no hue that anyone could name.
_LEAST_CHROMA = 20.0


def lab_of(pixels: Pixels) -> Lab:
    """Return sRGB pixels, …×3 uint8, as CIELAB under D65."""
    flat = np.ascontiguousarray(pixels, np.uint8).reshape(-1, 1, 3).astype(np.float32) / 255
    lab = np.asarray(cv2.cvtColor(flat, cv2.COLOR_RGB2Lab), np.float64)
    return lab.reshape(pixels.shape)


def tinted(
    pixels: Pixels, weight: NDArray[np.float32], direction: float, difference: float, mask: Mask
) -> Pixels:
    """Return a picture whose colours are moved one way, H×W×3; lightness stays within sRGB.

    Args:
        pixels: H×W×3.
        weight: H×W in [0, 1], how much of the tint each pixel takes.
        direction: angle in the plane of a* and b*.
        difference: mean ΔE00 that the tint is to make on the mask, as far as sRGB goes.
        mask: H×W.
    """
    lab = lab_of(pixels)
    step = np.array([0, np.cos(direction), np.sin(direction)])
    low, high = 0.0, _LARGEST_TINT
    for _ in range(_HALVINGS):
        length = (low + high) / 2
        made = _rgb_of(lab[mask] + length * weight[mask, None] * step)
        if ciede2000(lab[mask], lab_of(made)).mean() < difference:
            low = length
        else:
            high = length
    taken = weight > 0
    picture = pixels.copy()
    picture[taken] = _rgb_of(lab[taken] + high * weight[taken, None] * step)
    return picture


def _rgb_of(lab: Lab) -> Pixels:
    flat = np.ascontiguousarray(lab, np.float32).reshape(-1, 1, 3)
    rgb = np.asarray(cv2.cvtColor(flat, cv2.COLOR_Lab2RGB), np.float64).reshape(lab.shape)
    return np.rint(rgb.clip(0, 1) * 255).astype(np.uint8)


def ciede2000(one: ArrayLike, other: ArrayLike) -> NDArray[np.float64]:
    """Return the colour difference ΔE00 of …×3 CIELAB colours; 1 is about what an eye just sees.

    Sharma, Wu & Dalal 2005, "The CIEDE2000 color-difference formula: implementation notes,
    supplementary test data, and mathematical observations", Color Research & Application 30(1),
    with weights kL = kC = kH = 1; the names are theirs.
    """
    l1, a1, b1 = np.moveaxis(np.asarray(one, np.float64), -1, 0)
    l2, a2, b2 = np.moveaxis(np.asarray(other, np.float64), -1, 0)
    c7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    g = 0.5 * (1 - np.sqrt(c7 / (c7 + _25_TO_7)))
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, a)) % 360 for a, b in ((a1, b1), (a2, b2)))

    grey = c1 * c2 == 0
    turn = (h2 - h1 + 180) % 360 - 180
    # Opposite hues: the paper's case of exactly 180 degrees keeps its sign.
    turn = np.where(np.abs(h2 - h1) == 180, h2 - h1, turn)
    turn = np.where(grey, 0, turn)
    dl, dc = l2 - l1, c2 - c1
    dh = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))

    lightness, c = (l1 + l2) / 2, (c1 + c2) / 2
    total = h1 + h2
    wrapped = np.where(total < 360, total + 360, total - 360)
    h = np.where(np.abs(h1 - h2) <= 180, total, wrapped) / 2
    h = np.where(grey, total, h)
    t = (
        1
        - 0.17 * np.cos(np.radians(h - 30))
        + 0.24 * np.cos(np.radians(2 * h))
        + 0.32 * np.cos(np.radians(3 * h + 6))
        - 0.20 * np.cos(np.radians(4 * h - 63))
    )
    rotation = 30 * np.exp(-(((h - 275) / 25) ** 2))
    rc = 2 * np.sqrt(c**7 / (c**7 + _25_TO_7))
    sl = 1 + 0.015 * (lightness - 50) ** 2 / np.sqrt(20 + (lightness - 50) ** 2)
    sc, sh = 1 + 0.045 * c, 1 + 0.015 * c * t
    rt = -np.sin(np.radians(2 * rotation)) * rc
    light, chroma, hue = dl / sl, dc / sc, dh / sh
    squared = light**2 + chroma**2 + hue**2 + rt * chroma * hue
    return np.asarray(np.sqrt(np.maximum(squared, 0)))


def colour_similarity(original: Pixels, edited: Pixels) -> NDArray[np.float64]:
    """Return the SSIM around each pixel, H×W, as `structure_similarity`, of red, green and blue.

    Their mean. A product that turned from yellow to orange has kept its luminance, not this.
    """
    quality: Any = cv2.quality  # OpenCV's types do not know what is in it.
    _, similarity = quality.QualitySSIM_compute(original, edited)
    return np.asarray(similarity, np.float64).mean(-1)


def burnt(original: Pixels, edited: Pixels, mask: Mask) -> float:
    """Return the part of a region that became black or white and was not: no detail is left there.

    Args:
        original: H×W×3.
        edited: H×W×3.
        mask: H×W, the region; not empty.
    """
    before, after = (_is_burnt(picture[mask]) for picture in (original, edited))
    return float((after & ~before).mean())


def _is_burnt(pixels: Pixels) -> NDArray[np.bool_]:
    return np.asarray((pixels >= _WHITE).all(-1) | (pixels <= _BLACK).all(-1))


def hue_turned(original: Pixels, edited: Pixels, mask: Mask, degrees: float) -> float:
    """Return the part of a region whose hue (CIELAB) turned by more than so many degrees.

    Pixels that have next to no chroma before or after have no hue, and have not turned.
    """
    before, after = (lab_of(picture[mask]) for picture in (original, edited))
    chroma = np.minimum(np.hypot(*before.T[1:]), np.hypot(*after.T[1:]))
    turn = np.degrees(np.arctan2(after[:, 2], after[:, 1]) - np.arctan2(before[:, 2], before[:, 1]))
    turn = np.abs((turn + 180) % 360 - 180)
    return float(((turn > degrees) & (chroma >= _LEAST_CHROMA)).mean())
