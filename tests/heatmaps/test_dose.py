import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.heatmaps.dose import (
    alpha_for_share,
    feasible,
    log_odds,
    requested_share,
    share_of_log_odds,
    share_of_sums,
    shift,
)


def test_shares_and_doses_by_hand() -> None:
    np.testing.assert_array_equal(share_of_sums([0.7, 0], [1, 0]), [0.7, np.nan])
    assert requested_share(0.25, 2) == pytest.approx(0.4)
    asked = requested_share([0.25, 0.4], 2, ["keyword", "background"])
    np.testing.assert_allclose(asked, [0.4, 0.25])
    assert requested_share(0.25, 0) == 0
    assert requested_share(0.25, 0, "background") == 1


def test_no_attention_at_all_is_sought_as_a_hundredth() -> None:
    assert shift(0, "keyword") == -shift(0, "background") == math.log(0.01)


@given(st.floats(0.001, 0.999), st.floats(0.01, 100), st.sampled_from(["keyword", "background"]))
def test_factor_share_and_shift_are_three_forms_of_one_dose(share, alpha, region) -> None:
    asked = requested_share(share, alpha, region)
    shifted = log_odds(share, 1 - share) + shift(alpha, region)
    assert log_odds(asked, 1 - asked) == pytest.approx(shifted, abs=1e-6)
    assert share_of_log_odds(shifted) == pytest.approx(asked, abs=1e-9)
    factor = alpha if region == "keyword" else 1 / alpha
    assert alpha_for_share(share, asked) == pytest.approx(factor, rel=1e-6)


@given(st.floats(0, 1))
def test_alpha_one_asks_for_the_same_share_and_is_feasible(share) -> None:
    assert requested_share(share, 1) == share
    assert feasible(share + 0.01, share, share)


def test_requests_that_no_factor_can_meet() -> None:
    unmovable = alpha_for_share([0, 1, np.nan, 0.5], [0.5, 0.5, 0.5, 0.75])
    np.testing.assert_array_equal(unmovable, [np.nan, np.nan, np.nan, 3])
    with pytest.raises(ValueError, match=r"target share must be in \[0, 1\)"):
        alpha_for_share(0.5, 1)


def test_feasible_allows_a_tenth_of_the_requested_change() -> None:
    planned = [0.491, 0.489, 0.509, 0.511, np.nan]
    verdicts = feasible(planned, 0.5, 0.4)
    np.testing.assert_array_equal(verdicts, [True, False, True, False, False])


@pytest.mark.parametrize("alpha", [-0.1, float("nan"), float("inf")])
def test_no_share_is_asked_for_by_what_is_no_factor(alpha) -> None:
    with pytest.raises(ValueError, match="alpha must be finite and >= 0"):
        requested_share(0.5, alpha)
