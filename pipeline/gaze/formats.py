"""The forms in which eye trackers' programs export gaze: what their columns mean.

After the exporters' own descriptions: Tobii Pro Lab's and SMI BeGaze's manuals, SR Research's Data
Viewer manual, the documents of Pupil Labs, Gazepoint, iMotions, GazePlotter and jsPsych. Where an
export leaves open what a value means, the form does, too, and an option must say it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pipeline.ground.errors import InputError

Rows = Literal["fixations", "labelled samples", "samples"]
Coordinates = Literal["frame-px", "frame-fraction", "frame-percent", "screen-px", "screen-fraction"]

NUMBERS = {
    "onset": "when a fixation begins",
    "end": "when it ends",
    "duration": "how long it lasts",
    "time": "when a sample was taken",
    "x": "where, from the left",
    "y": "where, from the top (--y up: from the bottom)",
    "start": "when the video began, on the clock of the other times",
    "left": "where the video's left edge is on the screen, in pixels",
    "top": "its top edge",
    "width": "its width on the screen",
    "height": "its height",
}
TEXTS = {
    "viewer": "who looked",
    "video": "at which video",
    "recording": "in which of the viewer's recordings",
    "number": "of which fixation the row is",
    "kind": "of which kind the row is",
    "valid": "whether it counts",
    "eye": "with which eye",
}
FIELDS = NUMBERS | TEXTS
"""What a column can be."""

_IN_TIME = r"(?: ?[\[(](?P<unit>ns|us|μs|ms|s)[\])])?"
_UNIT = re.compile(r"(?:[\[(_ ])(?P<unit>ns|us|μs|ms|msec|milliseconds|s|sec|seconds)[\])]?")
_UNITS = {"μs": "us", "msec": "ms", "milliseconds": "ms", "sec": "s", "seconds": "s"}


@dataclass(frozen=True)
class Format:
    """One form of export."""

    name: str
    columns: Mapping[str, str]
    """By field the header, a pattern in lower case; those of `optional` need not be there."""
    rows: Rows = "fixations"
    optional: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    """Of `onset` (and all that is on its clock) and `duration`, where no header says them."""
    coordinates: Coordinates | None = None
    up: bool = False
    """Whether y counts from the bottom."""
    origin: Literal["recorded", "first"] | None = None
    """`recorded`: times count from the video's start; `first`: a viewer's first row is there."""
    keep: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By field what it must be, in lower case, for a row to count."""
    lost: float | None = None
    """What x and y are where there is no position."""
    repeated: Literal["last", "mean"] = "last"
    """Of rows of one fixation, which has its position."""
    refused: str = ""
    """Why it cannot be used, and what can."""

    def match(self, header: Mapping[str, str]) -> dict[str, str] | None:
        """Return {field: column} of a header {in lower case: name}; None if it is another's."""
        found = {}
        for name, pattern in {**self.columns, **self.optional}.items():
            column = next((header[one] for one in header if re.fullmatch(pattern, one)), None)
            if column is not None:
                found[name] = column
            elif name in self.columns:
                return None
        return found


_TRUE = ("true", "1", "yes")
_TOBII = {
    "time": rf"recording timestamp{_IN_TIME}",
    "viewer": "participant name",
    "video": "presented (?:media|stimulus) name",
}
_TOBII_FIXATIONS = _TOBII | {"kind": "eye movement type", "number": "eye movement type index"}
_IS_FIXATION = {"kind": ("fixation", "visual intake", "0")}
_PUPIL_CLOUD = {
    "viewer": "recording id",
    "number": "fixation id",
    "onset": r"start timestamp \[ns\]",
    "duration": r"duration \[ms\]",
}

