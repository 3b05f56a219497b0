"""`data/video_scene_cuts/scenes.csv`: the scenes that were cut, with their times and sizes."""

from __future__ import annotations

import pandas as pd
import pandera.pandas as pa

DTYPES = {"video_id": "str"}
"""Dtypes to read with: a `video_id` of 19 digits does not survive as a number."""


def _in_order(table: pd.DataFrame) -> pd.Series:
    """Start before end, the image's time between them; unknown times are no failure."""
    start, image, end = table["start_s"], table["image_time_s"], table["end_s"]
    return ~((start >= end) | (image < start) | (image > end))


def _seconds() -> pa.Column:
    not_negative = pa.Check.in_range(0, 1e6, error="must be seconds of the video, 0 or more")
    return pa.Column(float, not_negative, nullable=True, coerce=True)


def _pixels() -> pa.Column:
    return pa.Column(int, pa.Check.gt(0, error="must be a number of pixels"), coerce=True)


SCENES_TABLE = pa.DataFrameSchema(
    {
        "video_id": pa.Column("str", pa.Check.str_length(min_value=1, error="must not be empty")),
        "scene_number": pa.Column(int, pa.Check.ge(0, error="must be 0 or more"), coerce=True),
        "start_s": _seconds(),
        "end_s": _seconds(),
        "image_time_s": _seconds(),
        "width": _pixels(),
        "height": _pixels(),
    },
    checks=pa.Check(_in_order, error="start_s < end_s with image_time_s between them is required"),
    unique=["video_id", "scene_number"],
    name="scenes.csv",
)
"""One row per scene; times in seconds of the video, blank where unknown; sizes in pixels."""
