"""The heatmap algebra: attention on a region changed by a known factor, total attention preserved.

**The dose.** `A` is a heatmap with values in [0, 1], `R` a binary region, `T = sum(A)`,
`s = sum(R*A)/T` the region's share. A variant multiplies attention in the region by `alpha`,
`A' = A*(1-R) + alpha*A*R`, and rescales so that the total is what it was:
`A' <- c*A'` with `c = T/sum(A')`. As `sum(A') = T*(alpha*s + 1 - s)`, the share becomes what
`pipeline.heatmaps.dose` says.

**The cap.** Where `c*A'` would exceed 1, a plain clip would lose mass. The map is `min(c*A', 1)`
instead, with a larger `c`, the one for which `f(c) = sum(min(c*A', 1)) = T`. Among all maps with
that total and no value over 1, this one is nearest to `A'` in relative entropy (the conditions of
Kuhn and Tucker give just this form), and it keeps the order of values within a region (weakly).

`f` is concave, piecewise linear, and rises from 0 to `N = #{A' > 0}`; so a solution exists if and
only if `N >= T`. As `A <= 1` that holds for every `alpha > 0`. For `alpha = 0` the pixels outside
the region may be too few to hold `T`: then all of them become 1, mass is lost, and it is flagged.

Given the `k` pixels that end at 1, `c = (T - k) / (sum of the other A')` is a closed form. To find
them, start with none, solve for `c`, add the pixels which that `c` pushes over 1, repeat until
there are none. This is Newton's method on `f` from the left: every `c` is too small, so a pixel
once at 1 stays there, and the loop ends with the exact solution, not within a tolerance. Let `g`
be the mass still missing and `t` the slope (the sum of the others); concavity gives
`g'/g + t'/t <= 1` from one round to the next, so `g*t` falls at least fourfold: 2 to 7 rounds over
ever fewer pixels in practice. A sort finds the same `c` from one cumulative sum, 5 to 15 times
slower on a 512x512 map. (For projections onto the simplex: Michelot 1986, "A finite algorithm for
finding the projection of a point onto the canonical simplex of R^n", JOTA 50.)

**Monotonicity.** Write `G_R(x) = sum over R of min(x*A, 1)` and `G_B` for the background. The
capped map solves `G_B(c) + G_R(alpha*c) = T`. Both are non-decreasing; when `alpha` grows, `c`
cannot grow and `alpha*c` cannot fall, so the share `G_R(alpha*c)/T` never falls.

**Exact dose under the cap.** The same equation, read the other way: to give the region the mass
`m`, solve `G_R(x) = m` and `G_B(y) = T - m`, each by the closed form above; the factor is `x/y`.
The region holds at most `N_R = #{A > 0 in R}` and the background `N_B`, so the shares that can be
reached lie between `1 - N_B/T` and `N_R/T`, and no iteration over alpha is needed.

All sums are in float64, heatmaps are float32. Where a map's total is 0 its share is undefined:
functions return NaN, tables write null.
"""

import math
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.heatmaps.dose import (
    FlagPerMap,
    PerMap,
    Values,
    checked_alphas,
    per_map,
    share_of_sums,
)

FloatMap: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]
OnClip: TypeAlias = Literal["cap", "solve"]

# Positive float32 values span 46 decades, so beyond these factors the float32 map has reached its
# limit; within them no float64 weight overflows or underflows.
_ALPHA_LIMITS = (1e-100, 1e100)
# What float32 rounds to 1 has not been changed by the cap.
OVER_ONE = 1 + 2.0**-24


class HeatmapChange(NamedTuple):
    """What was done to a map. For a batch every field but `heatmap` is an array, one per map."""

    heatmap: FloatMap
    """The input's shape, values in [0, 1]."""
    modified: FlagPerMap = False
    """False where the heatmap is the input, value by value."""
    clipped_fraction: PerMap = 0.0
    """The share of all pixels that the cap holds at 1, i.e. with `c*A' > 1` (where mass is lost:
    every pixel with `A' > 0`); 0 where the plain formula holds."""
    mass_lost: FlagPerMap = False
    """True where no map of values up to 1 has the input's total (alpha = 0 only)."""
    factor: PerMap = 1.0
    """The alpha in effect, which differs from the one asked for only with `on_clip="solve"`. Of a
    placebo that redistributes: the `p >= 1` of its raised half (before the cap at 1)."""
    change_ratio: PerMap = math.nan
    """Of such a placebo: the total absolute change over the one asked for; 1 where none was."""


