"""`scenes.csv`, the scenes that were cut: which, from when to when, and how large."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from pipeline.ground.contract import ContractBroken, read_checked
from pipeline.ground.errors import InputError
from pipeline.ground.tables import write_rows
from pipeline.scenes.names import SceneName, normal_id
from schemas.rejected_scenes import Reason, Rejection
from schemas.scenes import CUTS_TABLE, Cut


class CutScene(Cut):
    """One shot; times in seconds of the video (None where unknown), size of its image in pixels."""

    __slots__ = ()

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
        return Rejection.of(self.name.key, file, reason, found)


def write_cuts(path: Path, scenes: Iterable[CutScene]) -> None:
    """Write the table, sorted by video, then by scene number as a number."""
    ordered = sorted(scenes, key=lambda scene: scene[:2])
    write_rows(path, Cut._fields, ordered, floats="%.6f")


def read_cuts(path: Path) -> list[CutScene]:
    """Read such a table, ours or one that came with imported cuts.

    Raises:
        InputError: there is none, or it breaks the contract in `schemas.scenes`.
    """
    if not path.is_file():
        raise InputError(f"there is no {path}. Run `dvc repro scene_cuts` first.")
    try:
        table = read_checked(path, CUTS_TABLE)
    except ContractBroken as error:
        raise InputError(
            f"{path}: {error}. Correct it, or remove it to go on without times."
        ) from error
    rows = table[list(Cut._fields)].astype(object)
    rows["video_id"] = rows["video_id"].map(normal_id)
    return [CutScene(*row) for row in rows.where(rows.notna(), None).itertuples(index=False)]


def scenes_by_video(scenes: Iterable[CutScene]) -> dict[str, list[CutScene]]:
    """Group a sorted table of scenes by video."""
    return {video: list(group) for video, group in groupby(scenes, lambda scene: scene.video_id)}


def image_path(folder: Path, scene: CutScene) -> Path:
    """Return a scene's image in the folder of cuts: JPEG, or PNG where imported cuts were PNG."""
    jpeg = folder / scene.name.relative("jpg")
    return jpeg if jpeg.is_file() else jpeg.with_suffix(".png")
