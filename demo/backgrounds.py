"""What lies behind the objects: a soft field of colour, then crisp flat shapes on it.

Scene coordinates: the unit is the frame's width, the origin the frame's centre at mid-scene, y
down. Fields are computed once per background on a coarse canvas larger than the frame, and the
camera looks at it: noise moves with the wall it belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import cos, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from demo.palette import Colour, Palette, as_array, mix, sample_ground_colours, shaded
from demo.shapes import Polygon, arc, box, join, stroke

CELLS_PER_UNIT = 96
HALF_WIDTH, HALF_HEIGHT = 0.75, 1.15
"""Half the canvas, in frame widths: the frame (0.5 by 0.89) with room for the camera."""

Image = NDArray[np.float32]
FlatShape = tuple[list[Polygon], Colour]
"""Polygons that do not overlap, and their colour."""

BACKGROUND_KINDS = (
    "gradient",
    "wall",
    "table",
    "bokeh",
    "stripes",
    "spot",
    "arch",
    "dots",
    "hills",
)
"""The kinds of background."""


@dataclass(frozen=True)
class Background:
    """A background, fully determined.

    Attributes:
        kind: One of `BACKGROUND_KINDS`.
        colours: Base tone, a second tone, and a lighter glow.
        angle: Direction of gradients and stripes, radians.
        horizon: Where a table or floor begins, and the height of arches and hills.
        seed: Seed of its noise and of everything that is scattered.
    """

    kind: str
    colours: tuple[Colour, Colour, Colour]
    angle: float
    horizon: float
    seed: int


def sample_background(rng: np.random.Generator, palette: Palette) -> Background:
    """Draw a background in the palette's ground tones."""
    return Background(
        kind=str(rng.choice(BACKGROUND_KINDS)),
        colours=sample_ground_colours(rng, palette),
        angle=float(rng.uniform(0, np.pi)),
        horizon=float(rng.uniform(0.1, 0.45)),
        seed=int(rng.integers(2**31)),
    )


@lru_cache(maxsize=64)
def background_field(background: Background) -> Image:
    """The soft part of a background on its canvas, H×W×3 float32 in 0..255, read-only."""
    rng = np.random.default_rng(background.seed)
    x, y = _canvas_coordinates()
    base, second, glow = (as_array(colour) for colour in background.colours)
    if background.kind in ("stripes", "dots"):
        weight = 0.5 + 0.35 * (x + y)
        field = base + (0.25 * weight)[..., None] * (glow - base)
    elif background.kind == "spot":
        distance = np.hypot(x - 0.2 * cos(background.angle), (y + 0.1) / 1.35)
        field = second + np.exp(-((distance / 0.5) ** 2))[..., None] * (glow - second)
    else:
        along = x * cos(background.angle) + y * sin(background.angle)
        weight = np.clip(0.5 + 0.6 * along, 0, 1) if background.kind != "wall" else 0.5 - 0.4 * y
        field = base + weight[..., None] * (second - base)
    field = field + _texture(rng, background.kind)[..., None]
    if background.kind == "bokeh":
        _add_bokeh(field, rng, background)
    field = np.clip(field, 0, 255).astype(np.float32)
    field.setflags(write=False)
    return field


@lru_cache(maxsize=64)
def background_shapes(background: Background) -> tuple[FlatShape, ...]:
    """The crisp flat shapes on a background, in scene coordinates, from back to front."""
    base, second, glow = background.colours
    rng = np.random.default_rng(background.seed)
    if background.kind == "table":
        return _table(background)
    if background.kind == "stripes":
        return ((_stripes(background.angle, float(rng.uniform(0.07, 0.2))), second),)
    if background.kind == "spot":
        disc = arc((0, background.horizon + 0.55), (0.62, 0.2), samples=72)
        edge = disc + np.array([0, 0.035], np.float32)
        return (([edge], shaded(second, -0.2)), ([disc], mix(second, glow, 0.5)))
    if background.kind == "arch":
        return _arch(background, float(rng.uniform(-0.12, 0.12)))
    if background.kind == "dots":
        return ((_dots(float(rng.uniform(0.14, 0.24)), float(rng.uniform(0.16, 0.3))), second),)
    if background.kind == "hills":
        tones = (mix(base, second, 0.5), second, mix(second, shaded(second, -0.3), 0.4))
        tops = background.horizon + np.array([-0.25, 0.0, 0.25])
        return tuple(
            ([_hill(rng, float(top))], tone) for top, tone in zip(tops, tones, strict=True)
        )
    return ()


