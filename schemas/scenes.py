"""`data/video_scene_cuts/scenes.csv`: the scenes that were cut, with their times and sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

from schemas.columns import Column, Rule, Table, columns_of

if TYPE_CHECKING:
    import pandas as pd

_NAMED = Rule("must not be empty", lambda text: text != "")
_NUMBER = Rule("must be 0 or more", lambda number: number >= 0)
_SECONDS = Rule("must be seconds of the video, 0 or more", lambda seconds: seconds.between(0, 1e6))
_PIXELS = Rule("must be a number of pixels", lambda pixels: pixels > 0)


class Cut(NamedTuple):
    """A row; times in seconds of the video, None where unknown."""

    video_id: Annotated[str, Column("The video; text, whatever it looks like.", _NAMED)]
    scene_number: Annotated[int, Column("The scene, as in its file's name.", _NUMBER)]
    start_s: Annotated[float | None, Column("When the scene begins.", _SECONDS)]
    end_s: Annotated[float | None, Column("When it ends.", _SECONDS)]
    image_time_s: Annotated[float | None, Column("Which moment its image shows.", _SECONDS)]
    width: Annotated[int, Column("Width of its image, in pixels.", _PIXELS)]
    height: Annotated[int, Column("Height of its image, in pixels.", _PIXELS)]


def _in_order(table: pd.DataFrame) -> pd.Series:
    """Start before end, the image's time between them; unknown times are no failure."""
    start, image, end = table["start_s"], table["image_time_s"], table["end_s"]
    return ~((start >= end) | (image < start) | (image > end))


CUTS_TABLE = Table(
    "scenes.csv",
    columns_of(Cut),
    rules=(Rule("start_s < end_s with image_time_s between them is required", _in_order),),
    unique=("video_id", "scene_number"),
)
"""One row per scene; times in seconds of the video, blank where unknown; sizes in pixels."""
