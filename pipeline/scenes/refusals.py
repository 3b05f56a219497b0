"""Reports of refusals, in the columns of `schemas.rejected_scenes`."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from pipeline.ground.damage import reading
from pipeline.ground.tables import write_rows
from schemas.rejected_scenes import COLUMNS, Rejection
from schemas.spreadsheets import unmarked


def write_rejections(path: Path, rejections: Iterable[Rejection]) -> None:
    """Write refusals, sorted by scene."""
    ordered = sorted(rejections, key=by_scene)
    write_rows(path, COLUMNS, ([getattr(one, name) for name in COLUMNS] for one in ordered))


def read_rejections(path: Path, stage: str = "validate") -> list[Rejection]:
    """Read what `write_rejections` wrote in a stage.

    Raises:
        InputError: it is damaged.
    """
    with reading(path, stage), path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if missing := set(COLUMNS).difference(rows.fieldnames or ()):
            raise KeyError(min(missing))
        return [
            Rejection.from_record({k: unmarked(v or "") for k, v in row.items()}) for row in rows
        ]


def by_scene(rejection: Rejection) -> tuple[str, int, str, str]:
    """Return what refusals are sorted by: video, scene as a number, file, reason."""
    return rejection.video_id, rejection.scene_number or 0, rejection.file, rejection.reason