def modify_heatmap(
    heatmap: ArrayLike, region: ArrayLike, alpha: float, on_clip: OnClip = "cap"
) -> HeatmapChange:
    """Multiply attention in a region by alpha, keeping the total (derivation: module docstring).

    An empty or full region, a map without attention, and alpha = 1 leave the map as it is, bit by
    bit. The total is preserved to 1e-6 (relative), which is float32 rounding; only a map whose
    values are all subnormal in float32 cannot be held that exactly.

    Args:
        heatmap: H×W, or ...×H×W for a batch; finite, in [0, 1]; computed on as float32.
        region: binary, of the heatmap's shape, or H×W for all maps of a batch.
        alpha: factor, finite and >= 0.
        on_clip: "cap" uses alpha as given, so capped maps fall short of the dose; "solve" takes
            the factor at which the share is the one that alpha asks for, or, where that cannot be
            reached, the one nearest to 1 with the share at its limit
            (`LevelMap.reachable_share`); no mass is ever lost.

    Raises:
        ValueError: for an alpha, shape, value or `on_clip` outside the above.
    """
    heat, inside = checked_maps(heatmap, region)
    factor = checked_alphas(alpha).item()
    if on_clip not in get_args(OnClip):
        raise ValueError(f"on_clip must be one of {get_args(OnClip)}, found {on_clip!r}")
    batch = heat.shape[:-2]
    ones = np.ones(heat.shape[-2:])
    if not batch:
        return modify_values(heat, inside, factor, on_clip, ones)
    changes = [modify_values(heat[i], inside[i], factor, on_clip, ones) for i in np.ndindex(batch)]
    fields = (np.array(values) for values in zip(*changes, strict=True))
    return HeatmapChange(*(values.reshape(batch + values.shape[1:]) for values in fields))


def modify_values(
    heatmap: FloatMap, region: Mask, alpha: float, on_clip: OnClip, counts: Values
) -> HeatmapChange:
    """`modify_heatmap` on checked values, each of which may stand for many pixels.

    What a value becomes depends on the value and its region alone. So a map with few distinct
    values, such as an 8-bit one, can be given as those values with the number of pixels that have
    them: the result is the same, and costs what there are values instead of pixels.

    Map, region and counts, the pixels behind each value, >= 1, have one shape, whatever it is.
    """
    heat = heatmap.astype(np.float64)
    total = weighted_sum(heat, counts)
    unchanged = HeatmapChange(heatmap.copy(), factor=alpha)
    if alpha == 1 or total == 0 or not region.any() or region.all():
        return unchanged
    factor = np.clip(alpha, *_ALPHA_LIMITS).item() if alpha > 0 else 0.0
    mass_lost = False
    if on_clip == "solve":
        scales = _solved_scales(heat, region, factor, counts)
        if scales is None:
            return unchanged
        region_scale, background_scale = scales
        solved = region_scale / background_scale
        if not math.isclose(solved, factor):
            alpha = solved
    else:
        weights = np.where(region, heat * factor, heat)
        background_scale = capped_scale(weights, total, counts)
        region_scale = factor * background_scale
        mass_lost = factor == 0 and count_pixels(weights > 0, counts) < total
    scaled = heat * np.where(region, region_scale, background_scale)
    over = count_pixels(scaled > (0 if mass_lost else OVER_ONE), counts)
    result = np.minimum(scaled, 1, out=scaled).astype(np.float32)
    modified = not np.array_equal(result, heatmap)
    return HeatmapChange(result, modified, over / float(counts.sum()), mass_lost, alpha)


