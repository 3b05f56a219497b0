import math

import numpy as np
import pytest
from heatmaps.array_reference import reachable_share
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.heatmaps.algebra import (
    alignment_score,
    attention_share,
    capped_scale,
    modify_heatmap,
)
from pipeline.heatmaps.dose import requested_share

SUBNORMAL = np.float32(1e-45)
heat_values = st.one_of(
    st.floats(0, 1, width=32),
    st.integers(0, 255).map(lambda level: np.float32(level / 255)),
    st.sampled_from([np.float32(0), np.float32(1), SUBNORMAL]),
)
alphas = st.one_of(
    st.floats(0, 8),
    st.sampled_from([0.0, 5e-324, 1e-300, 0.5, 1.0, 1.5, 1e6, 1e300, np.finfo(float).max]),
)
properties = settings(max_examples=200, deadline=None)


@st.composite
def maps_and_regions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=7))
    heatmap = draw(hnp.arrays(np.float32, shape, elements=heat_values))
    return heatmap, draw(hnp.arrays(np.bool_, shape))


def total_of(heatmap: np.ndarray) -> float:
    return heatmap.sum(dtype=np.float64).item()


def bisected_map(heatmap: np.ndarray, region: np.ndarray, alpha: float) -> np.ndarray:
    """The capped map by brute force: 2,000 halvings of log(c), on longdouble."""
    weights = np.where(region, np.longdouble(alpha), 1) * heatmap.astype(np.longdouble)
    total = heatmap.sum(dtype=np.longdouble)
    low, high = np.longdouble(-2000), np.longdouble(2000)
    for _ in range(2000):
        middle = (low + high) / 2
        if np.minimum(np.exp(middle) * weights, 1).sum() < total:
            low = middle
        else:
            high = middle
    return np.minimum(np.exp(high) * weights, 1).astype(np.float64)


def test_without_a_cap_the_plain_formula_holds() -> None:
    change = modify_heatmap([[0.2, 0.2, 0.4]], [[1, 0, 0]], alpha=3)
    # A' = [.6, .2, .4] sums to 1.2, the total is .8: c = 2/3.
    np.testing.assert_allclose(change.heatmap, [[0.4, 0.4 / 3, 0.8 / 3]], rtol=1e-6)
    assert (change.modified, change.clipped_fraction, change.factor) == (True, 0, 3)


def test_the_cap_hands_its_surplus_to_the_other_pixels() -> None:
    heatmap, region = [[0.8, 0.4], [0.4, 0.4]], [[1, 0], [0, 0]]
    change = modify_heatmap(heatmap, region, alpha=3)
    # A' = [2.4, .4, .4, .4] with one pixel at 1: 1 + c * 1.2 = 2, so c = 5/6.
    np.testing.assert_allclose(change.heatmap, [[1, 1 / 3], [1 / 3, 1 / 3]], rtol=1e-6)
    assert (change.clipped_fraction, change.mass_lost) == (0.25, False)
    assert requested_share(0.4, 3) == pytest.approx(2 / 3)
    assert reachable_share(heatmap, region, 3) == pytest.approx(0.5)


def test_a_cap_that_is_barely_met_keeps_the_total() -> None:
    # c * A' at the first pixel is 1.6 * alpha / (alpha + 1), here 1.00005.
    heatmap = np.float32([[0.8, 0.4, 0.4]])
    change = modify_heatmap(heatmap, [[1, 0, 0]], alpha=1.00005 / 0.59995)
    assert change.heatmap[0, 0] == 1
    assert total_of(change.heatmap) == pytest.approx(total_of(heatmap), rel=1e-7)
    assert change.clipped_fraction == pytest.approx(1 / 3)


