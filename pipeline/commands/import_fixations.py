"""`gazeshift import-fixations FILE…`: what an eye tracker's program exported, to data/fixations."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.fixations.clips import Videos
from pipeline.commands.fixations.picture import draw_fixations
from pipeline.gaze.checks import COLUMNS, Clip, check_fixations
from pipeline.gaze.options import Options, told_options
from pipeline.gaze.reading import read_gaze
from pipeline.ground.artefacts import FIXATIONS
from pipeline.ground.errors import InputError
from pipeline.ground.files import write_bytes
from pipeline.ground.terminal import say
from pipeline.ground.workspace import Workspace
from pipeline.stages.attention_heatmap.params import AttentionHeatmapParams
from schemas.fixations import FIXATIONS_TABLE
from schemas.spreadsheets import marked

if TYPE_CHECKING:
    import pandas as pd

PICTURES = "reports/fixations"


def main(workspace: Workspace, files: list[str], overwrite: bool, **said: str | list[str]) -> int:
    """Write a file of fixations and a picture of them for each video; say what was taken for what.

    Returns 1 if an export or a video was refused, or a file was in the way; the others are written.

    Raises:
        InputError: no video is known.
        ParamsError: an option has another form.
    """
    scale = AttentionHeatmapParams.load(workspace).pixels_per_degree
    options = told_options(said, pixels_per_degree=scale)
    videos = Videos(workspace)
    if not videos:
        raise InputError(
            "there are no videos, whose sizes and lengths fixations are checked against. Put them "
            "into data/videos (scene_cuts.input) first."
        )
    gaze, failed = _read(files, options, videos)
    if gaze is None:
        return 1
    gaze = gaze.astype({"video_id": "category", "viewer": "category"})
    gaze = gaze.sort_values(["video_id", "viewer", "onset_s"], ignore_index=True)
    of_video = gaze.groupby("video_id", observed=True).indices
    columns = list(FIXATIONS_TABLE.columns)
    tables = [gaze.iloc[rows[0] : rows[-1] + 1][columns] for rows in of_video.values()]
    write = partial(_write, workspace, videos, overwrite)
    # Decoding and encoding leave the interpreter's lock.
    with ThreadPoolExecutor() as pool:
        for is_there, line in pool.map(write, map(str, of_video), tables):
            failed |= not is_there
            say(line)
    say(f"Look at {PICTURES}/: do fixations lie on what people look at? Then `gazeshift check`.")
    return int(failed)


def _read(
    files: list[str], options: Options, clips: Mapping[str, Clip]
) -> tuple[pd.DataFrame | None, bool]:
    """Read all exports; those that cannot be are said, and the others go on."""
    import pandas as pd

    parts, failed = [], False
    for file in files:
        try:
            gaze = read_gaze(Path(file), options, clips)
        except InputError as error:
            say(f"refused  {error}")
            failed = True
            continue
        say(*gaze.account)
        parts.append(gaze.fixations)
    return (pd.concat(parts, ignore_index=True) if parts else None), failed


def _write(
    workspace: Workspace, videos: Videos, overwrite: bool, video_id: str, table: pd.DataFrame
) -> tuple[bool, str]:
    """Check and write one video's fixations; return whether they are there now, and a line."""
    place, clip = f"{FIXATIONS}/{video_id}.csv", videos[video_id]
    try:
        counted = check_fixations(table, clip)
    except InputError as error:
        return False, f"refused  {video_id}: {error}"
    content = _csv(table)
    there = workspace.path(place)
    if there.is_file() and there.read_bytes() != content and not overwrite:
        return False, f"not overwritten  {place}: other fixations. --replace overwrites it."
    write_bytes(there, content)
    picture = f"{PICTURES}/{video_id}.jpg"
    drawn = draw_fixations(videos, video_id, table)
    if drawn is not None:
        write_bytes(workspace.path(picture), drawn)
    ends = (table["onset_s"] + table["duration_s"]).max()
    of = "" if clip.end_s is None else f" of {clip.end_s:.2f} s"
    return True, (
        f"{place}: {counted.fixations:,} fixations of {table['viewer'].nunique()} viewers, half up "
        f"to {table['duration_s'].median() * 1000:.0f} ms, from {table['onset_s'].min():.2f} to "
        f"{ends:.2f}{of}; {counted.lines() or 'nothing odd'}"
        + (f"; {picture}" if drawn is not None else "; no picture: the video is not there")
    )


def _csv(table: pd.DataFrame) -> bytes:
    """Return the table as CSV, numbers with the fewest digits that give them back exactly."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    # A tenth of the time that pandas takes.
    viewers = table["viewer"].cat
    names = pa.array([marked(str(name)) for name in viewers.categories])
    columns = {
        "viewer": pa.DictionaryArray.from_arrays(viewers.codes.to_numpy(), names).cast(pa.string()),
        **{name: table[name].to_numpy(float) for name in COLUMNS},
    }
    sink, content = pa.BufferOutputStream(), pa.table(columns)
    arrow_csv.write_csv(content, sink, arrow_csv.WriteOptions(quoting_style="needed"))
    return bytes(sink.getvalue())
