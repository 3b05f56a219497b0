"""Where a scene's frames lie in one of them, its anchor: dense optical flow, walked outwards.

The flow is OpenCV's DIS (Kroeger et al. 2016, arXiv 1603.03590), from each frame straight to the
anchor, so that errors do not add up, and begun with the neighbour frame's, so that it has little
left to find.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.pictures.reading import Pixels

Flow = NDArray[np.float32]
Weight = NDArray[np.float32]

MOST_PIXELS = 1 << 16
"""Flow is estimated on at most so many; a larger part is halved, in both axes, until it is that."""
# What is looked at around the region, as a part of its longer side, and at least in pixels.
_MARGIN = 0.125
_LEAST_MARGIN = 24
_LEAST_SIDE = 48
# Standard deviation of luma, in levels, under which nothing is seen that could be followed.
_NOTHING_SEEN = 2.0
# Forward and backward flow agree within this (Sundaram et al. 2010, the check's equation 5).
_RELATIVE, _ABSOLUTE = 0.01, 0.5
# A pixel that they disagree on is hidden if it looks otherwise, too, by this many levels.
_OTHERWISE = 12.0
# By so many it is hidden whatever the flow says: it has found some likeness, not the pixel.
_QUITE_OTHERWISE = 30.0
# Over which a weight fades: pixels beside what is hidden, a part of the frame's side beyond it.
_FEATHER = 1.5
_BEYOND = 0.05
# Levels of a veil, as in a fade to white, from which contrast, not light, is the gain.
_VEIL = (6.0, 20.0)


class Window(NamedTuple):
    """A part of a frame, in pixels; all four are multiples of a scale, and even."""

    top: int
    left: int
    height: int
    width: int

    def of(self, plane: NDArray[Any], scale: int = 1) -> NDArray[Any]:
        """Return that part of a plane that is smaller by `scale`."""
        top, left, height, width = (value // scale for value in self)
        return plane[top : top + height, left : left + width]


class Carried(NamedTuple):
    """Where a frame's pixels lie in the anchor, and how far a change there holds here."""

    window: Window
    """Outside it, the region is not."""
    flow: NDArray[np.float16] | Flow
    """h×w×2 (x, y): what leads a pixel to its place in the anchor; of the window, scaled down, and
    in the scaled pixels."""
    kept: NDArray[np.float16] | Weight
    """h×w in [0, 1]: 0 where the anchor does not show what is seen here."""
    gain: float
    """How much of the anchor's light and contrast is left, 0 to 1."""