FORMATS = (
    Format(
        "Gazeshift",
        {
            "viewer": "viewer",
            "onset": "onset_s",
            "duration": "duration_s",
            "x": "x_px",
            "y": "y_px",
        },
        optional={"video": "video(?:_id)?"},
        coordinates="frame-px",
        origin="recorded",
    ),
    Format(
        "Tobii Pro Lab, fixations on the media",
        _TOBII_FIXATIONS
        | {axis: rf"fixation point {axis} ?[\[(]mcs ?norm[\])]" for axis in ("x", "y")},
        "labelled samples",
        {"recording": "recording name"},
        coordinates="frame-fraction",
        origin="first",
        keep=_IS_FIXATION,
    ),
    Format(
        "Tobii Pro Lab, fixations on the screen",
        _TOBII_FIXATIONS
        | {axis: rf"fixation point {axis}(?: ?[\[(]dacs ?px[\])])?" for axis in ("x", "y")},
        "labelled samples",
        {"recording": "recording name"},
        coordinates="screen-px",
        origin="first",
        keep=_IS_FIXATION,
    ),
    Format(
        "Tobii Pro Lab, gaze on the screen",
        _TOBII | {axis: rf"gaze point {axis}(?: ?[\[(]dacs ?px[\])])?" for axis in ("x", "y")},
        "samples",
        {"recording": "recording name"},
        coordinates="screen-px",
        origin="first",
    ),
    Format(
        "EyeLink Data Viewer, fixation report",
        {
            "viewer": "recording_session_label",
            "onset": "current_fix_start",
            "duration": "current_fix_duration",
            "x": "current_fix_x",
            "y": "current_fix_y",
        },
        optional={"recording": "trial_index", "eye": "eye_(?:used|reported)"},
        units={"onset": "ms", "duration": "ms"},
        coordinates="screen-px",
    ),
    Format(
        "SMI BeGaze, event export",
        {
            "viewer": "participant",
            "video": "stimulus",
            "kind": "category",
            "onset": rf"event start trial time{_IN_TIME}",
            "duration": rf"event duration{_IN_TIME}",
            "x": r"fixation position x \[px\]",
            "y": r"fixation position y \[px\]",
        },
        optional={"recording": "trial", "eye": "eye l/r"},
        coordinates="screen-px",
        origin="recorded",
        keep=_IS_FIXATION,
    ),
    Format(
        "Pupil Core, fixations on a surface",
        {
            "number": "fixation_id",
            "onset": "start_timestamp",
            "duration": "duration",
            "x": "norm_pos_x",
            "y": "norm_pos_y",
            "valid": "on_surf",
        },
        units={"onset": "s", "duration": "ms"},
        up=True,
        keep={"valid": _TRUE},
        repeated="mean",
    ),
    Format(
        "Pupil Core, gaze on a surface",
        {"time": "gaze_timestamp", "x": "x_norm", "y": "y_norm", "valid": "on_surf"},
        "samples",
        units={"onset": "s"},
        up=True,
        keep={"valid": _TRUE},
    ),
    Format(
        "Pupil Core, fixations",
        {"onset": "start_timestamp", "duration": "duration", "x": "norm_pos_x"},
        refused="positions in the scene camera's picture. Export those on a surface: "
        "fixations_on_surface_….csv",
    ),
    Format(
        "Pupil Cloud or Neon Player, fixations on a surface",
        _PUPIL_CLOUD
        | {
            "x": r"fixation x \[normalized\]",
            "y": r"fixation y \[normalized\]",
            "valid": "fixation detected on surface",
        },
        keep={"valid": _TRUE},
    ),
    Format(
        "Pupil Cloud, fixations on a reference image",
        _PUPIL_CLOUD
        | {
            "x": r"fixation x \[px\]",
            "y": r"fixation y \[px\]",
            "valid": "fixation detected in reference image",
        },
        keep={"valid": _TRUE},
    ),
    Format(
        "Pupil Cloud or Neon Player, fixations",
        _PUPIL_CLOUD | {"x": r"fixation x \[px\]", "y": r"fixation y \[px\]"},
        refused="positions in the scene camera's picture. Export those of the enrichment Marker "
        "Mapper: its fixations.csv",
    ),
    Format(
        "Gazepoint Analysis",
        {
            "video": "media_name",
            "number": "fpogid",
            "onset": "fpogs",
            "duration": "fpogd",
            "x": "fpogx",
            "y": "fpogy",
            "valid": "fpogv",
        },
        optional={"viewer": "user(?:_name)?"},
        units={"onset": "s", "duration": "s"},
        coordinates="screen-fraction",
        origin="recorded",
        keep={"valid": _TRUE},
    ),
    Format(
        "iMotions, with its fixation filter",
        {
            "time": "timestamp",
            "video": "sourcestimuliname",
            "number": "fixation index(?: by stimulus)?",
            "onset": "fixation start",
            "duration": "fixation duration",
            "x": "fixation x",
            "y": "fixation y",
        },
        optional={"viewer": "respondent(?: name)?"},
        units={"onset": "ms", "duration": "ms"},
        origin="first",
        lost=-1,
    ),
    Format(
        "GazePlotter, segmented data",
        {
            "video": "stimulus",
            "viewer": "participant",
            "onset": "timestamp",
            "duration": "duration",
            "kind": "eyemovementtype",
            "x": "x",
            "y": "y",
        },
        units={"onset": "ms", "duration": "ms"},
        origin="first",
        keep=_IS_FIXATION,
    ),
    *(
        Format(
            "GazePlotter",
            dict(zip("abcde", columns, strict=False)),
            refused="no positions, only areas of interest. Export segmented data with X and Y",
        )
        for columns in (
            ("stimulus", "participant", "timestamp", "duration", "eyemovementtype"),
            ("from", "to", "participant", "stimulus", "aoi"),
            ("time", "participant", "stimulus", "aoi"),
        )
    ),
    Format(
        "webcam samples of jsPsych and WebGazer",
        {"time": "t", "x": "x", "y": "y", "video": "stimulus"},
        "samples",
        {name: f"target {name}" for name in ("left", "top", "width", "height")}
        | {"viewer": "viewer", "recording": "recording"},
        units={"onset": "ms"},
        coordinates="screen-px",
        origin="recorded",
    ),
)
"""The first whose columns are all there is taken."""


