"""The dose: share, factor and shift of the log odds, the three forms of what is asked of attention.

A heatmap's *share* `s` is the part of its attention that lies in the keyword region. A variant
multiplies attention in the region by the *factor* `alpha` and keeps the total, so the share becomes

    s' = alpha*s / (alpha*s + 1 - s),     that is  logit(s') = logit(s) + log(alpha):

in log odds, whoever the observer is, the dose is one *shift*. A factor on the background is asked
of its share `1 - s`; in log odds of the keyword's share that is the same shift, downwards.

What is undefined is NaN here and null in tables: a share where there is no attention.
"""

import math
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Region: TypeAlias = Literal["keyword", "background"]
# One value for a single map; an array of the batch's shape for a batch.
Values: TypeAlias = NDArray[np.float64]
PerMap: TypeAlias = float | NDArray[np.float64]
FlagPerMap: TypeAlias = bool | NDArray[np.bool_]
Map: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]

# No picture has a share of 0: what alpha = 0 asks for is sought as a fall to a hundredth.
_LEAST_ALPHA = 0.01


def share_of_sums(inside: ArrayLike, total: ArrayLike) -> PerMap:
    """The share of attention that sums to `inside` in the region and to `total` in all.

    In [0, 1], NaN where there is no attention.
    """
    parts, wholes = np.asarray(inside, np.float64), np.asarray(total, np.float64)
    return per_map(parts / np.where(wholes == 0, np.nan, wholes))


def requested_share(share: ArrayLike, alpha: ArrayLike, region: ArrayLike = "keyword") -> PerMap:
    """The keyword's share that a factor asks for, before any cap: `alpha*s / (alpha*s + 1 - s)`.

    Exactly `share` for alpha = 1 on the keyword; NaN where the share is, and where alpha = 0 takes
    all attention from what has all of it.

    Args:
        share: the keyword's, as the observer sees it.
        alpha: the factor, finite and >= 0.
        region: whose attention it multiplies, `keyword` or `background`.
    """
    alphas, shares = checked_alphas(alpha), np.asarray(share, np.float64)
    background = np.asarray(region) == "background"
    own = np.where(background, 1 - shares, shares)
    asked = np.asarray(share_of_sums(alphas * own, alphas * own + (1 - own)))
    return per_map(np.where(background, 1 - asked, asked))


def alpha_for_share(share: ArrayLike, target: ArrayLike) -> PerMap:
    """The factor that asks for the share `target`: the inverse of `requested_share`.

    NaN where no factor moves the share: it is 0, 1 or undefined.

    Raises:
        ValueError: if a target is outside [0, 1), the shares that some factor can ask for.
    """
    shares, targets = np.asarray(share, np.float64), np.asarray(target, np.float64)
    if not np.all((targets >= 0) & (targets < 1)):
        raise ValueError(f"target share must be in [0, 1), found {target!r}")
    movable = np.where((shares > 0) & (shares < 1), shares, np.nan)
    return per_map(targets * (1 - movable) / (movable * (1 - targets)))


def feasible(planned: ArrayLike, requested: ArrayLike, share: ArrayLike) -> FlagPerMap:
    """Whether the planned share is within a tenth of the requested change of the requested share.

    `|planned - requested| <= 0.10 * |requested - share|`; True where no change is asked for
    (alpha = 1), however the file was rounded; False where a share is undefined (NaN).
    """
    plans, requests, shares = (np.asarray(s, np.float64) for s in (planned, requested, share))
    near = np.abs(plans - requests) <= 0.10 * np.abs(requests - shares)
    flags = np.asarray(near | (requests == shares))
    return flags if flags.ndim else bool(flags)


def shift(alpha: float, region: Region) -> float:
    """The change of the log odds of the keyword's share that a factor on a region asks for."""
    change = math.log(max(alpha, _LEAST_ALPHA))
    return change if region == "keyword" else -change


def log_odds(part: ArrayLike, rest: ArrayLike) -> PerMap:
    """The log odds of attention on one part against the rest, or of a share against `1 - share`."""
    return per_map(np.log(np.asarray(part, np.float64) / np.asarray(rest, np.float64)))


def odds_between(attention: Map, raised: Mask, lowered: Mask) -> float | None:
    """Return the log odds of a map on one part against another; None where either has none."""
    up, down = attention[raised].sum(dtype=float), attention[lowered].sum(dtype=float)
    return float(log_odds(up, down)) if up > 0 and down > 0 else None


def moved_halves(unmodified: Map, own: Map, mask: Mask) -> tuple[Mask, Mask]:
    """Return the halves of the background that a placebo's map raises, and lowers or leaves."""
    raised = (own > unmodified) & ~mask
    return raised, ~raised & ~mask


def share_of_log_odds(odds: Values) -> Values:
    """The share, in (0, 1), whose log odds these are."""
    return np.asarray(1 / (1 + np.exp(-odds)))


def checked_alphas(alpha: ArrayLike) -> NDArray[np.float64]:
    """Alpha as float64."""
    alphas = np.asarray(alpha, np.float64)
    if not np.all(np.isfinite(alphas) & (alphas >= 0)):
        raise ValueError(
            f"alpha must be finite and >= 0, found {alpha!r}: "
            "above 1 boosts attention, below 1 reduces it, 1 changes nothing"
        )
    return alphas


def per_map(values: NDArray[np.float64]) -> PerMap:
    """One number as a float, several as an array."""
    return values if values.ndim else float(values)
