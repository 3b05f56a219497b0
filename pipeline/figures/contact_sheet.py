"""Strips of scene, mask outline, heatmap and variants; a sheet has one strip per scene."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.figures.style import MASK_COLOUR, rgb, style_of
from pipeline.heatmaps.algebra import Mask
from pipeline.pictures.reading import Pixels
from pipeline.pictures.resizing import resize

_TILE_WIDTH = 132
_GAP = 6
_HEADER = 30
_TITLE = 34
_CAPTION = 32
_MARGIN = 12


class Tile(NamedTuple):
    """One variant of one scene, and the line below it."""

    picture: Pixels
    """H×W uint8, a heatmap, or H×W×3 uint8 RGB."""
    caption: str


class Strip(NamedTuple):
    """One scene."""

    name: str
    image: Pixels
    """H×W×3 uint8 RGB."""
    mask: Mask
    heatmap: Pixels
    """The heatmap's file, H×W uint8."""
    caption: str
    tiles: Mapping[str, Tile]
    """By variant."""


def draw_contact_sheet(path: Path, title: str, strips: Sequence[Strip]) -> None:
    """Draw one strip per scene below a title and the names of the columns; write it as PNG."""
    variants = list(strips[0].tiles)
    columns = ["scene", "keyword mask", "heatmap", *variants]
    tile_height = round(_TILE_WIDTH * strips[0].image.shape[0] / strips[0].image.shape[1])
    row_height = tile_height + _CAPTION
    width = 2 * _MARGIN + len(columns) * (_TILE_WIDTH + _GAP) - _GAP
    height = 2 * _MARGIN + _TITLE + _HEADER + len(strips) * row_height
    sheet = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(sheet)
    pen.text((_MARGIN, _MARGIN), title, fill="black", font=_font(17))
    for column, name in enumerate(columns):
        left, top = _MARGIN + column * (_TILE_WIDTH + _GAP), _MARGIN + _TITLE
        pen.text((left, top), name.replace("_", " "), fill="black", font=_font(14))
        colour = style_of(name).colour if name in variants else "#BBBBBB"
        pen.rectangle((left, top + 20, left + _TILE_WIDTH - 1, top + 24), fill=colour)
    for row, strip in enumerate(strips):
        top = _MARGIN + _TITLE + _HEADER + row * row_height
        for column, (pixels, caption) in enumerate(_pictures(strip)):
            left = _MARGIN + column * (_TILE_WIDTH + _GAP)
            small = resize(pixels, (tile_height, _TILE_WIDTH))
            sheet.paste(Image.fromarray(small), (left, top))
            pen.text((left, top + tile_height + 3), caption, fill="black", font=_font(12))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, "PNG")


def _pictures(strip: Strip) -> list[tuple[Pixels, str]]:
    """Return the strip's tiles from left to right, as RGB, with their captions."""
    return [
        (strip.image, strip.name),
        (outlined(strip.image, strip.mask), ""),
        (coloured(strip.heatmap), strip.caption),
        *(
            (coloured(tile.picture) if tile.picture.ndim == 2 else tile.picture, tile.caption)
            for tile in strip.tiles.values()
        ),
    ]


def outlined(image: Pixels, mask: Mask) -> Pixels:
    """Return the RGB image with the mask's outline drawn on it, black beside colour."""
    levels = resize(mask.astype(np.uint8) * 255, image.shape[:2])
    binary = np.where(levels > 127, np.uint8(255), np.uint8(0))
    outlines, _ = cv2.findContours(binary, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    thickness = max(2, image.shape[1] // 60)
    drawn = image.copy()
    cv2.drawContours(drawn, outlines, -1, (0, 0, 0), 2 * thickness)
    cv2.drawContours(drawn, outlines, -1, rgb(MASK_COLOUR), thickness)
    return drawn


def coloured(heatmap: Pixels) -> Pixels:
    """Return grey levels as RGB in the colour map "inferno", whose lightness grows evenly."""
    return np.ascontiguousarray(cv2.applyColorMap(heatmap, cv2.COLORMAP_INFERNO)[..., ::-1])


def percent(share: float) -> str:
    """Return a share as captions have it."""
    return "–" if math.isnan(share) else f"{share:.1%}"


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
