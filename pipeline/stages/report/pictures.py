"""The page's pictures: scenes and heatmaps as small WebP, masks as outlines, within a budget.

What reads a file raises ImageRefused if it breaks the contract, FileNotFoundError if there is none.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.figures.contact_sheet import coloured
from pipeline.ground.files import file_digest
from pipeline.pictures.reading import read_grey, read_rgb_at, read_size
from pipeline.pictures.resizing import resize

WIDTHS = (360, 300, 240, 180, 120)
"""Of scenes on the page, in pixels; the widest that fits the budget is taken."""
BUDGET = 15_000_000
"""Bytes of all scenes together. In base64, with heatmaps and tables, the page stays under 25 MB."""
HEATMAP_WIDTH = 96
THUMBNAIL_WIDTH = 54
_QUALITY = 80
_SAMPLES = 12


def scene_width(paths: Sequence[Path], count: int) -> int:
    """Return the width at which `count` pictures like these fit the budget, as a sample tells."""
    sample = paths[:: -(-len(paths) // _SAMPLES)]
    for width in WIDTHS:
        mean_bytes = sum(len(scene_picture(path, width)) for path in sample) / len(sample)
        if mean_bytes * count <= BUDGET:
            return width
    return WIDTHS[-1]


def scene_picture(path: Path, width: int) -> bytes:
    """Return a scene as WebP, at most `width` pixels wide."""
    return _webp(read_rgb_at(path, _within(read_size(path), width)))


def heatmap_picture(path: Path) -> bytes:
    """Return a heatmap as grey WebP; the page colours it by `colour_tables`."""
    levels = read_grey(path)
    return _webp(np.asarray(resize(levels, _within(levels.shape, HEATMAP_WIDTH)), np.uint8))


def colour_tables(steps: int = 33) -> list[list[float]]:
    """Return red, green and blue of "inferno", in [0, 1], at even steps of the heatmap."""
    levels = np.linspace(0, 255, steps).round().astype(np.uint8)[None]
    tables: list[list[float]] = (coloured(levels)[0].T / 255).round(3).tolist()
    return tables


def outline(mask: NDArray[np.bool_]) -> str:
    """Return the borders of an H×W mask as the path of an SVG of W×H units."""
    levels = mask.astype(np.uint8)
    borders, _ = cv2.findContours(levels, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    simple = [cv2.approxPolyDP(border, 1.0, True)[:, 0] for border in borders]
    # A pixel's middle lies half a unit from its corner.
    return "".join(
        "M" + "L".join(f"{x + 0.5:g} {y + 0.5:g}" for x, y in points) + "Z" for points in simple
    )


class Gallery:
    """The pictures of one video, each file once, however many variants share it."""

    def __init__(self) -> None:
        self.pictures: list[str] = []
        """WebP in base64."""
        self._places: dict[str, int] = {}

    def add(self, path: Path, picture: Callable[[Path], bytes]) -> int:
        """Return the place of a file's picture, made if no file with its content has been here."""
        key = file_digest(path)
        if key not in self._places:
            self._places[key] = len(self.pictures)
            self.pictures.append(base64.b64encode(picture(path)).decode())
        return self._places[key]


def _within(size: tuple[int, ...], width: int) -> tuple[int, int]:
    """Return (height, width) with the size's aspect ratio, at most `width` wide."""
    if size[1] <= width:
        return size[0], size[1]
    return max(1, round(size[0] * width / size[1])), width


def _webp(pixels: NDArray[np.uint8]) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", quality=_QUALITY, method=4)
    return file.getvalue()
