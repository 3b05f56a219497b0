"""How well a map predicts attention: the field's metrics, as `pysaliency` defines them.

Bylinskii et al. 2018, "What do different evaluation metrics tell us about saliency models?", IEEE
PAMI 41(3); information gain: Kümmerer et al. 2015, PNAS 112(52). Maps are H×W, finite and >= 0;
fixations are given by the rows and columns of their pixels. What a formula leaves undefined is
defined here: a constant map has no order, so it scores 0.5 in AUC and 0 in NSS and CC; without any
fixation the metrics that need them are NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Map = NDArray[np.float64]
Pixels = NDArray[np.intp]

# Of the MIT benchmark's KLD, on both sides of the quotient.
_EPSILON = 2.2204e-16


def density(attention: ArrayLike, floor: float = 0.0) -> Map:
    """Return a map scaled to sum 1; uniform where it is all zero.

    The floor is the share in [0, 1] that falls anywhere, so that no pixel has none.
    """
    values = np.asarray(attention, np.float64)
    total = values.sum()
    scaled = values / total if total > 0 else np.full_like(values, 1 / values.size)
    return (1 - floor) * scaled + floor / values.size


def cc(predicted: ArrayLike, recorded: ArrayLike) -> float:
    """CC: Pearson's correlation of two maps, in [-1, 1]; 0 where either is constant."""
    first, second = (_standardised(values) for values in (predicted, recorded))
    return float((first * second).mean())


def sim(predicted: ArrayLike, recorded: ArrayLike) -> float:
    """SIM: what two densities have in common, in [0, 1]."""
    return float(np.minimum(density(predicted), density(recorded)).sum())


def kld(predicted: ArrayLike, recorded: ArrayLike) -> float:
    """KLD of the prediction from the recorded density, in nats, >= 0 up to 1e-15."""
    p, q = density(predicted), density(recorded)
    return float((q * np.log(_EPSILON + q / (p + _EPSILON))).sum())


def nss(predicted: ArrayLike, rows: Pixels, columns: Pixels) -> float:
    """NSS: the standardised map's mean at the fixations; 0 for a constant map."""
    return _mean(_standardised(predicted)[rows, columns])


def auc_judd(predicted: ArrayLike, rows: Pixels, columns: Pixels) -> float:
    """AUC of telling fixated pixels from all the others; the map's values there are the thresholds.

    Between the thresholds the curve is straight. The benchmark's jitter, a random noise that breaks
    ties, is left out.
    """
    values = np.asarray(predicted, np.float64)
    others = np.ones(values.shape, bool)
    others[rows, columns] = False
    thresholds, counts = np.unique(values[rows, columns], return_counts=True)
    if not thresholds.size or not others.any():
        return float("nan")
    below = np.searchsorted(np.sort(values[others]), thresholds, "left") / others.sum()
    false_alarms = np.concatenate([[0], 1 - below[::-1], [1]])
    hits = np.concatenate([[0], np.cumsum(counts[::-1]) / counts.sum(), [1]])
    return float(np.trapezoid(hits, false_alarms))


def sauc(
    predicted: ArrayLike, rows: Pixels, columns: Pixels, other_rows: Pixels, other_columns: Pixels
) -> float:
    """SAUC: as AUC, against the fixations that belong to other scenes; so a centre bias is 0.5."""
    values = np.asarray(predicted, np.float64)
    return area_under_curve(values[rows, columns], values[other_rows, other_columns])


def area_under_curve(positives: ArrayLike, negatives: ArrayLike) -> float:
    """Return the share of pairs in which the positive is higher; ties count one half."""
    high, low = np.asarray(positives, np.float64), np.sort(np.asarray(negatives, np.float64))
    if not high.size or not low.size:
        return float("nan")
    below = np.searchsorted(low, high, "left") + np.searchsorted(low, high, "right")
    return float(below.mean() / 2 / low.size)


def ig(predicted: ArrayLike, prior: ArrayLike, rows: Pixels, columns: Pixels) -> float:
    """IG: how much better the density tells the fixations than the prior, in bits per fixation.

    The prior, > 0, is a centre bias; a fixation where the density is 0 costs infinitely many bits.
    """
    found, expected = (density(values)[rows, columns] for values in (predicted, prior))
    with np.errstate(divide="ignore"):
        return _mean(np.log2(found) - np.log2(expected))


def _standardised(attention: ArrayLike) -> Map:
    values = np.asarray(attention, np.float64)
    if values.min() == values.max():
        return np.zeros_like(values)
    return np.asarray((values - values.mean()) / values.std())


def _mean(values: Map) -> float:
    return float(values.mean()) if values.size else float("nan")
