"""Fixations in raw samples, by the dispersion of positions (I-DT).

Salvucci & Goldberg 2000, "Identifying fixations and saccades in eye-tracking protocols". Packages
that do the same (pymovements, remodnav) bring data frames and statistics of their own for what is
one loop here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_S = 0.1
"""A fixation lasts at least that long (Salvucci & Goldberg 2000: 100 to 200 ms)."""
# Of samples that are missing inside a fixation (Olsen 2012, "The Tobii I-VT fixation filter").
_LONGEST_GAP_S = 0.075


class Fixations(NamedTuple):
    """What was found; one value per fixation."""

    onset_s: Floats
    duration_s: Floats
    x_px: Floats
    y_px: Floats
    samples: int
    """How many of the samples lie in fixations."""


def find_fixations(seconds: Floats, x: Floats, y: Floats, dispersion: float) -> Fixations:
    """Return the fixations of one viewer.

    Args:
        seconds: when each sample was taken, rising.
        x: positions in pixels; only samples with a position.
        y: likewise.
        dispersion: largest (max x - min x) + (max y - min y) in a fixation, in pixels.
    """
    step = float(np.median(np.diff(seconds))) if len(seconds) > 1 else 0.0
    gap = max(_LONGEST_GAP_S, 3 * step)
    times, left, down = seconds.tolist(), x.tolist(), y.tolist()
    found: list[tuple[int, int]] = []
    first, number = 0, len(times)
    while first < number:
        low_x = high_x = left[first]
        low_y = high_y = down[first]
        after = first + 1
        while after < number and times[after] - times[after - 1] <= gap:
            low_x, high_x = min(low_x, left[after]), max(high_x, left[after])
            low_y, high_y = min(low_y, down[after]), max(high_y, down[after])
            if high_x - low_x + high_y - low_y > dispersion:
                break
            after += 1
        if times[after - 1] + step - times[first] >= LEAST_S:
            found.append((first, after))
            first = after
        else:
            first += 1
    starts = np.array([one for one, _ in found], int)
    ends = np.array([one for _, one in found], int)
    middles = np.array([(x[a:b].mean(), y[a:b].mean()) for a, b in found]).reshape(-1, 2)
    durations = seconds[ends - 1] + step - seconds[starts]
    inside = int((ends - starts).sum())
    return Fixations(seconds[starts], durations, middles[:, 0], middles[:, 1], inside)