class Anchor:
    """The frame that a change is known of, and the region that it lies in."""

    def __init__(self, luma: Pixels, weight: Weight, black: int = 16) -> None:
        """Take them over.

        Args:
            luma: H×W of the anchor; H and W are even.
            weight: H×W in [0, 1]: the region, fading at its border; somewhere above 0.
            black: level of luma without any light: 16, or 0 in the full range.
        """
        self.black = black
        self.size = height, width = luma.shape[0], luma.shape[1]
        self.weight = weight
        box = _box(weight)
        margin = max(_LEAST_MARGIN, round(_MARGIN * max(box[2] - box[0], box[3] - box[1])))
        looked_at = [min(high + margin, end) - max(low - margin, 0) for low, high, end in (
            (box[0], box[2], height), (box[1], box[3], width))]  # fmt: skip
        self.scale = 1
        while looked_at[0] * looked_at[1] > MOST_PIXELS * self.scale**2:
            self.scale *= 2
        # Of little, every pixel's own flow; else of 2×2, which loses nothing (docs/method.md).
        self.finest = int(looked_at[0] * looked_at[1] > MOST_PIXELS // 4)
        self.margin = margin
        self.unit = max(self.scale, 2)
        self.padded = tuple(-(-side // self.unit) * self.unit for side in self.size)
        self.box = box
        self.small_luma = self.small(luma)
        self.small_weight = self.small(weight)

    def small(self, plane: NDArray[Any]) -> NDArray[Any]:
        """Return a whole plane at the flow's scale; at its ends it is continued to full units."""
        more = [padded - side for padded, side in zip(self.padded, plane.shape, strict=False)]
        if any(more):
            plane = cv2.copyMakeBorder(plane, 0, more[0], 0, more[1], cv2.BORDER_REPLICATE)
        if self.scale == 1:
            return np.ascontiguousarray(plane)
        size = (plane.shape[1] // self.scale, plane.shape[0] // self.scale)
        return cv2.resize(plane, size, interpolation=cv2.INTER_AREA)

    def small_part(self, luma: Pixels, window: Window) -> Pixels:
        """Return the window of a frame's luma at the flow's scale."""
        part = window.of(luma)
        more = window.height - part.shape[0], window.width - part.shape[1]
        if any(more):
            part = cv2.copyMakeBorder(part, 0, more[0], 0, more[1], cv2.BORDER_REPLICATE)
        size = window.width // self.scale, window.height // self.scale
        return np.ascontiguousarray(
            part if self.scale == 1 else cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        )

    def window(self, box: tuple[int, int, int, int]) -> Window:
        """Return what to look at where the region is in `box` (top, left, bottom, right)."""
        sides = []
        for axis in (0, 1):
            low = min(box[axis], self.box[axis]) - self.margin
            high = max(box[axis + 2], self.box[axis + 2]) + self.margin
            short = max(_LEAST_SIDE - (high - low), 0)
            low, high = max(low - short // 2, 0), min(high + short, self.padded[axis])
            low = low // self.unit * self.unit
            sides.append((low, min(-(-high // self.unit) * self.unit, self.padded[axis]) - low))
        (top, height), (left, width) = sides
        return Window(top, left, height, width)

    def here(self) -> Carried:
        """Return how the anchor's own pixels are carried: they stay."""
        window = self.window(self.box)
        shape = window.height // self.scale, window.width // self.scale
        return Carried(window, np.zeros((*shape, 2), np.float16), np.ones(shape, np.float16), 1.0)


class Walk:
    """Goes from the anchor outwards, frame by frame; takes each frame's luma in turn."""

    def __init__(self, anchor: Anchor) -> None:
        self._anchor = anchor
        self._window = anchor.window(anchor.box)
        shape = self._window.height // anchor.scale, self._window.width // anchor.scale
        self._flow: Flow = np.zeros((*shape, 2), np.float32)
        self._box = anchor.box
        self._estimator = make_flow(anchor.finest)

    def step(self, luma: Pixels) -> Carried:
        """Return where the next frame's pixels lie in the anchor."""
        anchor = self._anchor
        window = anchor.window(self._box)
        self._flow = _moved(self._flow, self._window, window, anchor.scale)
        self._window = window
        here = anchor.small_part(luma, window)
        there = np.ascontiguousarray(window.of(anchor.small_luma, anchor.scale))
        seen = _as_lit(here, there)
        if seen is not None:
            self._flow = self._estimator.calc(seen, there, self._flow)
        places = places_by(self._flow)
        weight = remap(window.of(anchor.small_weight, anchor.scale), places)
        kept = self._inside(places)
        if seen is not None:
            kept *= self._kept(places, seen, there, weight)
        gain = _gain(here, remap(there, places), weight, anchor.black)
        self._box = self._found(weight)
        return Carried(window, self._flow.astype(np.float16), kept.astype(np.float16), gain)

    def _kept(self, places: Flow, here: Pixels, there: Pixels, weight: Weight) -> Weight:
        """Return where the anchor shows what is seen here, 0 to 1, fading beside what is hidden.

        Hidden is what looks otherwise in the anchor, and whose flow there does not lead back, or
        what looks quite otherwise.
        """
        off = cv2.blur(cv2.absdiff(here, remap(there, places)), (3, 3))
        hidden = (off > _OTHERWISE) & (weight > 0)
        if hidden.any():
            forth = self._estimator.calc(there, here, -self._flow)
            returned = remap(forth, places)
            length = _square(self._flow) + _square(returned)
            astray = _square(self._flow + returned) > _RELATIVE * length + _ABSOLUTE
            hidden &= astray | (off > _QUITE_OTHERWISE)
        # Single pixels at edges are errors of the flow, not things that cover others.
        opened = cv2.medianBlur(hidden.astype(np.uint8), 5)
        if not opened.any():
            return np.ones(hidden.shape, np.float32)
        wide = cv2.dilate(opened, np.ones((3, 3), np.uint8)).astype(np.float32)
        return np.subtract(1, cv2.GaussianBlur(wide, (0, 0), _FEATHER), dtype=np.float32)

    def _inside(self, places: Flow) -> Weight:
        """Return 1 for places in the anchor, falling to 0 beyond its borders."""
        beyond = np.zeros(places.shape[:2], np.float32)
        for axis, (first, side) in enumerate(
            zip((self._window.left, self._window.top), self._anchor.size[::-1], strict=True)
        ):
            place = places[..., axis] * self._anchor.scale + first
            outside = np.maximum(-place, place - (side - 1)) / (_BEYOND * side)
            beyond = np.maximum(beyond, outside.astype(np.float32))
        return np.clip(1 - beyond, 0, 1)

    def _found(self, weight: Weight) -> tuple[int, int, int, int]:
        """Return the box of the carried region; the last one where it is lost."""
        if not weight.any():
            return self._box
        box = np.array(_box(weight)) * self._anchor.scale
        offset = (self._window.top, self._window.left) * 2
        top, left, bottom, right = (box + np.array(offset)).tolist()
        return top, left, bottom, right


def make_flow(finest: int = 1) -> Any:
    """Return an estimator of flow; `calc(one, other, first guess)` gives H×W×2 (x, y).

    Variational refinement is off: it takes half of the time, and of the demo's outlines none is
    followed better for it (docs/method.md).
    """
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    flow.setFinestScale(finest)
    flow.setVariationalRefinementIterations(0)
    return flow


def remap(plane: NDArray[Any], places: Flow) -> NDArray[Any]:
    """Return a plane's values at places (x, y), H×W×2; beyond its borders it goes on as there."""
    beyond: dict[str, Any] = {"borderMode": cv2.BORDER_REPLICATE}
    none: Any = None  # OpenCV's types do not know that the places may come as one.
    return cv2.remap(plane, places, none, cv2.INTER_LINEAR, **beyond)


def places_by(flow: Flow) -> Flow:
    """Return where flow leads each pixel to: (x, y), H×W×2."""
    return flow + _grid(flow.shape[0], flow.shape[1])


@lru_cache(maxsize=16)
def _grid(height: int, width: int) -> Flow:
    y, x = np.indices((height, width), np.float32)
    return np.dstack([x, y])


def enlarged(values: NDArray[Any], window: Window) -> NDArray[np.float32]:
    """Return values at the flow's scale for each pixel of the window."""
    values = values.astype(np.float32)
    if values.shape[:2] == (window.height, window.width):
        return values
    size = (window.width, window.height)
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR), np.float32)


def places_of(carried: Carried) -> Flow:
    """Return where each pixel of the window lies in the anchor: (x, y) of its whole frame."""
    window = carried.window
    scale = window.width // carried.flow.shape[1]
    places = enlarged(carried.flow, window) * np.float32(scale)
    places += _grid(window.height, window.width)
    places += np.array([window.left, window.top], np.float32)
    return places


def _box(weight: NDArray[Any]) -> tuple[int, int, int, int]:
    """Return (top, left, bottom, right) of what is above 0."""
    left, top, width, height = cv2.boundingRect((weight > 0).astype(np.uint8))
    return top, left, top + height, left + width


def _moved(flow: Flow, old: Window, new: Window, scale: int) -> Flow:
    """Return the flow of one window as a first guess for another."""
    if old == new:
        return flow
    ends = ((old.top, old.height, new.top, new.height), (old.left, old.width, new.left, new.width))
    pads, starts = [], []
    for first, length, new_first, new_length in ends:
        before = max(first - new_first, 0) // scale
        after = max(new_first + new_length - first - length, 0) // scale
        pads += [before, after]
        starts.append((new_first - first) // scale + before)
    top, bottom, left, right = pads
    wide = cv2.copyMakeBorder(flow, top, bottom, left, right, cv2.BORDER_REPLICATE)
    height, width = new.height // scale, new.width // scale
    top, left = starts
    return np.ascontiguousarray(wide[top : top + height, left : left + width])


def _as_lit(here: Pixels, there: Pixels) -> Pixels | None:
    """Return a frame in the light and contrast of the anchor; None where nothing is seen in one."""
    means, spreads = zip(*(cv2.meanStdDev(part) for part in (here, there)), strict=True)
    (mean, mean_there), (spread, spread_there) = (
        [float(value[0, 0]) for value in values] for values in (means, spreads)
    )
    if min(spread, spread_there) < _NOTHING_SEEN:
        return None
    factor = spread_there / spread
    moved = here.astype(np.float32) * factor + (mean_there - factor * mean)
    return np.clip(np.rint(moved), 0, 255).astype(np.uint8)


def _square(flow: Flow) -> NDArray[np.float32]:
    """Return the squared lengths of vectors."""
    x, y = flow[..., 0], flow[..., 1]
    return x * x + y * y


def _gain(here: Pixels, there: Pixels, weight: Weight, black: int) -> float:
    """Return how much of the anchor's light is left in the region, by least squares, 0 to 1.

    Under a veil, as in a fade to white, light grows as contrast falls: there the contrast counts.
    """
    inside = weight > 0.5
    if not inside.any():
        return 1.0
    now, then = (plane[inside].astype(np.float32) - black for plane in (here, there))
    light = float(now @ then / max(float(then @ then), 1.0))
    contrast = float(now.std() / max(float(then.std()), 1.0))
    veil = float(now.mean()) - contrast * float(then.mean())
    low, high = _VEIL
    share = min(max((veil - low) / (high - low), 0.0), 1.0) if then.std() > _NOTHING_SEEN else 0.0
    return min(max((1 - share) * light + share * contrast, 0.0), 1.0)
