import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pipeline.heatmaps.dose import requested_share
from pipeline.proof.statistics import (
    clustered_interval,
    correlation,
    equivalence,
    logit_slope,
    relative_error,
    spearman,
)

ALPHAS = [0.5, 0.75, 1.0, 1.25, 1.5, 2.0]


def test_relative_error_by_hand() -> None:
    assert relative_error([0.44, 0.2], [0.4, 0.4]) == pytest.approx([0.1, 0.5])


def test_where_no_attention_is_asked_for_there_is_no_relative_error() -> None:
    found = relative_error([0.1, 0.44], [0.0, 0.4])
    assert math.isnan(found[0])
    assert found[1] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("shares", "rho"),
    [
        ([0.1, 0.2, 0.3, 0.4], 1.0),
        ([0.4, 0.3, 0.2, 0.1], -1.0),
        ([0.3, 0.3, 0.3, 0.3], 0.0),
        # Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: 4.5 / sqrt(4.5 · 5).
        ([0.1, 0.2, 0.2, 0.3], 4.5 / math.sqrt(22.5)),
    ],
    ids=["rises", "falls", "constant", "ties take average ranks"],
)
def test_spearman_by_hand(shares, rho) -> None:
    assert spearman([0.5, 1, 1.5, 2], shares) == pytest.approx(rho)


@given(share=st.floats(0.02, 0.9), reached=st.floats(0.1, 1.2))
def test_a_dose_reached_in_part_has_that_slope(share, reached) -> None:
    shares = requested_share(share, np.array(ALPHAS) ** reached)
    assert logit_slope(ALPHAS, shares) == pytest.approx(reached, abs=1e-6)


def test_shares_of_0_and_1_have_a_finite_slope() -> None:
    assert logit_slope([0.5, 2], [0, 1]) == pytest.approx(2 * math.log(999) / math.log(4))


def test_interval_of_a_mean_of_equal_clusters_is_that_of_the_cluster_means() -> None:
    rng = np.random.default_rng(0)
    means = rng.normal(0, 1, 60)
    values = np.repeat(means, 50)  # the scenes of a video repeat it
    clusters = [f"v{number}" for number in np.repeat(np.arange(60), 50)]
    low, high = clustered_interval(clusters, lambda rows: float(values[rows].mean()))
    expected = 1.96 * means.std(ddof=1) / math.sqrt(60)
    assert low == pytest.approx(means.mean() - expected, abs=0.05)
    assert high == pytest.approx(means.mean() + expected, abs=0.05)


def test_the_interval_is_that_of_scipys_bootstrap_over_videos() -> None:
    random = np.random.default_rng(0)
    values, membership = random.normal(0, 1, 40), random.integers(0, 9, 40)
    low, high = clustered_interval(
        [f"v{number}" for number in membership], lambda rows: float(np.median(values[rows])), seed=3
    )
    clusters = [np.flatnonzero(membership == number) for number in range(9)]
    expected = stats.bootstrap(
        (np.arange(9),),
        lambda chosen: float(np.median(values[np.concatenate([clusters[n] for n in chosen])])),
        n_resamples=2000,
        vectorized=False,
        method="percentile",
        rng=np.random.default_rng(3),
    ).confidence_interval
    assert (low, high) == pytest.approx((expected.low, expected.high), rel=1e-12)


def test_one_video_has_no_interval() -> None:
    assert clustered_interval(["v", "v"], lambda rows: 1.0) is None


def test_undefined_resamples_do_not_count() -> None:
    values = np.array([1.0, math.nan, 3.0])
    interval = clustered_interval(["a", "b", "c"], lambda rows: float(values[rows].mean()))
    assert interval == (1.0, 3.0)


def test_equivalence_agrees_with_a_table() -> None:
    changes = np.array([-0.01, 0.01] * 5)
    result = equivalence(changes, 0.03)
    half = 1.833113 * math.sqrt(1 / 9) * 0.01  # t(0.95, 9) · SD / sqrt(10), SD² = 10·0.0001/9
    assert result.interval == pytest.approx((-half, half), rel=1e-5)
    assert result.passed
    assert result.p < 0.001


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([0.0] * 12, "degenerate"),
        ([0.02] * 12, "degenerate"),
        ([-0.01, 0.01] * 4, "only 8 videos"),
        (list(np.array([-0.01, 0.01] * 6) + 0.03), "not inside"),
        ([-0.2, 0.2] * 6, "not inside"),
        ([0.01], "nothing to test"),
    ],
    ids=["zero", "constant", "few videos", "shifted", "noisy", "one"],
)
def test_what_is_no_proof_does_not_pass(changes, words) -> None:
    result = equivalence(changes, 0.03)
    assert not result.passed
    assert words in result.verdict


def test_p_and_interval_agree_at_the_bound() -> None:
    changes = np.random.default_rng(1).normal(0.01, 0.02, 14)
    bound = max(map(abs, equivalence(changes, 1).interval))
    assert equivalence(changes, bound).p == pytest.approx(0.05)
    assert equivalence(changes, bound * 1.001).passed
    assert not equivalence(changes, bound * 0.999).passed


def test_correlation_by_hand() -> None:
    assert correlation([1, 2, 3], [2, 4, 6]) == pytest.approx(1)
    assert math.isnan(correlation([1, 2, 3], [2, 2, 2]))
