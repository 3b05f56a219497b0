"""Where: positions on the frame or the screen become pixels of the video's frame."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.gaze.state import Reading

Floats = NDArray[np.float64]

_OF = {
    "frame-px": "pixels of the frame",
    "frame-fraction": "fractions of the frame",
    "frame-percent": "percent of the frame",
    "screen-px": "pixels of the screen",
    "screen-fraction": "fractions of the screen",
}
# By how much a place's shape may differ from the frame's: rounding to whole pixels.
_MOST_SKEW = 0.02


class Box(NamedTuple):
    """Where the frame lies in what positions count in; numbers, or one per row."""

    left: Floats | float
    top: Floats | float
    width: Floats | float
    height: Floats | float


def set_positions(reading: Reading) -> None:
    """Fill `x_px` and `y_px`, pixels of the frame from its upper left corner."""
    table, options, form = reading.table, reading.options, reading.meaning.format
    columns = f"{reading.quoted('x')}, {reading.quoted('y')}"
    x, y = table["x"].to_numpy(float), table["y"].to_numpy(float)
    seen = f"x from {x.min():g} to {x.max():g}, y from {y.min():g} to {y.max():g}"
    kind = options.coordinates or form.coordinates
    if kind is None:
        raise reading.refused(
            f"columns {columns}: positions in what is open ({seen}). Say it: --coordinates "
            "frame-px, frame-fraction or frame-percent (of the video), or screen-px or "
            "screen-fraction with --screen and --video-at."
        )
    _check_range(reading, kind, x, y, f"columns {columns} cannot be {_OF[kind]}: {seen}")
    size = _sizes(reading)
    up = options.y == "up" or (not options.y and form.up)
    what = f"columns {columns} are {_OF[kind]} ({seen})"
    if options.screen is None and (kind == "screen-fraction" or (kind == "screen-px" and up)):
        raise reading.refused(f"{what}. Say how large it is: --screen WIDTHxHEIGHT.")
    if kind.startswith("frame"):
        units = {"frame-fraction": (1.0, 1.0), "frame-percent": (100.0, 100.0)}
        box, where = Box(0.0, 0.0, *units.get(kind, options.frame or size)), ""
        full: Floats | float = box.height
    else:
        box, where = _place(reading, size, what)
        full = options.screen[1] if options.screen else 0.0
        if kind == "screen-fraction" and options.screen:
            x, y = x * options.screen[0], y * options.screen[1]
    if up:
        y = full - y
    table["x_px"] = (x - box.left) / box.width * size[0]
    table["y_px"] = (y - box.top) / box.height * size[1]
    told = ", as told" if options.coordinates else ""
    reading.say("x, y", f"{columns}: {_OF[kind]}{told}; y {'up' if up else 'down'}; {seen}{where}")


def _sizes(reading: Reading) -> tuple[Floats, Floats]:
    """Return width and height of each row's video."""
    ids = reading.table["video_id"]
    clips = {video_id: reading.clips[video_id] for video_id in ids.unique()}
    widths = {video_id: float(clip.width) for video_id, clip in clips.items()}
    heights = {video_id: float(clip.height) for video_id, clip in clips.items()}
    return ids.map(widths).to_numpy(np.float64), ids.map(heights).to_numpy(np.float64)


def _check_range(reading: Reading, kind: str, x: Floats, y: Floats, what: str) -> None:
    """Refuse positions of a scale that the kind cannot have, a few far away left aside."""
    most = float(np.quantile(np.maximum(np.abs(x), np.abs(y)), 0.95))
    least, largest = {"fraction": (0.0, 5.0), "percent": (1.5, 500.0), "px": (1.5, np.inf)}[
        kind.partition("-")[2]
    ]
    if not least <= most <= largest:
        raise reading.refused(f"{what}. Say what they are: --coordinates.")


def _place(reading: Reading, size: tuple[Floats, Floats], what: str) -> tuple[Box, str]:
    """Return where on the screen the video was, in its pixels, and how that is known."""
    options, table = reading.options, reading.table
    width, height = size
    if isinstance(options.video_at, tuple):
        box = Box(*options.video_at)
        where = f"; the video at {box.left},{box.top}, {box.width}x{box.height}, as told"
    elif options.video_at and options.screen:
        across, down = options.screen
        scale = np.minimum(across / width, down / height)
        shown = width * scale, height * scale
        box = Box((across - shown[0]) / 2, (down - shown[1]) / 2, *shown)
        where = f"; the video as large as fits {across}x{down}, as told"
    elif set(Box._fields) <= set(table):
        box = Box(*(table[name].to_numpy(float) for name in Box._fields))
        where = "; the video where the export says that it was"
    else:
        raise reading.refused(
            f"{what}, and where on it the video was is open. Say it: --video-at "
            "LEFT,TOP,WIDTH,HEIGHT in pixels, or --screen WIDTHxHEIGHT --video-at fit, if it was "
            "as large as fits, in the middle."
        )
    skew = np.log(np.asarray(box.width) / box.height * height / width)
    if not np.nanmax(np.abs(skew)) <= _MOST_SKEW:
        raise reading.refused(
            f"the video's place on the screen, {np.ravel(box.width)[0]:g}x"
            f"{np.ravel(box.height)[0]:g}, has not the shape of its frame, {width[0]:g}x"
            f"{height[0]:g}. Say where its picture was, without bars: --video-at "
            "LEFT,TOP,WIDTH,HEIGHT."
        )
    return box, where
