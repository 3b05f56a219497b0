"""What is measured while a video is rendered: steadiness, what changed outside, what was left out.

Sums, so that scenes add up to a video.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.pictures.reading import Pixels
from pipeline.video.flow import MOST_PIXELS, make_flow, places_by, remap
from pipeline.video.planes import Planes

Step = NDArray[np.float32]
"""h×w: a frame's luma less what the flow brings of the frame before, in levels."""
Masks = tuple[Pixels, Pixels]
"""255 where it counts: of luma, of chroma."""


@dataclass
class Steps:
    """Sums over pixels of luma and their way from one frame to the next, along the source's flow.

    Squared differences, in levels², from what the flow brings of the frame before.
    """

    pixels: int = 0
    source: float = 0.0
    edited: float = 0.0
    change: float = 0.0
    """Of edited minus source: what the carried change itself does not keep still."""

    def mean(self, error: float) -> float | None:
        """Return one of the sums per pixel."""
        return error / self.pixels if self.pixels else None

    def ratio(self, error: float) -> float | None:
        """Return one of the sums over the source's."""
        return error / self.source if self.source else None

    def step(self, source: Step, edited: Step, inside: Pixels | None = None) -> None:
        """Take up a step of each, where `inside` is 255."""
        change = cv2.subtract(edited, source)
        self.pixels += source.size if inside is None else cv2.countNonZero(inside)
        self.source += cv2.norm(source, cv2.NORM_L2SQR, inside)
        self.edited += cv2.norm(edited, cv2.NORM_L2SQR, inside)
        self.change += cv2.norm(change, cv2.NORM_L2SQR, inside)


@dataclass
class Tally:
    """Sums over the frames of an arm's modified scenes."""

    scenes: int = 0
    frames: int = 0
    area: float = 0.0
    """Pixels of the region, weighted."""
    hidden: float = 0.0
    """How many of them are left out as hidden."""
    frame_steps: Steps = field(default_factory=Steps)
    """Of whole frames, from one to the next."""
    region_steps: Steps = field(default_factory=Steps)
    """Of the region alone."""
    outside_max: float = 0.0
    """Largest difference outside the region before encoding, in levels."""
    outside: int = 0
    """Samples outside the region, luma and chroma."""
    error: float = 0.0
    """Their squared differences after encoding, arm against source, in levels²."""
    baseline_error: float = 0.0
    """The same of the baseline arm."""

    def add(self, other: Tally) -> None:
        """Take up the sums of another."""
        largest = max(self.outside_max, other.outside_max)
        _add(self, other)
        self.outside_max = largest

    def row(self) -> dict[str, Any]:
        """Return the figures, by their columns in `schemas.videos`; None where there are none."""
        frame, region = self.frame_steps, self.region_steps
        return {
            "modified_scenes": self.scenes,
            "modified_frames": self.frames,
            "warping_error_source": frame.mean(frame.source),
            "warping_error_edited": frame.mean(frame.edited),
            "warping_error_ratio": frame.ratio(frame.edited),
            "region_warping_ratio": region.ratio(region.edited),
            "change_warping_ratio": region.ratio(region.change),
            "hidden_share": self.hidden / self.area if self.area else None,
            "outside_max_abs_diff": self.outside_max,
            "outside_psnr_db": _psnr_db(self.error, self.outside),
            "baseline_outside_psnr_db": _psnr_db(self.baseline_error, self.outside),
        }


def _add(sums: Any, others: Any) -> None:
    for one in fields(sums):
        value, other = getattr(sums, one.name), getattr(others, one.name)
        if isinstance(value, Steps):
            _add(value, other)
        else:
            setattr(sums, one.name, value + other)


def _psnr_db(error: float, samples: int) -> float | None:
    """Return a PSNR of 255 levels; None where nothing differs, or there is nothing."""
    return float(10 * np.log10(255**2 * samples / error)) if error else None


def largest_difference(one: Planes, other: Planes, masks: Masks) -> float:
    """Return the largest difference of any sample in the masks, in levels."""
    of_planes = (masks[0], masks[1], masks[1])
    return max(
        cv2.norm(a, b, cv2.NORM_INF, mask) for a, b, mask in zip(one, other, of_planes, strict=True)
    )


def squared_error(one: Planes, other: Planes, masks: Masks) -> float:
    """Return the squared differences of the samples in the masks, summed, in levels²."""
    of_planes = (masks[0], masks[1], masks[1])
    return sum(
        cv2.norm(a, b, cv2.NORM_L2SQR, mask)
        for a, b, mask in zip(one, other, of_planes, strict=True)
    )


def samples(masks: Masks) -> int:
    """Return how many samples of luma and chroma the masks hold."""
    return cv2.countNonZero(masks[0]) + 2 * cv2.countNonZero(masks[1])


class Stepper:
    """Follows the source from each frame to the next; takes whole frames' luma in turn."""

    def __init__(self, size: tuple[int, int]) -> None:
        """Take over the frames' (height, width)."""
        self._shrink = 1
        while size[0] * size[1] > MOST_PIXELS * self._shrink**2:
            self._shrink *= 2
        self._size = size[1] // self._shrink, size[0] // self._shrink
        self._flow = make_flow(finest=1)
        self._before: dict[str, NDArray[np.float32]] = {}

    def small(self, plane: Pixels) -> Pixels:
        """Return a plane at the size that frames are compared at."""
        return cv2.resize(plane, self._size, interpolation=cv2.INTER_AREA).astype(np.uint8)

    def steps(self, lumas: Mapping[str, Pixels], source: str) -> dict[str, Step]:
        """Return what differs from the frame before, along the flow; nothing of the first.

        Args:
            lumas: of the same frame in all files, H×W.
            source: which of them the flow is of.
        """
        now = {name: self.small(luma) for name, luma in lumas.items()}
        before, self._before = self._before, {n: one.astype(np.float32) for n, one in now.items()}
        if not before:
            return {}
        there = before[source].astype(np.uint8)
        places = places_by(self._flow.calc(now[source], there, None))
        return {name: np.subtract(self._before[name], remap(before[name], places)) for name in now}
