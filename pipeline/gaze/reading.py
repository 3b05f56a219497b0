"""From an eye tracker's export to fixations on videos, with an account of what was taken for what.

Nothing is guessed silently: what an export leaves open is refused with the option that settles it,
or follows from what is physically possible, and then the account says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipeline.gaze.checks import COLUMNS, Clip
from pipeline.gaze.clock import join_rows, join_samples, set_durations, set_times
from pipeline.gaze.detection import find_fixations
from pipeline.gaze.export_table import read_columns, recognise_form
from pipeline.gaze.formats import NUMBERS, TEXTS, recognise
from pipeline.gaze.options import Options
from pipeline.gaze.places import set_positions
from pipeline.gaze.rows import keep_what_counts, name_videos, name_viewers
from pipeline.gaze.state import Reading
from pipeline.gaze.webcam import holds_webcam_samples, read_webcam

if TYPE_CHECKING:
    import pandas as pd

# Of samples: with fewer in fixations, the dispersion is not the tracker's.
_LEAST_IN_FIXATIONS = 0.2


class Gaze(NamedTuple):
    """What was read of one export.

    Attributes:
        fixations: the columns of `schemas.fixations`, and `video_id`.
        account: lines for people: what each column was taken for, what was left out.
    """

    fixations: pd.DataFrame
    account: list[str]


def read_gaze(path: Path, options: Options, clips: Mapping[str, Clip]) -> Gaze:
    """Read one export.

    Args:
        path: the file.
        options: what a person says about it.
        clips: the videos that are known, by id.

    Raises:
        InputError: it is no export of gaze, or what it means is open; the text names the option.
    """
    reading, form = _load(path, options, clips)
    rows = reading.meaning.format.rows
    title = f"{path}: {reading.meaning.format.name} ({rows}; {form}), {len(reading.table):,} rows"
    name_viewers(reading)
    keep_what_counts(reading)
    name_videos(reading)
    if rows == "fixations":
        join_rows(reading)
        set_durations(reading)
    set_times(reading)
    if rows == "labelled samples":
        join_samples(reading)
    set_positions(reading)
    if rows == "samples":
        _find_fixations(reading)
    # To a microsecond and a thousandth of a pixel.
    digits = {"onset_s": 6, "duration_s": 6, "x_px": 3, "y_px": 3}
    fixations = reading.table[["video_id", "viewer", *COLUMNS]].round(digits)
    return Gaze(fixations, [title, *reading.said])


def _load(path: Path, options: Options, clips: Mapping[str, Clip]) -> tuple[Reading, str]:
    """Read the columns that mean something; say how the table is written."""
    import pandas as pd

    if holds_webcam_samples(path):
        table, form = read_webcam(path, options.columns), "trials of jsPsych"
        meaning = recognise(list(table.columns), {}, path)
    else:
        written = recognise_form(path, options.encoding, options.decimal)
        meaning, form = recognise(written.header, options.columns, path), written.said
        texts = {column for name, column in meaning.columns.items() if name in TEXTS}
        numbers = {column for name, column in meaning.columns.items() if name in NUMBERS}
        table = read_columns(written, numbers, texts - numbers)
    # A column may be told to be two things.
    fields = pd.DataFrame({name: table[column] for name, column in meaning.columns.items()})
    return Reading(path, fields, meaning, options, clips), form


def _find_fixations(reading: Reading) -> None:
    """Replace raw samples by the fixations in them."""
    import pandas as pd

    degrees, scale = reading.options.dispersion, reading.options.pixels_per_degree
    parts, inside = [], 0
    for (viewer, _, video_id), part in reading.table.groupby(reading.groups, observed=True):
        samples = part.sort_values("time_s").drop_duplicates("time_s")
        seconds, x, y = (samples[name].to_numpy(float) for name in ("time_s", "x_px", "y_px"))
        found = find_fixations(seconds, x, y, degrees * scale)
        inside += found.samples
        values = dict(zip(COLUMNS, found, strict=False))
        parts.append(pd.DataFrame({"video_id": video_id, "viewer": viewer, **values}))
    share = inside / len(reading.table)
    said = (
        f"found by dispersion (I-DT): at most {degrees:g}° ({degrees * scale:g} pixels of the "
        f"frame), at least 100 ms; {share:.0%} of the samples lie in fixations"
    )
    if share < _LEAST_IN_FIXATIONS:
        raise reading.refused(
            f"fixations {said}. That is too few of people who watch a video: raise --dispersion "
            "(a webcam's gaze scatters by 3 degrees and more), or correct "
            "attention_heatmap.pixels_per_degree."
        )
    reading.say("fixations", said)
    reading.table = pd.concat(parts, ignore_index=True)
