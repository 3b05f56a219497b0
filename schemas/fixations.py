"""`data/fixations/{video_id}.csv`: where viewers looked, one row per fixation."""

from __future__ import annotations

import numpy as np

from schemas.columns import Column, Rule, Table

_FINITE = Rule("must be finite", np.isfinite)


def _number(meaning: str, rule: Rule) -> Column:
    return Column(meaning, rule, "float64")


FIXATIONS_TABLE = Table(
    "fixations",
    {
        "viewer": Column("Who looked.", Rule("must name the viewer", lambda text: text != "")),
        "onset_s": _number(
            "When the fixation began, in seconds of the video.",
            Rule("must be 0 or more", lambda seconds: seconds.between(0, 1e6)),
        ),
        "duration_s": _number(
            "How long it lasted, in seconds.",
            Rule("must be more than 0", lambda seconds: seconds.between(0, 1e6, "right")),
        ),
        "x_px": _number("Where: pixels from the left edge of the frame as displayed.", _FINITE),
        "y_px": _number("Pixels from its top edge.", _FINITE),
    },
)
"""One row per fixation. Positions outside the frame are allowed, and do not count: viewers look
away."""
