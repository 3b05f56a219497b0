"""The algebra on 8-bit maps: 256 levels and a few regions instead of a value for every pixel.

What a variant makes of a pixel depends on its level and its region alone. So a map of a quarter of
a million pixels is counted once into a table of at most 768 entries, each variant is solved on
that table by the same functions that work on arrays, and the result is a lookup. The results are
those of the arrays, to the last level; a test compares them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.heatmaps.algebra import (
    FloatMap,
    HeatmapChange,
    Mask,
    OnClip,
    count_pixels,
    modify_values,
    weighted_sum,
)
from pipeline.heatmaps.dose import Region, Values, share_of_sums
from pipeline.heatmaps.placebo import FIELD_LEVELS, median_level, random_field, redistribute
from pipeline.pictures.reading import Pixels, to_levels

# The background is two halves, so that the placebo can raise one of them.
_LOWERED, _KEYWORD, _RAISED = range(3)
_GROUPS = 3


@dataclass(frozen=True)
class LevelMap:
    """An 8-bit heatmap, its keyword mask, and the table of its distinct (level, group) pairs."""

    levels: Pixels
    groups: Pixels
    """Which part of the picture each pixel belongs to."""
    counts: NDArray[np.float64]
    """3×256, how many pixels of each group have each level."""

    @classmethod
    def of(cls, levels: Pixels, keyword: Mask, seed: int | None = None) -> Self:
        """Count a map; `seed` chooses the placebo's half of the background (None: no half)."""
        inside: Pixels = keyword.view(np.uint8)
        if seed is None:
            return cls(levels, inside, _count(inside, _GROUPS, levels))
        # The keyword stands for a level above all of the field, so that one count serves for both
        # the median and the groups.
        field = np.maximum(random_field(levels.shape, seed), inside * np.uint8(FIELD_LEVELS))
        counts = _count(field, FIELD_LEVELS + 1, levels)
        cut = median_level(counts[:FIELD_LEVELS] @ np.arange(256.0))
        group_of = np.where(np.arange(256) > cut, np.uint8(_RAISED), np.uint8(_LOWERED))
        group_of[FIELD_LEVELS] = _KEYWORD
        grouped = np.stack([counts[group_of == group].sum(axis=0) for group in range(_GROUPS)])
        return cls(levels, np.asarray(cv2.LUT(field, group_of)), grouped)

    @cached_property
    def _present(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        group, level = np.nonzero(self.counts)
        return group, level

    @cached_property
    def heat(self) -> FloatMap:
        """The distinct values, in [0, 1]; `pixels` and `keyword` go with them."""
        return self._present[1].astype(np.float32) / np.float32(255)

    @cached_property
    def pixels(self) -> Values:
        """How many pixels stand behind each value."""
        return np.asarray(self.counts[self._present])

    @cached_property
    def keyword(self) -> Mask:
        """Which values lie in the keyword region."""
        return np.asarray(self._present[0] == _KEYWORD)

    def modify(
        self, alpha: float, on_clip: OnClip = "cap", region: Region = "keyword"
    ) -> HeatmapChange:
        """Do `modify_heatmap` on the values."""
        return modify_values(self.heat, self._inside(region), alpha, on_clip, self.pixels)

    def redistribute(self, total_change: float | None, factor: float | None) -> HeatmapChange:
        """Do the placebo's `redistribute` with the half that was chosen when counting."""
        group = self._present[0]
        return redistribute(
            self.heat, group == _RAISED, group == _LOWERED, total_change, factor, self.pixels
        )

    @cached_property
    def share(self) -> float:
        """The map's attention share, NaN where it has no attention."""
        inside = weighted_sum((self.heat * self.keyword).astype(np.float64), self.pixels)
        total = weighted_sum(self.heat.astype(np.float64), self.pixels)
        return float(share_of_sums(inside, total))

    def reachable_share(self, alpha: float, region: Region = "keyword") -> float:
        """Return the limit of the keyword's share in the capped map; NaN where `sum(A) = 0`.

        As the factor on a region grows without bound, the region's pixels fill up to 1; as it falls
        to 0, those outside do. Alpha = 1 moves nothing: the map's own share.
        """
        if alpha == 1:
            return self.share
        inside = self._inside(region)
        total = weighted_sum(self.heat.astype(np.float64), self.pixels)
        if alpha > 1:
            filled = min(count_pixels((self.heat > 0) & inside, self.pixels), total)
        else:
            filled = max(total - count_pixels((self.heat > 0) & ~inside, self.pixels), 0)
        limit = float(share_of_sums(filled, total))
        return limit if region == "keyword" else 1 - limit

    def _inside(self, region: Region) -> Mask:
        return self.keyword if region == "keyword" else ~self.keyword

    def total_change(self, heat: FloatMap) -> float:
        """Return the sum over pixels of |`heat` - the map's own values|."""
        return float((np.abs(heat - self.heat) * self.pixels).sum())

    def render(self, heat: FloatMap) -> Pixels:
        """Return the H×W map in which each of the distinct values has become `heat`."""
        tables = np.zeros((_GROUPS, 256), np.uint8)
        tables[self._present] = to_levels(heat)
        # Where only one half of the background has a level, the other may have its value too: then
        # most variants treat both halves alike, and one lookup does.
        only_raised = (self.counts[_LOWERED] == 0) & (self.counts[_RAISED] > 0)
        tables[_LOWERED, only_raised] = tables[_RAISED, only_raised]
        picture = np.asarray(cv2.LUT(self.levels, tables[_LOWERED]), np.uint8)
        for group in (_KEYWORD, _RAISED):
            differs = (tables[group] != tables[_LOWERED]) & (self.counts[group] > 0)
            if differs.any():
                window, chosen = self._places[group]
                levels = cv2.LUT(self.levels[window], tables[group])
                picture[window] = cv2.copyTo(levels, chosen, picture[window])
        return picture

    @cached_property
    def _places(self) -> list[tuple[tuple[slice, slice], Pixels]]:
        """The window that holds each group, and 255 where the group is in it."""
        places = []
        for group in map(np.array, range(_GROUPS)):
            chosen = np.asarray(cv2.inRange(self.groups, group, group), np.uint8)
            x, y, width, height = cv2.boundingRect(chosen)
            window = (slice(y, y + height), slice(x, x + width))
            places.append((window, chosen[window]))
        return places


def _count(groups: Pixels, num_groups: int, levels: Pixels) -> NDArray[np.float64]:
    """Return how many pixels of each group have each level, groups×256."""
    bins = cv2.calcHist([groups, levels], [0, 1], None, [num_groups, 256], [0, num_groups, 0, 256])
    return np.asarray(bins, np.float64)


def measure_levels(levels: Pixels, keyword: Mask) -> tuple[float, float]:
    """Return alignment score and attention share (NaN if undefined) of a map as a file holds it."""
    total = cv2.sumElems(levels)[0]
    inside = cv2.sumElems(cv2.copyTo(levels, keyword.view(np.uint8)))[0]
    return inside / 255 / levels.size, float(share_of_sums(inside, total))
