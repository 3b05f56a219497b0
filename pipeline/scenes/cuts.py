"""`scenes.csv`, the scenes that were cut: which, from when to when, and how large."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from pipeline.ground.errors import InputError
from pipeline.ground.files import replacing
from pipeline.scenes.names import SceneName
from schemas.rejected_scenes import Reason, Rejection


class Scene(NamedTuple):
    """One shot; times in seconds of the video (None where unknown), size of its image in pixels."""

    video_id: str
    scene_number: int
    start_s: float | None
    end_s: float | None
    image_time_s: float | None
    width: int
    height: int

    @property
    def name(self) -> SceneName:
        """What its files are named after."""
        return SceneName(self.video_id, self.scene_number)

    @property
    def size(self) -> tuple[int, int]:
        """Size of its image as (height, width)."""
        return self.height, self.width

    def refusal(self, reason: Reason, file: str, found: str) -> Rejection:
        """Return the refusal of this scene because of `file` (relative to the root)."""
        return Rejection(self.video_id, self.scene_number, file, reason, found)


def write_scenes(path: Path, scenes: Iterable[Scene]) -> None:
    """Write the table, sorted by video, then by scene number as a number."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Scene._fields)
        for scene in sorted(scenes, key=lambda scene: scene[:2]):
            writer.writerow([_text(value) for value in scene])


def _text(value: str | float | None) -> str:
    if value is None:
        return ""
    return f"{value:.6f}" if isinstance(value, float) else str(value)


def read_scenes(path: Path) -> list[Scene]:
    """Read such a table, ours or one that came with imported cuts.

    Raises:
        InputError: it breaks the contract in `schemas.scenes`.
    """
    from pipeline.ground.contract import ContractBroken, read_checked
    from schemas.scenes import DTYPES, SCENES_TABLE

    try:
        table = read_checked(path, DTYPES, SCENES_TABLE)
    except ContractBroken as error:
        raise InputError(
            f"{path}: {error}. Correct it, or remove it to go on without times."
        ) from error
    rows = table[list(Scene._fields)].astype(object)
    return [Scene(*row) for row in rows.where(rows.notna(), None).itertuples(index=False)]


def scenes_by_video(scenes: Iterable[Scene]) -> dict[str, list[Scene]]:
    """Group a sorted table of scenes by video."""
    return {video: list(group) for video, group in groupby(scenes, lambda scene: scene.video_id)}
