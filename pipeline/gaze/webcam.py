"""Trials of jsPsych with samples of WebGazer, as CSV or JSON: a list of samples in each trial."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.ground.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_SAMPLES, _TARGETS = "webgazer_data", "webgazer_targets"
_VIEWERS = ("participant", "participant_id", "subject", "subject_id", "PROLIFIC_PID")
_STIMULI = ("stimulus", "video")
_BOX = ("left", "top", "width", "height")


def holds_webcam_samples(path: Path) -> bool:
    """Tell whether a file has trials of jsPsych with samples of WebGazer."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return _SAMPLES.encode() in file.read(1 << 16)


def read_webcam(path: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    """Return a row per sample: viewer (where known), stimulus, t, x, y, where the video was.

    Args:
        path: the file.
        columns: by field the column of a trial that it is in: viewer, video.

    Raises:
        InputError: it is no list of trials, or samples have no x, y and t.
    """
    import pandas as pd

    rows = []
    for number, trial in enumerate(_trials(path), start=1):
        samples = _decoded(path, number, trial.get(_SAMPLES))
        if not samples:
            continue
        about = {
            "viewer": _first(trial, columns.get("viewer", ""), _VIEWERS),
            "stimulus": _first(trial, columns.get("video", ""), _STIMULI),
            "recording": str(number),
        }
        targets = _decoded(path, number, trial.get(_TARGETS)) or {}
        if len(targets) == 1:
            box = next(iter(targets.values()))
            about |= {f"target {side}": box.get(side) for side in _BOX}
        rows += [{**about, **{axis: one.get(axis) for axis in "xyt"}} for one in samples]
    table = pd.DataFrame(rows)
    if table.empty:
        raise InputError(f"{path}: no trial has samples in {_SAMPLES}.")
    table = table.dropna(axis="columns", how="all")
    try:
        numeric = [name for name in map(str, table) if name in "xyt" or "target" in name]
        return table.astype(dict.fromkeys(numeric, float))
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: {_SAMPLES}: x, y and t must be numbers: {error}.") from error


def _trials(path: Path) -> Iterator[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".json":
            yield from json.loads(text)
            return
    except ValueError as error:
        raise InputError(f"{path} is no list of trials in UTF-8: {error}.") from error
    # A trial's samples are one cell.
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    yield from csv.DictReader(text.splitlines(keepends=True))


def _decoded(path: Path, number: int, cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    try:
        return json.loads(cell) if cell.strip() else None
    except ValueError as error:
        raise InputError(f"{path}: trial {number}: {error}: export it again.") from error


def _first(trial: Mapping[str, Any], told: str, names: tuple[str, ...]) -> str | None:
    found = next((trial[name] for name in (told, *names) if trial.get(name)), None)
    return json.dumps(found) if isinstance(found, list) else found
