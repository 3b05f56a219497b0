"""What a person says about a gaze export that the file does not say itself."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from pipeline.gaze.formats import FIELDS, Coordinates
from pipeline.ground.errors import ParamsError

FACTORS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
"""Units of time, in seconds."""
CHOICES: dict[str, tuple[str, ...]] = {
    "time_unit": tuple(FACTORS),
    "duration_unit": tuple(FACTORS),
    "coordinates": get_args(Coordinates),
    "y": ("down", "up"),
    "origin": ("recorded", "first"),
    "decimal": ("point", "comma"),
    "eye": ("left", "right"),
}
"""Of an option the words that it may be."""
_FORMS = {
    "map": "FIELD=COLUMN",
    "rename": "NAME=VIDEO_ID",
    "screen": "WIDTHxHEIGHT",
    "frame": "WIDTHxHEIGHT",
    "video_at": "LEFT,TOP,WIDTH,HEIGHT",
    "starts": "FILE",
    "dispersion": "DEGREES",
}
_PLAIN = {*CHOICES, "video", "viewer", "encoding", "dispersion"}


_TEXTS = {
    "map": "what a column is; FIELD is viewer, video, onset, end, duration, time, x, "
    "y, start, number, kind, valid, eye, recording, left, top, width or height",
    "rename": "which video an export means by a name",
    "video": "the video of all rows",
    "viewer": "who looked, in all rows",
    "screen": "of the screen, in pixels",
    "video_at": "of the video on the screen, in pixels; or fit: as large as fits, in the middle",
    "frame": "that pixels of the frame count in, if not the video's",
    "starts": "table with columns viewer, video (or one of them), start: when videos began",
    "encoding": "of the text, such as cp1252, where it is neither UTF-8 nor UTF-16",
    "dispersion": "raw samples: largest dispersion of a fixation in degrees (default: 1)",
    "time_unit": "of onsets, ends, starts and times of samples",
    "duration_unit": "of durations",
    "coordinates": "what positions count in",
    "y": "where y grows to",
    "origin": "times count from the video's start, or a viewer's first row is at its start",
    "decimal": "what is before decimals",
    "eye": "which one counts, of fixations of both",
}
"""What `gazeshift import-fixations --help` says of each option."""


@dataclass(frozen=True)
class Options:
    """By name the options of `gazeshift import-fixations`; "" is not said."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """By field (`formats.FIELDS`) the column."""
    video: str = ""
    """Of all rows."""
    videos: Mapping[str, str] = field(default_factory=dict)
    """By name in the export the id of the video."""
    viewer: str = ""
    """Of all rows."""
    time_unit: str = ""
    duration_unit: str = ""
    coordinates: str = ""
    screen: tuple[int, int] | None = None
    """Width and height in pixels."""
    video_at: tuple[int, int, int, int] | str = ""
    """Left, top, width, height on the screen; or "fit": as large as fits, in the middle."""
    frame: tuple[int, int] | None = None
    """Width and height that pixels of the frame count in, where it is not the video's."""
    y: str = ""
    origin: str = ""
    starts: Path | None = None
    """A table of when videos began: columns viewer, video (or one of them), start."""
    eye: str = ""
    decimal: str = ""
    encoding: str = ""
    dispersion: float = 1.0
    """Of raw samples the largest dispersion of a fixation, in degrees of visual angle."""
    pixels_per_degree: float = 35.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="exports, all of one form")
    for name, text in _TEXTS.items():
        form: dict[str, Any] = {"help": text, "metavar": _FORMS.get(name, "NAME")}
        if name in CHOICES:
            form |= {"choices": CHOICES[name], "metavar": None}
        if name in ("map", "rename"):
            form["action"] = "append"
        if name == "dispersion":
            form["type"] = _degrees
        parser.add_argument(f"--{name.replace('_', '-')}", **form)
    parser.add_argument(
        "--replace", dest="overwrite", action="store_true", help="files of the same videos"
    )


def told_options(said: Mapping[str, Any], pixels_per_degree: float) -> Options:
    """Return the options that a command line has, by their names.

    Raises:
        ParamsError: one has another form.
    """
    told = {name: value for name, value in said.items() if value}
    found: dict[str, Any] = {name: value for name, value in told.items() if name in _PLAIN}
    found["columns"] = _pairs("--map", told.get("map", []))
    found["videos"] = _pairs("--rename", told.get("rename", []))
    for name in {"screen", "frame"} & set(told):
        found[name] = _numbers(f"--{name}", told[name], "WIDTHxHEIGHT")
    if place := told.get("video_at"):
        form = "LEFT,TOP,WIDTH,HEIGHT"
        found["video_at"] = place if place == "fit" else _numbers("--video-at", place, form)
    if "starts" in told:
        found["starts"] = Path(told["starts"])
    return Options(**found, pixels_per_degree=pixels_per_degree)


def _pairs(option: str, texts: list[str]) -> dict[str, str]:
    """Return {before: after} of texts with an equals sign.

    Raises:
        ParamsError: there is none, or a field is unknown.
    """
    found = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not (name and sign and value):
            raise ParamsError(f"{option} {text!r}: write NAME=VALUE.")
        if option == "--map" and name not in FIELDS:
            raise ParamsError(f"--map {text}: {name!r} must be one of {', '.join(FIELDS)}.")
        found[name] = value
    return found


def _numbers(option: str, text: str, form: str) -> tuple[int, ...]:
    """Return whole numbers, as many as the form "WIDTHxHEIGHT" or "LEFT,TOP,…" names.

    Raises:
        ParamsError: the text has another form.
    """
    sign = "x" if "x" in form else ","
    try:
        found = tuple(int(part) for part in text.lower().split(sign))
    except ValueError:
        found = ()
    if len(found) != len(form.split(sign)) or min(found[-2:]) <= 0:
        raise ParamsError(f"{option} {text!r}: must be {form} in pixels, such as 1920x1080.")
    return found


def _degrees(text: str) -> float:
    try:
        degrees = float(text)
    except ValueError:
        degrees = 0.0
    if 0 < degrees <= 20:
        return degrees
    raise argparse.ArgumentTypeError(f"must be degrees above 0, at most 20, found {text!r}")