def _solved_scales(
    heat: Values, region: Mask, factor: float, counts: Values
) -> tuple[float, float] | None:
    """Scales of region and background that give the requested share, or the limit of the share.

    None where region or background hold no attention, so that no factor moves the share.
    """
    region_heat, background_heat = heat[region], heat[~region]
    region_counts, background_counts = counts[region], counts[~region]
    region_sum = weighted_sum(region_heat, region_counts)
    background_sum = weighted_sum(background_heat, background_counts)
    if region_sum == 0 or background_sum == 0:
        return None
    total = region_sum + background_sum
    modified_sum = factor * region_sum + background_sum
    region_target = total * (factor * region_sum / modified_sum)
    background_target = total * (background_sum / modified_sum)
    region_room = count_pixels(region_heat > 0, region_counts)
    background_room = count_pixels(background_heat > 0, background_counts)
    if region_target > region_room:
        region_target, background_target = region_room, total - region_room
    elif background_target > background_room:
        region_target, background_target = total - background_room, background_room
    return (
        capped_scale(region_heat, region_target, region_counts),
        capped_scale(background_heat, background_target, background_counts),
    )


def capped_scale(weights: Values, total: float, counts: Values) -> float:
    """Solve `sum(min(c*weights, 1)) = total` for `c`, exactly (module docstring, "The cap").

    Where `total` is all that the positive weights can hold, or more, this is the smallest `c` that
    brings each of them to 1 (0 without positive weights). Weights and total are >= 0; counts as in
    `modify_values`.
    """
    room = count_pixels(weights > 0, counts)
    if room == 0:
        return 0.0
    if room <= total:
        return float(1 / weights[weights > 0].min())
    scale = total / weighted_sum(weights, counts)
    if weights.max() * scale <= 1:
        return scale
    capped = 0.0
    free, free_counts = weights.ravel(), counts.ravel()
    while True:
        over = free * scale > 1
        newly_capped = count_pixels(over, free_counts)
        # The second condition is met by rounding only: a scale that is too small cannot fill up.
        if newly_capped == 0 or capped + newly_capped >= total:
            return scale
        capped += newly_capped
        free, free_counts = free[~over], free_counts[~over]
        scale = max(scale, (total - capped) / weighted_sum(free, free_counts))


def weighted_sum(values: Values, counts: Values) -> float:
    """The sum over pixels of `values`, each of which stands for `counts` pixels."""
    return float((values * counts).sum())


def count_pixels(chosen: Mask, counts: Values) -> float:
    """The number of pixels behind the chosen values."""
    return float(counts[chosen].sum())


def attention_share(heatmap: ArrayLike, mask: ArrayLike) -> PerMap:
    """Attention share `sum(M*A)/sum(A)` in [0, 1], NaN where `sum(A) = 0`."""
    heat, inside = checked_maps(heatmap, mask)
    total = heat.sum(axis=(-2, -1), dtype=np.float64)
    return share_of_sums(_sum_inside(heat, inside), total)


def alignment_score(heatmap: ArrayLike, mask: ArrayLike) -> PerMap:
    """Alignment score `mean(M*A)` over all pixels, in [0, 1]."""
    heat, inside = checked_maps(heatmap, mask)
    pixels = heat.shape[-2] * heat.shape[-1]
    return per_map(_sum_inside(heat, inside) / pixels)


def checked_maps(heatmap: ArrayLike, region: ArrayLike) -> tuple[FloatMap, Mask]:
    """The heatmap as float32 and the region as bool, of one shape ...×H×W.

    Raises:
        ValueError: if shapes disagree, the heatmap leaves [0, 1] or the region is not binary.
    """
    heat, given = np.asarray(heatmap, np.float32), np.asarray(region)
    if heat.ndim < 2 or heat.size == 0:
        raise ValueError(f"heatmap must be ...×H×W and not empty, found shape {heat.shape}")
    if given.shape not in (heat.shape, heat.shape[-2:]):
        raise ValueError(
            f"region must have the heatmap's shape {heat.shape} or {heat.shape[-2:]}, "
            f"found {given.shape}: resize the mask to the heatmap"
        )
    low, high = heat.min(), heat.max()
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"heatmap values must be finite and in [0, 1], found {low} to {high}: "
            "divide 8-bit values by 255"
        )
    inside = given.astype(np.bool_, copy=False)
    if given.dtype != np.bool_ and not np.array_equal(inside, given):
        raise ValueError(
            f"region must be binary (0 or 1), found values from {given.min()} to {given.max()}: "
            "threshold masks at half of their range"
        )
    return heat, np.broadcast_to(inside, heat.shape)


def _sum_inside(heat: FloatMap, inside: Mask) -> NDArray[np.float64]:
    return np.asarray((heat * inside).sum(axis=(-2, -1), dtype=np.float64))
