"""The work on one video whose viewers were recorded: the heatmaps of its scenes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.gaze.checks import COLUMNS, Clip, check_fixations
from pipeline.gaze.options import Options
from pipeline.gaze.reading import read_gaze
from pipeline.ground.contract import ContractBroken, read_checked
from pipeline.ground.errors import InputError
from pipeline.ground.files import write_bytes
from pipeline.heatmaps.fixations import fixation_map, time_within
from pipeline.heatmaps.provenance import heatmap_file
from pipeline.ingest.made import Item, Made
from schemas.fixations import FIXATIONS_TABLE
from schemas.rejected_scenes import Reason

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.ingest.scene_items import VideoFile


def map_fixations(item: Item, staging: Path, out: str, sigma: float, jpeg_quality: int) -> Made:
    """Write the heatmaps of one video's scenes from its fixations, below `out`.

    The row, where something is odd about the fixations, is a `Counted`.
    """
    recorded: VideoFile = item.task
    first, last = recorded.scenes[0], recorded.scenes[-1]
    clip = Clip(first.width, first.height, last.end_s)
    try:
        fixations = _read(recorded.path, item.name, clip)
        counted = check_fixations(fixations, clip)
    except (ContractBroken, InputError) as error:
        refused = recorded.refuse_all(Reason.FIXATIONS_UNREADABLE, str(error))
        return Made(item.name, (), refused)
    onsets, durations, x, y = (fixations[name].to_numpy(float) for name in COLUMNS)
    files: list[str] = []
    refused = []
    for scene in recorded.scenes:
        if scene.start_s is None or scene.end_s is None:
            found = "the scene's times are unknown: put scenes.csv beside the imported cuts"
            refused.append(scene.refusal(Reason.NO_FIXATIONS, recorded.file, found))
            continue
        seconds = time_within(onsets, durations, scene.start_s, scene.end_s)
        heatmap = fixation_map(x, y, seconds, scene.size, sigma)
        if not heatmap.any():
            found = (
                f"none in the frame from {scene.start_s:.3f} to {scene.end_s:.3f} s; the file's "
                f"last ends at {np.max(onsets + durations, initial=0):.3f} s"
            )
            refused.append(scene.refusal(Reason.NO_FIXATIONS, recorded.file, found))
            continue
        files.append(f"{out}/{scene.name.relative('jpg')}")
        write_bytes(staging / files[-1], heatmap_file(heatmap, jpeg_quality, "recorded"))
    # Short fixations are cut off at cuts: usual, and said at the import.
    is_odd = counted.outside or counted.late or counted.overlapping
    return Made(item.name, files, refused, [counted] if is_odd else ())


def _read(path: Path, video_id: str, clip: Clip) -> pd.DataFrame:
    """Read a file of our form, or an export that leaves nothing open.

    Raises:
        ContractBroken: it is of our form and breaks the contract.
        InputError: it is no export that is known, or leaves something open.
    """
    try:
        return read_checked(path, FIXATIONS_TABLE)
    except ContractBroken:
        if _is_ours(path):
            raise
    try:
        return read_gaze(path, Options(), {video_id: clip}).fixations
    except InputError as error:
        # The place of the repository is no part of what is recorded.
        found = str(error).replace(str(path), path.name)
        raise InputError(f"{found} `gazeshift import-fixations` has these options.") from error


def _is_ours(path: Path) -> bool:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        header = {name.strip() for name in file.readline().split(",")}
    return len(header & set(FIXATIONS_TABLE.columns)) > 1
