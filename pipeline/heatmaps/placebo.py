"""The placebo: a variant that changes the heatmap as much as a boost does, but not the dose.

Scaling the whole background by a factor and renormalising is no placebo: only the ratio of the two
regions' factors survives the rescaling, so the background at alpha is, to the last digit, the
keyword region at 1/alpha, a reduction in disguise (`scale_background`, kept for comparison with
earlier studies). `redistribute` moves attention *within* the background instead: a random smooth
half of it (by attention) becomes `min(p*A, 1)`; the rest, of sum `r`, is multiplied by `1 - D/r`,
where `D` is what the half gained. So the background's sum, the total and the region's share stay,
and the total absolute change `sum|A' - A|` is `2*D`. The keyword region keeps every value.
"""

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.heatmaps.algebra import (
    OVER_ONE,
    FloatMap,
    HeatmapChange,
    Mask,
    OnClip,
    capped_scale,
    checked_maps,
    count_pixels,
    modify_heatmap,
    weighted_sum,
)
from pipeline.heatmaps.dose import Values

# The random field: white noise on a lattice of this many points along the longer side, blurred
# with a Gaussian of a tenth of that side, so that a half consists of a few patches, not of grain.
_LATTICE = 64
_BLUR = 0.1 * _LATTICE
# Levels of the field among which the median is found: 8 bits, so that OpenCV can count and look up.
FIELD_LEVELS = 255


def redistribute(
    heat: FloatMap,
    raised: Mask,
    lowered: Mask,
    total_change: float | None,
    factor: float | None,
    counts: Values,
) -> HeatmapChange:
    """Move attention from one half of the background to the other.

    Args:
        heat: as in `modify_values`, with its `counts`.
        raised: the half that gains attention.
        lowered: the half that pays for it.
        total_change: the total absolute change to make, >= 0: full_boost's on the same scene. `p`
            is solved for it exactly, or is the smallest with the largest possible change, where
            `D = r` or all of the raised half is at 1.
        factor: uses this `p`, finite and >= 1, as long as `D <= r`; `total_change` then only serves
            `change_ratio`.
        counts: pixels behind each value.
    """
    raised_heat = heat[raised].astype(np.float64)
    raised_counts = counts[raised]
    raised_sum = weighted_sum(raised_heat, raised_counts)
    lowered_sum = weighted_sum(heat[lowered].astype(np.float64), counts[lowered])
    if factor is None:
        wanted = (total_change or 0) / 2
    else:
        wanted = weighted_sum(np.minimum(factor * raised_heat, 1), raised_counts) - raised_sum
    gain = min(wanted, count_pixels(raised_heat > 0, raised_counts) - raised_sum, lowered_sum)
    if gain <= 0:
        return HeatmapChange(heat.copy(), change_ratio=_change_ratio(0, total_change))
    # A given factor that the other half can pay for is used as it is.
    used = factor if factor is not None and gain == wanted else None
    if used is None:
        used = max(1.0, capped_scale(raised_heat, raised_sum + gain, raised_counts))
    result = heat.copy()
    scaled = used * raised_heat
    result[raised] = np.minimum(scaled, 1)
    result[lowered] = heat[lowered] * (1 - gain / lowered_sum)
    change = weighted_sum(np.abs(result - heat).astype(np.float64), counts)
    clipped = count_pixels(scaled > OVER_ONE, raised_counts)
    return HeatmapChange(
        result,
        modified=change > 0,
        clipped_fraction=clipped / float(counts.sum()),
        factor=used,
        change_ratio=_change_ratio(change, total_change),
    )


def scale_background(
    heatmap: ArrayLike, region: ArrayLike, alpha: float, on_clip: OnClip = "cap"
) -> HeatmapChange:
    """The older placebo: the whole background times alpha, a keyword reduction by 1/alpha.

    Arguments, result and errors are those of `modify_heatmap`, whose region is here all that is
    outside the keyword region.
    """
    heat, keyword = checked_maps(heatmap, region)
    return modify_heatmap(heat, ~keyword, alpha, on_clip)


def median_level(level_heat: NDArray) -> int:
    """Return the field's level that cuts the heat in two halves: the lower one, and all above it.

    Neither half is without heat, unless all of it is on one level (then the upper one is empty).
    """
    attended = np.flatnonzero(level_heat)
    if attended.size < 2:
        return FIELD_LEVELS
    below = level_heat[attended].cumsum()
    off_centre = np.abs(below[:-1] / below[-1] - 0.5)
    # Of two cuts that are as near, the lower: by more than rounding, which differs between sums of
    # pixels and sums of counts.
    return int(attended[np.flatnonzero(off_centre <= off_centre.min() + 1e-6)[0]])


def random_field(shape: tuple[int, ...], seed: int) -> NDArray[np.uint8]:
    """Return a smooth random field of the given H×W: levels from 0 to `FIELD_LEVELS - 1`.

    The levels have equal areas, which makes them finest where most of the field lies.
    """
    height, width = shape
    longer = max(shape)
    lattice = [max(1, round(_LATTICE * side / longer)) for side in shape]
    noise = np.random.Generator(np.random.PCG64(seed)).standard_normal(lattice)
    smooth = cv2.GaussianBlur(noise, (0, 0), _BLUR, borderType=cv2.BORDER_REFLECT)
    levels = np.empty(smooth.size, np.uint8)
    levels[smooth.ravel().argsort()] = np.arange(smooth.size) * FIELD_LEVELS // smooth.size
    field = cv2.resize(levels.reshape(lattice), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(field, np.uint8)


def _change_ratio(change: float, total_change: float | None) -> float:
    if total_change is None:
        return float("nan")
    return change / total_change if total_change > 0 else 1.0
