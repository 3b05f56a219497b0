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


def _seconds(meaning: str) -> pa.Column:
    not_negative = pa.Check.in_range(0, 1e6, error="must be seconds of the video, 0 or more")
    return pa.Column(float, not_negative, nullable=True, coerce=True, description=meaning)


def _pixels(meaning: str) -> pa.Column:
    positive = pa.Check.gt(0, error="must be a number of pixels")
    return pa.Column(int, positive, coerce=True, description=meaning)


SCENES_TABLE = pa.DataFrameSchema(
    {
        "video_id": pa.Column(
            "str",
            pa.Check.str_length(min_value=1, error="must not be empty"),
            description="The video; text, whatever it looks like.",
        ),
        "scene_number": pa.Column(
            int,
            pa.Check.ge(0, error="must be 0 or more"),
            coerce=True,
            description="The scene, as in its file's name.",
        ),
        "start_s": _seconds("When the scene begins."),
        "end_s": _seconds("When it ends."),
        "image_time_s": _seconds("Which moment its image shows."),
        "width": _pixels("Width of its image, in pixels."),
        "height": _pixels("Height of its image, in pixels."),
    },
    checks=pa.Check(_in_order, error="start_s < end_s with image_time_s between them is required"),
    unique=["video_id", "scene_number"],
    name="scenes.csv",
)
"""One row per scene; times in seconds of the video, blank where unknown; sizes in pixels."""