def test_solve_raises_the_factor_to_the_requested_share() -> None:
    heatmap, region = [[0.8, 0.2], [0.5, 0.5]], [[1, 1], [0, 0]]
    change = modify_heatmap(heatmap, region, alpha=3, on_clip="solve")
    # Share 3/4 of 2: the region gets 1 + 2.5 * .2, the background half of what it had.
    np.testing.assert_allclose(change.heatmap, [[1, 0.5], [0.25, 0.25]], rtol=1e-6)
    assert change.factor == pytest.approx(5)


def test_a_product_already_at_full_attention_cannot_be_boosted() -> None:
    change = modify_heatmap([[1, 0.5, 0.25]], [[1, 0, 0]], alpha=2)
    assert not change.modified
    np.testing.assert_array_equal(change.heatmap, np.float32([[1, 0.5, 0.25]]))


def test_alpha_zero_on_a_bright_map_loses_mass_and_says_so() -> None:
    heatmap, region = [[1, 0.9], [0.8, 0]], [[1, 0], [0, 0]]
    change = modify_heatmap(heatmap, region, alpha=0)
    np.testing.assert_array_equal(change.heatmap, [[0, 1], [1, 0]])
    assert (change.mass_lost, change.clipped_fraction) == (True, 0.5)
    solved = modify_heatmap(heatmap, region, alpha=0, on_clip="solve")
    np.testing.assert_allclose(solved.heatmap, [[0.7, 1], [1, 0]], rtol=1e-6)
    assert (solved.mass_lost, solved.factor) == (False, pytest.approx(0.7 * 0.8))


def test_alpha_zero_with_all_attention_in_the_region_leaves_none() -> None:
    change = modify_heatmap([[0.5, 0]], [[1, 0]], alpha=0)
    assert not change.heatmap.any()
    assert change.mass_lost
    assert math.isnan(requested_share(1, 0))


@pytest.mark.parametrize("alpha", [0, 0.5, 1, 1.5, 1e300])
@pytest.mark.parametrize("on_clip", ["cap", "solve"])
@pytest.mark.parametrize(
    ("heatmap", "region"),
    [
        ([[0.0, 0.0]], [[1, 0]]),
        ([[0.3, 1.0]], [[0, 0]]),
        ([[0.3, 1.0]], [[1, 1]]),
        ([[0.3, 0.0]], [[0, 1]]),
    ],
    ids=["zero map", "empty region", "full region", "no attention in the region"],
)
def test_nothing_to_move_leaves_the_map_as_it_is(heatmap, region, alpha, on_clip) -> None:
    change = modify_heatmap(heatmap, region, alpha, on_clip)
    assert change.heatmap.tobytes() == np.float32(heatmap).tobytes()
    assert (change.modified, change.mass_lost, change.clipped_fraction) == (False, False, 0)


@properties
@given(maps_and_regions(), st.sampled_from(["cap", "solve"]))
def test_alpha_one_is_the_identity(drawn, on_clip) -> None:
    heatmap, region = drawn
    change = modify_heatmap(heatmap, region, 1, on_clip)
    assert change.heatmap.tobytes() == heatmap.tobytes()
    assert not change.modified


@properties
@given(maps_and_regions(), alphas, st.sampled_from(["cap", "solve"]))
@example(
    (np.float32([[1, 0.5], [0.5, 1]]), np.array([[True, False], [True, False]])), 1e-300, "cap"
)
def test_the_total_is_preserved_whenever_a_solution_exists(drawn, alpha, on_clip) -> None:
    heatmap, region = drawn
    change = modify_heatmap(heatmap, region, alpha, on_clip)
    attended = heatmap[~region] if alpha == 0 else heatmap
    trivial = region.all() or not region.any()
    solvable = trivial or on_clip == "solve" or np.count_nonzero(attended) >= total_of(heatmap)
    assert change.mass_lost == (not solvable)
    if solvable:
        # float32 cannot hold a value closer than to its smallest step.
        step = heatmap.size * float(SUBNORMAL)
        assert total_of(change.heatmap) == pytest.approx(total_of(heatmap), rel=1e-6, abs=step)


