"""The work on one video whose viewers were recorded: the heatmaps of its scenes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.ground.contract import ContractBroken, read_checked
from pipeline.ground.files import write_bytes
from pipeline.heatmaps.fixations import fixation_map, time_within
from pipeline.heatmaps.provenance import heatmap_file
from pipeline.ingest.made import Item, Made
from schemas.fixations import FIXATIONS_TABLE
from schemas.rejected_scenes import Reason

if TYPE_CHECKING:
    from pipeline.ingest.scene_items import VideoFile


def map_fixations(item: Item, staging: Path, out: str, sigma: float, jpeg_quality: int) -> Made:
    """Write the heatmaps of one video's scenes from its fixations, below `out`."""
    recorded: VideoFile = item.task
    try:
        fixations = read_checked(recorded.path, FIXATIONS_TABLE)
    except ContractBroken as error:
        refused = recorded.refuse_all(Reason.FIXATIONS_UNREADABLE, str(error))
        return Made(item.name, (), refused)
    columns = ("onset_s", "duration_s", "x_px", "y_px")
    onsets, durations, x, y = (fixations[name].to_numpy(float) for name in columns)
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
    return Made(item.name, files, refused)