@dataclass(frozen=True)
class Meaning:
    """What the columns of one table were taken for."""

    format: Format
    columns: dict[str, str]
    """By field."""


def recognise(header: list[str], told: Mapping[str, str], path: object) -> Meaning:
    """Return what a table's columns mean: what is told first, then what its form says.

    Raises:
        InputError: no form has these columns and too few are told, or its gaze cannot be used.
    """
    lowered = {name.casefold(): name for name in header if name}
    for name, column in told.items():
        if column not in header:
            raise InputError(
                f"--map {name}={column}: {path} has no such column; it has {_listed(header)}."
            )
    for form in FORMATS:
        columns = form.match(lowered)
        if columns is None or (form.refused and {"x", "y"} <= told.keys()):
            continue
        if form.refused:
            raise InputError(f"{path}: {form.name}: it has {form.refused}.")
        return Meaning(form, {**columns, **told})
    if {"x", "y"} <= told.keys() and told.keys() & {"onset", "time"}:
        if "time" in told and "onset" not in told:
            rows: Rows = "labelled samples" if "number" in told else "samples"
            return Meaning(Format("columns as told", {}, rows), dict(told))
        if told.keys() & {"duration", "end"}:
            return Meaning(Format("columns as told", {}), dict(told))
    raise InputError(
        f"{path} has the columns {_listed(header)}: no export that is known here "
        "(docs/eye_tracking.md lists them). Say what they are: --map onset=… --map duration=… (or "
        "end=…; for raw samples time=…) --map x=… --map y=… --map viewer=…"
    )


def unit_in(header: str) -> str:
    """Return the unit of time that a header names: "s", "ms", "us", "ns"; "" where none."""
    match = re.search(_UNIT.pattern + r"$", header.casefold().strip())
    return _UNITS.get(match["unit"], match["unit"]) if match else ""


def _listed(header: list[str]) -> str:
    return ", ".join(repr(name) for name in header[:20]) + (" …" if len(header) > 20 else "")
