"""The statistics of the proof: pure functions of arrays, each with a known answer in the tests."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from pipeline.heatmaps.dose import Values, log_odds

Interval = tuple[float, float]

# The log odds of a share of 0 or 1 are infinite; a panel of viewers tells no finer ones anyway.
_LEAST_SHARE = 1e-3
_RESAMPLES = 2000
# What floating-point arithmetic leaves of equal values.
_NO_SPREAD = 1e-12


def relative_error(achieved: ArrayLike, wanted: ArrayLike) -> Values:
    """Return |achieved − wanted| / wanted; NaN where 0 is wanted (alpha = 0): nothing has that."""
    wanted = np.asarray(wanted, np.float64)
    wanted = np.where(wanted > 0, wanted, np.nan)
    return np.asarray(np.abs(np.asarray(achieved, np.float64) - wanted) / wanted)


def spearman(alphas: ArrayLike, shares: ArrayLike) -> float:
    """Return Spearman's rho of one scene's curve, ties by average ranks; 0 for a constant curve."""
    shares = np.asarray(shares, np.float64)
    if np.ptp(shares) <= _NO_SPREAD:
        return 0.0
    return float(stats.spearmanr(np.asarray(alphas, np.float64), shares).statistic)


def logit_slope(alphas: ArrayLike, shares: ArrayLike) -> float:
    """Return the least-squares slope of logit(share) on log(alpha) of one scene; 1 is the dose.

    Shares are limited to [0.001, 0.999] first. The alphas are > 0 and not all equal.
    """
    limited = np.clip(np.asarray(shares, np.float64), _LEAST_SHARE, 1 - _LEAST_SHARE)
    odds = log_odds(limited, 1 - limited)
    return float(stats.linregress(np.log(np.asarray(alphas, np.float64)), odds).slope)


def clustered_interval(
    clusters: Sequence[str],
    statistic: Callable[[NDArray[np.intp]], float],
    seed: int = 0,
) -> Interval | None:
    """Return the 95 % interval of a statistic of rows that belong to clusters (videos).

    The percentile bootstrap over whole clusters, since scenes of one video are alike: the draws of
    `scipy.stats.bootstrap`, whose splitting and joining for each of them takes three times as long
    as the statistics do. Percentiles rather than BCa: with the dozen videos of a test split BCa's
    acceleration, and with it the interval of a median, is undefined whenever leaving out a video
    changes nothing. Resamples in which the statistic is undefined (NaN) do not count.

    The statistic takes positions of rows, with repetitions, and returns the figure. There is no
    interval with fewer than two clusters.
    """
    names, membership = np.unique(np.asarray(clusters, np.str_), return_inverse=True)
    if len(names) < 2:
        return None
    rows = [np.flatnonzero(membership == number) for number in range(len(names))]

    draws = np.random.default_rng(seed).integers(0, len(rows), (_RESAMPLES, len(rows)))
    resampled = np.array(
        [statistic(np.concatenate([rows[number] for number in draw])) for draw in draws.tolist()]
    )
    defined = resampled[~np.isnan(resampled)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, [0.025, 0.975])
    return float(low), float(high)


class Equivalence(NamedTuple):
    """Two one-sided paired t tests at 5 %; None is undefined."""

    mean: float | None
    """Of the videos' mean changes."""
    interval: Interval | None
    """The 90 % interval of that mean."""
    p: float | None
    """The larger of the two p values."""
    videos: int
    passed: bool
    """The interval lies inside the bounds, over enough videos."""
    verdict: str


def equivalence(changes: ArrayLike, bound: float, least_videos: int = 10) -> Equivalence:
    """Test whether the mean of per-video changes lies within ±bound (Schuirmann 1987).

    There is one mean (edited − original) share per video, and the bound, > 0, is in units of share.
    With fewer than the least number of videos nothing is shown, whatever the interval.
    """
    values = np.asarray(changes, np.float64)
    count = len(values)
    mean = float(values.mean()) if count else None
    if count < 2:
        return Equivalence(mean, None, None, count, False, f"{count} videos: nothing to test")
    if values.std(ddof=1) <= _NO_SPREAD:
        verdict = "degenerate: the change is the same in every video, so there is nothing to test"
        return Equivalence(mean, None, None, count, False, verdict)
    above = stats.ttest_1samp(values, -bound, alternative="greater").pvalue
    below = stats.ttest_1samp(values, bound, alternative="less").pvalue
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.90)
    p = float(max(above, below))
    inside = bool(-bound < low and high < bound)
    verdict = f"90 % interval [{low:+.4f}, {high:+.4f}] "
    verdict += f"{'inside' if inside else 'not inside'} ±{bound:g}"
    if count < least_videos:
        verdict += f", but only {count} videos where {least_videos} are needed"
    passed = inside and count >= least_videos
    return Equivalence(mean, (float(low), float(high)), p, count, passed, verdict)


def correlation(one: ArrayLike, other: ArrayLike) -> float:
    """Return Pearson's correlation; NaN where either is constant or fewer than three are given."""
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if len(one) < 3 or np.ptp(one) <= _NO_SPREAD or np.ptp(other) <= _NO_SPREAD:
        return math.nan
    return float(stats.pearsonr(one, other).statistic)
