"""The search for the strength at which the guide sees the dose."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.heatmaps.dose import Values, share_of_log_odds

MOST_EVALUATIONS = 3
FIRST_STRENGTH = 1.1
"""The first guess: an edit falls a little short of what it is asked for, on most scenes."""
REACHED = 0.05
"""Relative error of the share up to which a dose counts as reached."""
# A scene that hardly answers is asked for no more than this many times as much at once.
_LARGEST_STRIDE = 2.0


class StrengthSearch:
    """N searches side by side, each of at most three evaluations.

    Strength scales the requested change of the guide's log odds, so to first order the response is
    proportional to it. Each further evaluation is at the strength where the straight line through
    the nearest points meets the dose. The best evaluation counts, also if a later one is worse.

    Args:
        unedited: N log odds of the unedited scenes, as the guide sees them.
        shift: N requested changes of the log odds, `dose.shift`; 0 is met at once.
        tolerance: relative error of the share at which a search ends.
        limit: largest strength.
        given: {search: strength} of those that are not to search: one evaluation there.
    """

    def __init__(
        self,
        unedited: Values,
        shift: Values,
        tolerance: float,
        limit: float,
        given: Mapping[int, float] | None = None,
    ) -> None:
        self.unedited = unedited
        self.shift = shift
        self.tolerance = tolerance
        self.limit = limit
        count = len(unedited)
        self.strength = np.full(count, np.nan)
        self.achieved = np.full(count, np.nan)
        self.evaluations = np.zeros(count, int)
        self._next = np.full(count, min(FIRST_STRENGTH, limit))
        self._given = np.zeros(count, bool)
        for search, strength in (given or {}).items():
            self._next[search], self._given[search] = strength, True
        # The largest strength known to fall short and the smallest known to overshoot.
        self._short = np.zeros((2, count))
        self._over = np.full((2, count), np.inf)

    @property
    def error(self) -> Values:
        """Relative error of the best evaluation's share; infinite before the first."""
        wanted = share_of_log_odds(self.unedited + self.shift)
        error = np.abs(share_of_log_odds(self.achieved) - wanted) / wanted
        return np.where(np.isnan(error), np.inf, error)

    @property
    def reached(self) -> NDArray[np.bool_]:
        """Whether the best evaluation counts as reached."""
        return self.error <= REACHED

    def proposals(self) -> tuple[NDArray[np.intp], Values]:
        """Return which searches go on, and the strength of each one's next evaluation."""
        most = np.where(self._given, 1, MOST_EVALUATIONS)
        open_ = (self.evaluations < most) & (self.error > self.tolerance)
        which = np.flatnonzero(open_ & ~np.isnan(self._next))
        return which, self._next[which]

    def record(self, which: NDArray[np.intp], achieved: Values) -> NDArray[np.bool_]:
        """Take up what the proposals gave; return which of them are the best so far."""
        before = self.error[which]
        wanted = share_of_log_odds(self.unedited[which] + self.shift[which])
        better = np.abs(share_of_log_odds(achieved) - wanted) / wanted < before
        self.strength[which[better]] = self._next[which[better]]
        self.achieved[which[better]] = achieved[better]
        self.evaluations[which] += 1
        for search, odds in zip(which, achieved, strict=True):
            self._next[search] = self._following(search, odds)
        return better

    def _following(self, search: np.intp, odds: float) -> float:
        """Return the next strength of one search; NaN where none is left to try."""
        used = self._next[search]
        shift = self.shift[search]
        response = (odds - self.unedited[search]) / shift if shift else 1.0
        if response < 1:
            self._short[:, search] = used, response
        else:
            self._over[:, search] = used, response
        low, low_response = self._short[:, search]
        high, high_response = self._over[:, search]
        if np.isfinite(high):
            part = (1 - low_response) / (high_response - low_response)
            return float(low + np.clip(part, 0.05, 0.95) * (high - low))
        if used >= self.limit:
            return float("nan")
        stride = 1 / max(response, 1 / _LARGEST_STRIDE)
        return float(min(used * max(stride, 1.01), self.limit))
