"""Vector shapes: an outline and the coloured parts inside it.

A shape is designed on any grid (y down) and normalised: centred on its bounding box, whose longer
side becomes 1. Parts may reach over the outline; the painter clips them to it, so the outline is
the silhouette. A hole is cut in by a zero-width slit (the outline runs to the hole, round it the
other way, and back), so that one polygon says it all under any fill rule.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Polygon = NDArray[np.float32]
"""N×2 points (x, y)."""


@dataclass(frozen=True, eq=False)
class Part:
    """A filled polygon: `tone` names a field of `Colours`, `shade` mixes in white or black."""

    polygon: Polygon
    tone: str
    shade: float = 0.0


@dataclass(frozen=True, eq=False)
class Shape:
    """A normalised vector drawing; the first tone painted, under all parts, is `main`."""

    outline: Polygon
    parts: tuple[Part, ...]

    @property
    def area(self) -> float:
        """Area inside the outline, in squares of the longer side."""
        return float(cv2.contourArea(self.outline))


def make_shape(outline: Polygon, *parts: Part) -> Shape:
    """Centre the drawing on its outline's bounding box and scale the longer side to 1."""
    low, high = outline.min(axis=0), outline.max(axis=0)
    centre, extent = (low + high) / 2, (high - low).max()
    moved = (Part((part.polygon - centre) / extent, part.tone, part.shade) for part in parts)
    return Shape((outline - centre) / extent, tuple(moved))


def polygon(*points: tuple[float, float]) -> Polygon:
    """A polygon with sharp corners."""
    return np.asarray(points, dtype=np.float32)


def rounded(*corners: tuple[float, float, float], samples: int = 4) -> Polygon:
    """A polygon whose corners (x, y, radius) are rounded by quadratic Bézier curves.

    The radius is how far along both sides the curve starts; 0 keeps a corner sharp and gives one
    vertex, any other `samples` vertices.
    """
    points = np.array([corner[:2] for corner in corners])
    t = np.linspace(0, 1, samples)[:, None]
    pieces = []
    for i, (_, _, radius) in enumerate(corners):
        here, before, after = points[i], points[i - 1], points[(i + 1) % len(points)]
        if radius == 0:
            pieces.append(here[None])
            continue
        start = here + (before - here) * radius / np.linalg.norm(before - here)
        end = here + (after - here) * radius / np.linalg.norm(after - here)
        pieces.append((1 - t) ** 2 * start + 2 * t * (1 - t) * here + t**2 * end)
    return np.concatenate(pieces).astype(np.float32)


def sharp(points: Polygon) -> list[tuple[float, float, float]]:
    """The points as corners of radius 0, to stand in an outline of rounded corners."""
    return [(x, y, 0.0) for x, y in points.tolist()]


def box(left: float, top: float, right: float, bottom: float, radius: float = 0) -> Polygon:
    """An upright rectangle, its corners rounded by `radius`."""
    return rounded(
        (left, top, radius), (right, top, radius), (right, bottom, radius), (left, bottom, radius)
    )


def arc(
    centre: tuple[float, float],
    radii: tuple[float, float],
    start: float = 0,
    end: float = 360,
    samples: int = 24,
) -> Polygon:
    """Points on an ellipse, from angle `start` to `end` in degrees, clockwise on screen.

    A full turn leaves out the repeated last point.
    """
    angles = np.deg2rad(np.linspace(start, end, samples, endpoint=abs(end - start) < 360))
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.asarray(np.asarray(centre) + circle * np.asarray(radii), np.float32)


def stroke(start: ArrayLike, end: ArrayLike, width: float) -> Polygon:
    """A straight bar from `start` to `end`."""
    first, last = np.asarray(start, np.float64), np.asarray(end, np.float64)
    along = (last - first) / np.linalg.norm(last - first)
    side = np.array([-along[1], along[0]]) * width / 2
    return np.array([first + side, last + side, last - side, first - side], np.float32)


def join(*pieces: ArrayLike) -> Polygon:
    """One polygon from consecutive runs of points."""
    return np.concatenate([np.asarray(piece, dtype=np.float32) for piece in pieces])