@properties
@given(maps_and_regions(), alphas, st.sampled_from(["cap", "solve"]))
def test_values_stay_in_the_unit_interval(drawn, alpha, on_clip) -> None:
    change = modify_heatmap(*drawn, alpha, on_clip)
    assert change.heatmap.dtype == np.float32
    assert ((change.heatmap >= 0) & (change.heatmap <= 1)).all()
    assert 0 <= change.clipped_fraction <= 1


@properties
@given(maps_and_regions(), alphas, st.sampled_from(["cap", "solve"]))
def test_order_within_a_region_is_kept(drawn, alpha, on_clip) -> None:
    heatmap, region = drawn
    result = modify_heatmap(heatmap, region, alpha, on_clip).heatmap
    for part in (region, ~region):
        order = np.argsort(heatmap[part], kind="stable")
        assert (np.diff(result[part][order]) >= 0).all()


@properties
@given(maps_and_regions(), alphas, alphas, st.sampled_from(["cap", "solve"]))
def test_the_share_never_falls_when_alpha_grows(drawn, one, other, on_clip) -> None:
    heatmap, region = drawn
    assume(total_of(heatmap) > 1e-30)
    low, high = (
        modify_heatmap(heatmap, region, alpha, on_clip).heatmap for alpha in sorted((one, other))
    )
    assume(low.any())  # alpha = 0 with all attention in the region leaves no share
    assert attention_share(low, region) <= attention_share(high, region) + 1e-6


@properties
@given(maps_and_regions(), st.floats(0.01, 8), st.floats(0.01, 0.1))
def test_where_nothing_clips_it_equals_the_plain_formula(drawn, alpha, peak) -> None:
    heatmap, region = drawn
    heatmap = heatmap * np.float32(peak)  # at most .1, rescaled by at most 1/alpha or alpha
    heat = heatmap.astype(np.float64)
    plain = np.where(region, heat * alpha, heat)
    plain *= heat.sum() / plain.sum() if plain.any() else 1
    assume(plain.max() <= 1)
    for on_clip in ("cap", "solve"):
        change = modify_heatmap(heatmap, region, alpha, on_clip)
        np.testing.assert_allclose(change.heatmap, plain, rtol=2e-7, atol=SUBNORMAL)
        assert (change.factor, change.clipped_fraction) == (alpha, 0)


@properties
@given(maps_and_regions(), alphas.filter(lambda alpha: alpha > 0))
def test_the_exact_scale_equals_the_bisected_one(drawn, alpha) -> None:
    heatmap, region = drawn
    result = modify_heatmap(heatmap, region, alpha).heatmap
    trivial = region.all() or not region.any() or not heatmap.any()
    expected = heatmap if trivial else bisected_map(heatmap, region, alpha)
    np.testing.assert_allclose(result, expected, rtol=1e-6, atol=1e-9)


@properties
@given(maps_and_regions(), alphas)
def test_solve_gives_the_requested_share_or_its_limit(drawn, alpha) -> None:
    heatmap, region = drawn
    assume(total_of(heatmap) > 1e-30)
    share, rest = attention_share(heatmap, region), attention_share(heatmap, ~region)
    change = modify_heatmap(heatmap, region, alpha, "solve")
    limit = reachable_share(heatmap, region, alpha)
    asked = alpha * share / (alpha * share + rest) if share and rest else share
    expected = min(asked, limit) if alpha > 1 else max(asked, limit)
    assert attention_share(change.heatmap, region) == pytest.approx(expected, abs=1e-6)


@properties
@given(maps_and_regions(), alphas)
def test_the_solved_factor_makes_the_solved_map(drawn, alpha) -> None:
    heatmap, region = drawn
    solved = modify_heatmap(heatmap, region, alpha, "solve")
    assume(solved.factor > 0 or alpha > 0)
    again = modify_heatmap(heatmap, region, solved.factor)
    np.testing.assert_allclose(again.heatmap, solved.heatmap, rtol=1e-6, atol=1e-9)


