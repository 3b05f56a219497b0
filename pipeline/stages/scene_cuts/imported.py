"""The work on one cut that exists already: it is copied, and measured for the table."""

from __future__ import annotations

from pathlib import Path

from pipeline.ingest.copying import copy_scene_file
from pipeline.ingest.made import Item, Made
from pipeline.pictures.reading import ImageRefused, whole_size
from pipeline.scenes.cuts import CutScene
from schemas.rejected_scenes import Rejection


def take_over_cut(item: Item, staging: Path) -> Made:
    """Copy one image; the row is its scene."""
    cut, span = item.task
    try:
        height, width = whole_size(cut.path)
    except ImageRefused as error:
        scene = (cut.name.video_id, cut.name.scene_number)
        return Made(item.name, rejections=[Rejection(*scene, item.file, error.reason, error.found)])
    copied = copy_scene_file(item._replace(task=cut), staging)
    start_s, end_s, image_time_s = span
    row = CutScene(
        cut.name.video_id, cut.name.scene_number, start_s, end_s, image_time_s, width, height
    )
    return copied._replace(rows=[row])
