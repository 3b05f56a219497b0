"""What `LevelMap` makes of tables of values, for arrays of pixels; the tests compare the two."""

import numpy as np
from numpy.typing import ArrayLike

from pipeline.heatmaps.algebra import HeatmapChange, checked_maps
from pipeline.heatmaps.placebo import FIELD_LEVELS, median_level, random_field, redistribute


def redistribute_background(
    heatmap: ArrayLike,
    region: ArrayLike,
    total_change: float | None = None,
    factor: float | None = None,
    *,
    seed: int,
) -> HeatmapChange:
    heat, keyword = checked_maps(heatmap, region)
    field = random_field(heat.shape, seed)
    attended = np.where(keyword, 0, heat)
    level_heat = np.bincount(field.ravel(), weights=attended.ravel(), minlength=FIELD_LEVELS)
    upper = field > median_level(level_heat)
    raised, lowered = ~keyword & upper, ~(upper | keyword)
    return redistribute(heat, raised, lowered, total_change, factor, np.ones(heat.shape))


def reachable_share(heatmap: ArrayLike, region: ArrayLike, alpha: float) -> float:
    heat, inside = checked_maps(heatmap, region)
    total = heat.sum(dtype=np.float64)
    if total == 0:
        return float("nan")
    if alpha == 1:
        return heat[inside].sum(dtype=np.float64) / total
    if alpha > 1:
        return min(np.count_nonzero(heat[inside]) / total, 1)
    return max(1 - np.count_nonzero(heat[~inside]) / total, 0)
