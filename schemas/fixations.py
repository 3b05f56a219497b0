"""`data/fixations/{video_id}.csv`: where viewers looked, one row per fixation."""

from __future__ import annotations

import numpy as np
import pandera.pandas as pa

DTYPES = {"viewer": "str"}
"""Dtypes to read with: viewers are named, not counted."""

_FINITE = pa.Check(np.isfinite, error="must be finite")

FIXATIONS_TABLE = pa.DataFrameSchema(
    {
        "viewer": pa.Column("str", pa.Check.str_length(min_value=1, error="must name the viewer")),
        "onset_s": pa.Column(float, pa.Check.in_range(0, 1e6, error="must be 0 or more")),
        "duration_s": pa.Column(
            float, pa.Check.in_range(0, 1e6, include_min=False, error="must be more than 0")
        ),
        "x_px": pa.Column(float, _FINITE),
        "y_px": pa.Column(float, _FINITE),
    },
    coerce=True,
    name="fixations",
)
"""Times in seconds of the video; positions in pixels of the frame as displayed, from its top left
corner. Positions outside the frame are allowed: viewers look away."""
