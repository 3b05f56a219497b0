"""`--starts`: a table of when each video began on the clock of an export, and of which it was."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.gaze.export_table import read_columns, recognise_form
from pipeline.gaze.rows import id_of, listed
from pipeline.gaze.state import Reading
from pipeline.ground.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


def find_starts(reading: Reading, path: Path, factor: float) -> pd.Series:
    """Return each row's start: the last one before it, of its viewer and video.

    Where the export does not say which video was on, the starts do. What lies before a video's
    start or after its end is left out.

    Args:
        reading: the export; rows are left out.
        path: a table with columns viewer, video (or one of them) and start.
        factor: seconds per unit of the export's clock, in which the starts are, too.

    Raises:
        InputError: it lacks a column, or none of its starts fits.
    """
    import pandas as pd

    starts = _read(reading, path)
    keys = [name for name in ("viewer", "video_id") if name in starts]
    table = reading.table.drop(columns="start", errors="ignore")
    by = [name for name in keys if name in table]
    # What is joined on must be of one type.
    texts = dict.fromkeys(by, "string")
    joined = pd.merge_asof(
        table.astype(texts).reset_index().sort_values(reading.clock),
        starts.astype(texts).sort_values("start"),
        left_on=reading.clock,
        right_on="start",
        by=by or None,
    )
    reading.table = joined.sort_values("index", ignore_index=True).drop(columns="index")
    reading.drop(reading.table["start"].isna(), "before the first start, or without one")
    if reading.table.empty:
        raise reading.refused(
            f"{path} has no start for any row: its viewers, videos and unit of time must be those "
            "of the export."
        )
    if "video_id" in reading.table:
        reading.drop(reading.table["video_id"].isna(), "of other stimuli")
        reading.say("video", listed(sorted(reading.table["video_id"].unique())))
    else:
        raise reading.refused(
            f"neither a column nor {path} says which video was watched. Add the column video."
        )
    ids = reading.table["video_id"]
    ends = {video_id: reading.clips[video_id].end_s for video_id in ids.unique()}
    end = ids.map(ends).astype(float).fillna(math.inf)
    since = (reading.table[reading.clock] - reading.table["start"]) * factor
    reading.drop(since > end, "after the video's end")
    return reading.table["start"]


def _read(reading: Reading, path: Path) -> pd.DataFrame:
    form = recognise_form(path, least_columns=2)
    texts = {"viewer", "video"} & set(form.header)
    if "start" not in form.header or not texts:
        raise InputError(f"{path}: must have a column start, and viewer, video or both.")
    starts = read_columns(form, {"start"}, texts).dropna()
    if "video" in starts:
        names = starts.pop("video").astype("string")
        ids = {name: id_of(reading, name) for name in names.unique()}
        # A start of another stimulus ends the video before it.
        starts["video_id"] = names.map(ids).astype("string")
        unknown = names[starts["video_id"].isna()].unique()
        if len(unknown) == len(names.unique()):
            raise InputError(f"{path}: no video is called {', '.join(unknown[:5])}.")
    return starts
