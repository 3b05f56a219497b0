import math

import cv2
import numpy as np
import pytest
from heatmaps.array_reference import redistribute_background
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.heatmaps.algebra import attention_share, modify_heatmap
from pipeline.heatmaps.placebo import scale_background

properties = settings(max_examples=200, deadline=None)
seeds = st.integers(0, 2**64 - 1)


@st.composite
def maps_and_regions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=8))
    values = st.one_of(st.floats(0, 1, width=32), st.sampled_from([0.0, 1.0]))
    heatmap = draw(hnp.arrays(np.float32, shape, elements=values))
    return heatmap, draw(hnp.arrays(np.bool_, shape))


@pytest.fixture
def scene() -> tuple[np.ndarray, np.ndarray]:
    """A map with four bumps, one of them on the product, as 8-bit files have it."""
    heatmap = np.zeros((256, 192), np.float32)
    for row, column, height in ((60, 50, 1), (130, 120, 0.8), (200, 40, 0.5), (220, 160, 0.7)):
        heatmap[row, column] = height
    heatmap = cv2.GaussianBlur(heatmap, (0, 0), 22)
    heatmap = np.round(heatmap / heatmap.max() * 255).astype(np.float32) / 255
    region = np.zeros(heatmap.shape, np.bool_)
    region[100:160, 90:150] = True
    return heatmap, region


def change_of(one: np.ndarray, other: np.ndarray) -> float:
    return np.abs(one - other).sum(dtype=np.float64).item()


@properties
@given(maps_and_regions(), st.floats(0, 60), st.none() | st.floats(1, 1e308), seeds)
def test_only_the_background_changes_and_keeps_its_sum(drawn, total_change, factor, seed) -> None:
    heatmap, region = drawn
    change = redistribute_background(heatmap, region, total_change, factor, seed=seed)
    assert change.heatmap[region].tobytes() == heatmap[region].tobytes()
    assert ((change.heatmap >= 0) & (change.heatmap <= 1)).all()
    before, after = (each[~region].sum(dtype=np.float64) for each in (heatmap, change.heatmap))
    assert after == pytest.approx(before, rel=1e-6, abs=1e-37)
    assert change.modified == (change_of(change.heatmap, heatmap) > 0)


@properties
@given(maps_and_regions(), st.floats(0.001, 60), seeds)
def test_the_change_is_the_one_asked_for_or_the_largest(drawn, total_change, seed) -> None:
    heatmap, region = drawn
    change = redistribute_background(heatmap, region, total_change, seed=seed)
    made = change_of(change.heatmap, heatmap)
    assert change.change_ratio == pytest.approx(made / total_change)
    rounding = 1e-7 * heatmap.sum(dtype=np.float64) + 1e-12
    assert made <= total_change + rounding
    if change.modified and made < total_change - rounding:
        raised, lowered = change.heatmap > heatmap, change.heatmap < heatmap
        assert (change.heatmap[raised] == 1).all() or not change.heatmap[lowered].any()


@properties
@given(maps_and_regions(), st.floats(0.001, 60), st.none() | st.floats(1, 100), seeds)
def test_one_half_is_raised_by_the_factor(drawn, total_change, factor, seed) -> None:
    heatmap, region = drawn
    change = redistribute_background(heatmap, region, total_change, factor, seed=seed)
    assert 1 <= change.factor <= (factor or math.inf) * (1 + 1e-9)
    raised = change.heatmap > heatmap
    expected = np.minimum(change.factor * heatmap[raised].astype(np.float64), 1)
    np.testing.assert_allclose(change.heatmap[raised], expected, rtol=1e-6, atol=1e-37)


@pytest.mark.parametrize("alpha", [1.2, 1.5, 2])
def test_the_placebo_changes_as_much_as_the_boost_and_no_dose(scene, alpha) -> None:
    heatmap, region = scene
    boost = modify_heatmap(heatmap, region, alpha)
    placebo = redistribute_background(heatmap, region, change_of(boost.heatmap, heatmap), seed=3)
    assert placebo.change_ratio == pytest.approx(1, abs=1e-6)
    share = attention_share(heatmap, region)
    assert attention_share(placebo.heatmap, region) == pytest.approx(share, abs=1e-6)
    assert attention_share(boost.heatmap, region) > share + 0.02