@properties
@given(maps_and_regions(), st.sampled_from([1e6, 1e60, 1e300]))
def test_the_reachable_share_bounds_and_is_approached(drawn, alpha) -> None:
    heatmap, region = drawn
    heatmap[heatmap < 1e-3] = 0  # so that 1e60 is as good as unbounded
    assume(heatmap.any())
    for factor in (alpha, 1 / alpha):
        planned = attention_share(modify_heatmap(heatmap, region, factor).heatmap, region)
        limit = reachable_share(heatmap, region, factor)
        assert (planned <= limit + 1e-6) if factor > 1 else (planned >= limit - 1e-6)
        if alpha > 1e6:
            assert planned == pytest.approx(limit, abs=1e-6)


@properties
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0, 30))
def test_capped_scale_reaches_every_total_that_fits(weights, total) -> None:
    values = np.array([weight for weight in weights if weight > 1e-100] or [1.0])
    reached = np.minimum(capped_scale(values, total, np.ones_like(values)) * values, 1).sum()
    assert reached == pytest.approx(min(total, values.size), rel=1e-9)


@properties
@given(maps_and_regions(), alphas, st.data())
def test_a_batch_equals_its_items_one_by_one(drawn, alpha, data) -> None:
    heatmap, region = drawn
    heatmaps = data.draw(hnp.arrays(np.float32, (2, 3, *heatmap.shape), elements=heat_values))
    batch = modify_heatmap(heatmaps, region, alpha, "cap")
    for index in np.ndindex(2, 3):
        item = modify_heatmap(heatmaps[index], region, alpha, "cap")
        np.testing.assert_array_equal(batch.heatmap[index], item.heatmap)
        for name in ("modified", "clipped_fraction", "mass_lost", "factor"):
            assert getattr(batch, name)[index] == getattr(item, name)


def test_batches_of_shares() -> None:
    heatmaps = np.float32([[[0.5, 0.5]], [[0, 0]], [[0.2, 0.6]]])
    np.testing.assert_allclose(attention_share(heatmaps, [[1, 0]]), [0.5, np.nan, 0.25], rtol=1e-6)
    np.testing.assert_allclose(alignment_score(heatmaps, [[1, 0]]), [0.25, 0, 0.1], rtol=1e-6)


@pytest.mark.parametrize(
    ("heatmap", "region", "alpha", "text"),
    [
        ([0.5, 0.5], [1, 0], 2, "heatmap must be"),
        (np.empty((0, 4)), np.empty((0, 4)), 2, "not empty"),
        ([[0.5, 0.5]], [[1, 0, 0]], 2, "resize the mask"),
        ([[0.5, 128]], [[1, 0]], 2, "divide 8-bit values by 255"),
        ([[0.5, -0.1]], [[1, 0]], 2, "in .0, 1."),
        ([[0.5, np.nan]], [[1, 0]], 2, "finite"),
        ([[0.5, 0.5]], [[255, 0]], 2, "threshold masks"),
        ([[0.5, 0.5]], [[0.5, 0]], 2, "region must be binary"),
        ([[0.5, 0.5]], [[1, 0]], -0.1, "alpha must be finite and >= 0"),
        ([[0.5, 0.5]], [[1, 0]], math.nan, "alpha must be finite and >= 0"),
        ([[0.5, 0.5]], [[1, 0]], math.inf, "alpha must be finite and >= 0"),
    ],
)
def test_what_is_no_map_no_region_or_no_factor_is_refused(heatmap, region, alpha, text) -> None:
    with pytest.raises(ValueError, match=text):
        modify_heatmap(heatmap, region, alpha)


def test_an_unknown_way_to_clip_is_refused() -> None:
    with pytest.raises(ValueError, match="on_clip must be one of"):
        modify_heatmap([[0.5, 0.5]], [[1, 0]], 2, on_clip="clip")