@lru_cache(maxsize=1)
def _canvas_coordinates() -> tuple[Image, Image]:
    """Scene coordinates x and y of the canvas's pixel centres."""
    columns, rows = round(2 * HALF_WIDTH * CELLS_PER_UNIT), round(2 * HALF_HEIGHT * CELLS_PER_UNIT)
    x = (np.arange(columns, dtype=np.float32) + 0.5) / CELLS_PER_UNIT - HALF_WIDTH
    y = (np.arange(rows, dtype=np.float32) + 0.5) / CELLS_PER_UNIT - HALF_HEIGHT
    grid_x, grid_y = np.meshgrid(x, y)
    return grid_x.astype(np.float32), grid_y.astype(np.float32)


def _texture(rng: np.random.Generator, kind: str) -> Image:
    """Value noise in octaves, in grey levels: strong on walls, faint elsewhere."""
    x, _ = _canvas_coordinates()
    rows, columns = x.shape
    texture = np.zeros((rows, columns), np.float32)
    strength = 1.0 if kind == "wall" else 0.25
    for cell, level in ((36, 3.5), (12, 3.0), (5, 2.5), (2, 3.0)):
        coarse = rng.standard_normal((rows // cell + 1, columns // cell + 1), dtype=np.float32)
        fine = cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC)
        texture += np.float32(strength * level) * fine
    return texture


def _add_bokeh(field: Image, rng: np.random.Generator, background: Background) -> None:
    """Add out-of-focus lights in place."""
    lights = np.zeros_like(field)
    rows, columns = field.shape[:2]
    for _ in range(26):
        radius = int(rng.integers(4, 15))
        x, y = int(rng.integers(columns)), int(rng.integers(rows))
        colour = mix(background.colours[2], shaded(background.colours[1], 0.6), float(rng.random()))
        left, top = max(x - radius, 0), max(y - radius, 0)
        window = lights[top : y + radius + 1, left : x + radius + 1]
        disc = np.zeros(window.shape[:2], np.float32)
        cv2.circle(disc, (x - left, y - top), radius, float(rng.uniform(0.08, 0.28)), -1)
        window += disc[..., None] * as_array(colour)
    cv2.GaussianBlur(lights, (0, 0), 1.2, dst=lights)
    # A screen blend: lights add up without burning out a light ground.
    field += lights * (1 - field / 255)


def _table(background: Background) -> tuple[FlatShape, ...]:
    """A table top under a wall, with a lit and a shaded line along its edge."""
    base, second, glow = background.colours
    edge, top = background.horizon, mix(second, shaded(base, -0.35), 0.45)
    return (
        ([box(-2, edge, 2, 3)], top),
        ([box(-2, edge, 2, edge + 0.012)], mix(top, glow, 0.5)),
        ([box(-2, edge - 0.012, 2, edge)], shaded(top, -0.12)),
    )


def _stripes(angle: float, width: float) -> list[Polygon]:
    """Parallel bars, as wide as the gaps between them, over the whole canvas."""
    along = np.array([np.cos(angle), np.sin(angle)])
    middles = np.arange(-1.6, 1.6, 2 * width)[:, None] * np.array([-along[1], along[0]])
    return [stroke(middle - 2 * along, middle + 2 * along, width) for middle in middles]


def _dots(step: float, relative_radius: float) -> list[Polygon]:
    """Discs on a staggered grid over the whole canvas."""
    rows = np.arange(-HALF_HEIGHT, HALF_HEIGHT, step * 0.87)
    columns = np.arange(-HALF_WIDTH, HALF_WIDTH, step)
    disc = arc((0, 0), (step * relative_radius, step * relative_radius), samples=20)
    centres = ((x + (i % 2) * step / 2, y) for i, y in enumerate(rows) for x in columns)
    return [disc + np.array(centre, np.float32) for centre in centres]


def _arch(background: Background, centre: float) -> tuple[FlatShape, ...]:
    """A window or niche with a floor in front of it."""
    base, second, glow = background.colours
    foot, top = background.horizon + 0.25, background.horizon - 0.45

    def niche(half_width: float) -> Polygon:
        round_top = arc((centre, top), (half_width, half_width), 180, 360.001, 48)
        return join(round_top, [(centre + half_width, foot), (centre - half_width, foot)])

    return (
        ([niche(0.40)], mix(base, second, 0.7)),
        ([niche(0.33)], glow),
        ([box(-2, foot, 2, 3)], mix(second, shaded(second, -0.3), 0.4)),
    )


def _hill(rng: np.random.Generator, top: float) -> Polygon:
    """Everything under a wavy line."""
    x = np.linspace(-1.2, 1.2, 64)
    phase, length = rng.uniform(0, 2 * np.pi), rng.uniform(3, 6)
    y = top + 0.07 * np.sin(length * x + phase) + 0.03 * np.sin(2.3 * length * x + 2 * phase)
    line = np.stack([x, y], axis=1).astype(np.float32)
    return join(line, [(1.2, 3), (-1.2, 3)])