@properties
@given(maps_and_regions(), st.floats(0.05, 20))
def test_scaling_the_background_equals_the_reduction_everywhere(drawn, alpha) -> None:
    heatmap, region = drawn
    scaled = scale_background(heatmap, region, alpha).heatmap
    reduced = modify_heatmap(heatmap, region, 1 / alpha).heatmap
    np.testing.assert_allclose(scaled, reduced, rtol=1e-6, atol=1e-37)


def test_the_halves_are_equal_in_attention_and_smooth(scene) -> None:
    heatmap, region = scene
    for seed in range(10):
        change = redistribute_background(heatmap, region, factor=1.01, seed=seed)
        raised = change.heatmap > heatmap
        half = heatmap[raised].sum() / heatmap[~region].sum()
        assert half == pytest.approx(0.5, abs=0.01)
        lowered = change.heatmap < heatmap
        borders = (raised[:, 1:] & lowered[:, :-1]).sum() + (raised[:, :-1] & lowered[:, 1:]).sum()
        assert borders < 12 * heatmap.shape[0]  # grain would have a border at every second pixel


def test_the_seed_makes_the_field() -> None:
    heatmap, region = np.full((64, 48), 0.5, np.float32), np.zeros((64, 48), np.bool_)
    first, again, other = (
        redistribute_background(heatmap, region, factor=1.5, seed=seed).heatmap
        for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(first, again)
    assert change_of(first, other) > 100
    picture = ["".join(row) for row in np.where(first[4::8, 4::8] > 0.5, "#", ".")]
    assert picture == [
        "......",
        "....##",
        "....##",
        "...###",
        "..####",
        "..####",
        "######",
        "#...##",
    ]


@pytest.mark.parametrize(
    ("heatmap", "region"),
    [
        ([[0.0, 0.0, 0.0]], [[1, 0, 0]]),
        ([[0.6, 0.0, 0.0]], [[1, 0, 0]]),
        ([[0.6, 0.2, 0.1]], [[1, 1, 1]]),
        ([[0.6, 0.2, 0.0]], [[1, 0, 0]]),
        ([[0.6, 1.0, 1.0]], [[1, 0, 0]]),
    ],
    ids=["zero map", "no background attention", "full region", "one pixel", "all at 1"],
)
def test_a_background_without_room_is_left_alone(heatmap, region) -> None:
    change = redistribute_background(heatmap, region, total_change=0.4, seed=0)
    assert change.heatmap.tobytes() == np.float32(heatmap).tobytes()
    assert (change.modified, change.factor, change.change_ratio) == (False, 1, 0)


def test_two_pixels_by_hand() -> None:
    change = redistribute_background([[0.4, 0.4, 0.4]], [[1, 0, 0]], total_change=0.4, seed=0)
    np.testing.assert_allclose(np.sort(change.heatmap[0]), [0.2, 0.4, 0.6], rtol=1e-6)
    assert change.factor == pytest.approx(1.5)
    # The other pixel can give .4 at most: a change of .8.
    most = redistribute_background([[0.4, 0.4, 0.4]], [[1, 0, 0]], total_change=1.6, seed=0)
    np.testing.assert_allclose(np.sort(most.heatmap[0]), [0, 0.4, 0.8], rtol=1e-6)
    assert (most.factor, most.change_ratio) == (pytest.approx(2), pytest.approx(0.5))


def test_what_the_cap_holds_at_full_attention_is_counted() -> None:
    change = redistribute_background([[0.4, 0.8, 0.8]], [[1, 0, 0]], factor=1.5, seed=0)
    np.testing.assert_allclose(np.sort(change.heatmap[0]), [0.4, 0.6, 1], rtol=1e-6)
    assert (change.factor, change.clipped_fraction) == (1.5, pytest.approx(1 / 3))


def test_a_given_factor_is_used_as_far_as_the_other_half_can_pay() -> None:
    heatmap, region = [[0.4, 0.4, 0.4]], [[1, 0, 0]]
    given_factor = redistribute_background(heatmap, region, factor=1.2, seed=0)
    assert given_factor.factor == 1.2
    assert math.isnan(given_factor.change_ratio)
    compared = redistribute_background(heatmap, region, total_change=0.32, factor=1.2, seed=0)
    assert compared.change_ratio == pytest.approx(0.5)
    assert redistribute_background(heatmap, region, factor=2.5, seed=0).factor == pytest.approx(2)


def test_no_change_asked_for_is_no_change_made(scene) -> None:
    change = redistribute_background(*scene, total_change=0, seed=0)
    assert (change.modified, change.change_ratio, change.clipped_fraction) == (False, 1, 0)
