import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.heatmaps.dose import requested_share
from pipeline.heatmaps.params import VariantParams
from pipeline.heatmaps.recipes import Treatment, recipes, treatments, window_bounds, window_weights


def alphas(variant: str, num_scenes: int = 9, share: float = 0.2, **values) -> list[float]:
    made = treated(VariantParams(**values), num_scenes, share)
    return [scene[variant].alpha for scene in made]


def treated(
    params: VariantParams, num_scenes: int, share: float = 0.2
) -> list[dict[str, Treatment]]:
    made = recipes(params, num_scenes)
    return [treatments(made, scene, share, params.target_share) for scene in range(num_scenes)]


@pytest.mark.parametrize(
    ("num_scenes", "early", "middle", "late"),
    [
        (9, (0, 3), (3, 6), (6, 9)),
        (10, (0, 3), (3, 6), (6, 10)),
        (11, (0, 3), (3, 6), (6, 11)),
        (3, (0, 1), (1, 2), (2, 3)),
        (2, (0, 0), (0, 0), (0, 2)),
        (1, (0, 0), (0, 0), (0, 1)),
    ],
)
def test_thirds_leave_the_remainder_to_the_last_window(num_scenes, early, middle, late) -> None:
    found = [window_bounds(num_scenes, name, "thirds") for name in ("early", "middle", "late")]
    assert found == [early, middle, late]


def test_halves_are_the_first_the_central_and_the_last_half() -> None:
    assert window_bounds(10, "early", "halves") == (0, 5)
    assert window_bounds(10, "middle", "halves") == (2, 7)
    assert window_bounds(10, "late", "halves") == (5, 10)


def test_fractions_cut_where_they_say() -> None:
    parts = (0.1, 0.7, 0.2)
    assert window_bounds(10, "early", parts) == (0, 1)
    assert window_bounds(10, "middle", parts) == (1, 8)
    assert window_bounds(10, "late", parts) == (8, 10)
    assert window_bounds(10, (0.5, 1.0), parts) == (5, 10)


@given(st.integers(0, 400))
def test_thirds_cover_every_scene_once(num_scenes) -> None:
    bounds = [window_bounds(num_scenes, name, "thirds") for name in ("early", "middle", "late")]
    assert bounds[0] == (0, num_scenes // 3)
    assert bounds[1] == (num_scenes // 3, 2 * (num_scenes // 3))
    assert bounds[2] == (2 * (num_scenes // 3), num_scenes)


def test_a_boost_applies_in_its_window_only() -> None:
    assert alphas("early_boost", 7) == [1.5, 1.5, 1, 1, 1, 1, 1]
    assert alphas("late_boost", 7, alpha=2) == [1, 1, 1, 1, 2, 2, 2]
    assert alphas("full_boost", 4) == [1.5] * 4
    assert alphas("reduction", 6) == [1, 1, 0.5, 0.5, 1, 1]
    assert alphas("baseline", 3) == [1, 1, 1]


def test_equal_treatments_are_equal_whatever_their_variant() -> None:
    first, second, _ = treated(VariantParams(), 3)
    assert first["early_boost"] == first["full_boost"] == Treatment("scale", "keyword", 1.5)
    assert second["early_boost"] == second["baseline"] == Treatment()
    boost = first["full_boost"]
    assert first["placebo"] == Treatment("redistribute", "background", 1.0, boost)


def test_the_older_placebo_scales_the_background() -> None:
    *_, last = treated(VariantParams(placebo="scale", placebo_alpha=1.3), 3)
    assert last["placebo"] == Treatment("scale", "background", 1.3, last["full_boost"])


def test_smoothing_ramps_the_factor_and_leaves_constant_ones_alone() -> None:
    ramp = np.array(alphas("late_boost", 30, temporal_smoothing=2))
    assert (np.diff(ramp) >= 0).all()
    assert ramp[0] == 1
    assert ramp[-1] == pytest.approx(1.5)
    assert 1.15 < ramp[19] < 1.25 < ramp[20] < 1.35  # half way at the window's edge
    assert alphas("full_boost", 30, temporal_smoothing=2) == [1.5] * 30


def test_smoothing_of_one_scene_by_hand() -> None:
    edge = math.exp(-0.5)
    kernel = [math.exp(-0.5 * step**2) for step in range(-3, 4)]
    weights = window_weights(3, (1 / 3, 2 / 3), "thirds", 1.0)
    assert weights[1] == pytest.approx(1 / sum(kernel))
    assert weights[0] == weights[2] == pytest.approx(edge / sum(kernel))


def test_a_target_share_becomes_the_factor_of_the_boosts_alone() -> None:
    (factor,) = set(alphas("full_boost", 5, share=0.2, target_share=0.4))
    assert requested_share(0.2, factor) == pytest.approx(0.4)
    assert alphas("reduction", 3, target_share=0.4) == [1, 0.5, 1]


@pytest.mark.parametrize("share", [0.0, 1.0, math.nan])
def test_no_factor_gives_a_target_where_the_share_cannot_move(share) -> None:
    assert all(math.isnan(alpha) for alpha in alphas("full_boost", 2, share, target_share=0.4))


def test_extra_variants_follow_the_seven() -> None:
    extra = {
        "opening": {"window": (0, 0.25), "alpha": 3},
        "dim": {"region": "background", "alpha": 2},
    }
    params = VariantParams(extra=extra)
    made = treated(params, 8)
    assert tuple(made[0]) == tuple(params.variants)
    assert [scene["opening"].alpha for scene in made[:4]] == [3, 3, 1, 1]
    assert made[7]["dim"] == Treatment("scale", "background", 2.0)
