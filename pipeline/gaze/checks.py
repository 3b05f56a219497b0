"""What holds of every recording of people who watch a video, whatever wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.ground.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("onset_s", "duration_s", "x_px", "y_px")
SHORTEST_S, LONGEST_S = 0.04, 5.0
"""Fixations last that long (Holmqvist et al. 2011, "Eye Tracking", chapter 11)."""

# Shares of a video's fixations, over which something is wrong with all of them.
_MOST_ODD = 0.1
_MOST_LATE = 0.05
_MOST_OVERLAPPING = 0.05
_MOST_OUTSIDE = 1 / 3
# Rounding of an onset plus a duration, and one sample.
_SLACK_S = 0.02
# So many fixations of people are never all in one quarter of the frame.
_MANY = 30
_UNITS = {"ms": 1e-3, "µs": 1e-6, "ns": 1e-9}
_OPTIONS = "`gazeshift import-fixations` converts: docs/eye_tracking.md"


class Clip(NamedTuple):
    """A video as it is displayed, in pixels; when it ends, in seconds, None where unknown."""

    width: int
    height: int
    end_s: float | None


class Counted(NamedTuple):
    """How many fixations there are, and of how many something is odd."""

    fixations: int
    outside: int
    """The frame."""
    late: int
    """They begin after the video's end."""
    odd: int
    """Shorter than 40 ms or longer than 5 s."""
    overlapping: int
    """They begin before the viewer's last has ended."""

    def lines(self) -> str:
        """Return what is odd, with shares; "" where nothing is."""
        said = {
            "outside the frame": self.outside,
            "after the video's end": self.late,
            "shorter than 40 ms or longer than 5 s": self.odd,
            "overlapping": self.overlapping,
        }
        return ", ".join(
            f"{count:,} ({count / self.fixations:.1%}) {what}"
            for what, count in said.items()
            if count
        )


def check_fixations(table: pd.DataFrame, clip: Clip) -> Counted:
    """Count what is odd about one video's fixations (`schemas.fixations`).

    Raises:
        InputError: so much is that times or positions are of another convention.
    """
    onsets, durations, x, y = (table[name].to_numpy(float) for name in COLUMNS)
    number = len(table)
    if not number:
        return Counted(0, 0, 0, 0, 0)
    odd = int(((durations < SHORTEST_S) | (durations > LONGEST_S)).sum())
    if odd > _MOST_ODD * number:
        raise InputError(_about_durations(float(np.median(durations)), odd, number))
    late = 0 if clip.end_s is None else int((onsets > clip.end_s + _SLACK_S).sum())
    if late > _MOST_LATE * number:
        raise InputError(
            f"onset_s: {late:,} of {number:,} fixations begin after the video's end at "
            f"{clip.end_s:.3f} s (the last at {onsets.max():g}). Times must be seconds, counted "
            f"from the video's first frame; {_OPTIONS}."
        )
    overlapping = _overlapping(table, onsets, durations)
    if overlapping > _MOST_OVERLAPPING * number:
        raise InputError(
            f"viewer: {overlapping:,} of {number:,} fixations begin before the same viewer's last "
            "has ended. Onsets and durations must be of one unit, each viewer must have a name of "
            f"their own, and of two eyes one counts; {_OPTIONS}."
        )
    return Counted(number, _outside(x, y, clip), late, odd, overlapping)


def _about_durations(median: float, odd: int, number: int) -> str:
    fits = [unit for unit, factor in _UNITS.items() if SHORTEST_S <= median * factor <= LONGEST_S]
    hint = f" In {fits[0]} they would be fixations." if fits else ""
    return (
        f"duration_s: {odd:,} of {number:,} fixations are shorter than {SHORTEST_S * 1000:.0f} ms "
        f"or longer than {LONGEST_S:.0f} s (half of all up to {median:g} s). Durations must be "
        f"seconds.{hint} Raw samples are no fixations; {_OPTIONS}."
    )


def _overlapping(table: pd.DataFrame, onsets: np.ndarray, durations: np.ndarray) -> int:
    viewers = table["viewer"].astype("category").cat.codes.to_numpy()
    order = np.lexsort((onsets, viewers))
    same = viewers[order][1:] == viewers[order][:-1]
    ends = (onsets + durations)[order][:-1]
    return int((same & (ends > onsets[order][1:] + _SLACK_S)).sum())


def _outside(x: np.ndarray, y: np.ndarray, clip: Clip) -> int:
    number = len(x)
    frame = f"the frame of {clip.width}x{clip.height} pixels"
    if np.mean((x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)) > 0.95:
        raise InputError(
            f"x_px, y_px: all lie between 0 and 1, so that they are fractions, not pixels of "
            f"{frame}. Say of what with --coordinates; {_OPTIONS}."
        )
    outside = int(((x < 0) | (x >= clip.width) | (y < 0) | (y >= clip.height)).sum())
    if outside > _MOST_OUTSIDE * number:
        raise InputError(
            f"x_px, y_px: {outside:,} of {number:,} fixations lie outside {frame} (x from "
            f"{x.min():g} to {x.max():g}, y from {y.min():g} to {y.max():g}). Positions must be "
            "pixels of the frame from its upper left corner, not of the screen or of another "
            f"size; {_OPTIONS}."
        )
    corner = (x < clip.width / 2) & (y < clip.height / 2)
    if number >= _MANY and np.mean(corner) > 0.98:
        raise InputError(
            f"x_px, y_px: all of {number:,} fixations lie in the upper left quarter of {frame} (x "
            f"up to {x.max():g}, y up to {y.max():g}): they are percentages, or pixels of a "
            f"smaller frame. Say which with --coordinates and --frame; {_OPTIONS}."
        )
    return outside
