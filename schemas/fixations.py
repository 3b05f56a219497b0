"""`data/fixations/{video_id}.csv`: where viewers looked, one row per fixation."""

from __future__ import annotations

import numpy as np
import pandera.pandas as pa

DTYPES = {"viewer": "str"}
"""Dtypes to read with: viewers are named, not counted."""

_FINITE = pa.Check(np.isfinite, error="must be finite")

FIXATIONS_TABLE = pa.DataFrameSchema(
    {
        "viewer": pa.Column(
            "str",
            pa.Check.str_length(min_value=1, error="must name the viewer"),
            description="Who looked.",
        ),
        "onset_s": pa.Column(
            float,
            pa.Check.in_range(0, 1e6, error="must be 0 or more"),
            description="When the fixation began, in seconds of the video.",
        ),
        "duration_s": pa.Column(
            float,
            pa.Check.in_range(0, 1e6, include_min=False, error="must be more than 0"),
            description="How long it lasted, in seconds.",
        ),
        "x_px": pa.Column(
            float,
            _FINITE,
            description="Where: pixels from the left edge of the frame as displayed.",
        ),
        "y_px": pa.Column(float, _FINITE, description="Pixels from its top edge."),
    },
    coerce=True,
    name="fixations",
)
"""One row per fixation. Positions outside the frame are allowed, and do not count: viewers look
away."""
