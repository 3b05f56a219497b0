import numpy as np
import pytest
from heatmaps.array_reference import reachable_share, redistribute_background
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.heatmaps.algebra import modify_heatmap
from pipeline.heatmaps.levels import LevelMap
from pipeline.heatmaps.placebo import scale_background
from pipeline.pictures.reading import to_levels

properties = settings(max_examples=150, deadline=None)


@st.composite
def levels_and_masks(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9))
    return draw(hnp.arrays(np.uint8, shape)), draw(hnp.arrays(np.bool_, shape))


def as_heatmap(levels: np.ndarray) -> np.ndarray:
    return levels.astype(np.float32) / np.float32(255)


def written(heatmap: np.ndarray) -> np.ndarray:
    return to_levels(heatmap).astype(int)


@properties
@given(
    levels_and_masks(),
    st.floats(0, 50),
    st.sampled_from(["cap", "solve"]),
    st.sampled_from([("keyword", modify_heatmap), ("background", scale_background)]),
)
def test_a_factor_gives_what_the_array_algebra_gives(drawn, alpha, on_clip, scaling) -> None:
    levels, mask = drawn
    region, scale = scaling
    arrays = scale(as_heatmap(levels), mask, alpha, on_clip)
    level_map = LevelMap.of(levels, mask)
    table = level_map.modify(alpha, on_clip, region)
    # float64 sums in another order may fall on the other side of a rounding border
    assert np.abs(level_map.render(table.heatmap) - written(arrays.heatmap)).max() <= 1
    assert table.modified == arrays.modified
    assert table.mass_lost == arrays.mass_lost
    assert table.factor == pytest.approx(arrays.factor)
    assert table.clipped_fraction == pytest.approx(arrays.clipped_fraction)
    change = np.abs(arrays.heatmap - as_heatmap(levels)).sum()
    assert level_map.total_change(table.heatmap) == pytest.approx(change, rel=1e-4, abs=1e-4)


@properties
@given(levels_and_masks(), st.sampled_from([0.5, 1.0, 2.0]))
def test_the_limits_of_the_keywords_share_are_those_of_the_array_algebra(drawn, alpha) -> None:
    levels, mask = drawn
    level_map = LevelMap.of(levels, mask)
    heatmap = as_heatmap(levels)
    of_keyword = reachable_share(heatmap, mask, alpha)
    of_background = 1 - reachable_share(heatmap, ~mask, alpha)
    assert level_map.reachable_share(alpha) == pytest.approx(of_keyword, nan_ok=True)
    found = level_map.reachable_share(alpha, "background")
    assert found == pytest.approx(of_background, abs=1e-6, nan_ok=True)


@properties
@given(levels_and_masks(), st.floats(0, 30), st.none() | st.floats(1, 100), st.integers(0, 99))
@example((np.uint8([[1, 3, 2, 2, 2, 2]]).T, np.zeros((6, 1), np.bool_)), 1.0, None, 0)  # 5 or 7?
def test_the_placebo_is_what_the_array_algebra_gives(drawn, total_change, factor, seed) -> None:
    levels, mask = drawn
    arrays = redistribute_background(as_heatmap(levels), mask, total_change, factor, seed=seed)
    level_map = LevelMap.of(levels, mask, seed)
    table = level_map.redistribute(total_change, factor)
    assert np.abs(level_map.render(table.heatmap) - written(arrays.heatmap)).max() <= 1
    assert table.factor == pytest.approx(arrays.factor, rel=1e-5)
    assert table.change_ratio == pytest.approx(arrays.change_ratio, rel=1e-4, abs=1e-6)


def test_the_unchanged_values_render_to_the_same_file() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    mask = np.zeros((16, 16), np.bool_)
    mask[4:8, 4:8] = True
    level_map = LevelMap.of(levels, mask, seed=3)
    assert np.array_equal(level_map.render(level_map.heat), levels)
    assert level_map.pixels.sum() == 256
    assert level_map.pixels[level_map.keyword].sum() == 16
