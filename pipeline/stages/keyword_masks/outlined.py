"""The work on one video whose product was outlined: the masks of its scenes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.ingest.made import Item, Made
from pipeline.scenes.cuts import CutScene
from pipeline.stages.keyword_masks.files import Mask, write_masks
from pipeline.stages.keyword_masks.outlines import (
    AnnotationUnreadable,
    draw_outlines,
    outlines_at,
    read_annotation,
)
from schemas.annotations import Annotation
from schemas.rejected_scenes import Reason

if TYPE_CHECKING:
    from pipeline.ingest.scene_items import VideoFile

_ASPECT_TOLERANCE = 0.02


def mask_outlines(item: Item, staging: Path, out: str) -> Made:
    """Write the masks of one video's scenes from its outlines, below `out`."""
    drawn: VideoFile = item.task
    try:
        annotation = read_annotation(drawn.path, item.name)
    except AnnotationUnreadable as error:
        refused = drawn.refuse_all(Reason.ANNOTATION_UNREADABLE, str(error))
        return Made(item.name, (), refused)
    files: list[str] = []
    refused = []
    for scene in drawn.scenes:
        frame_aspect = annotation.frame_width / annotation.frame_height
        if abs(frame_aspect * scene.height / scene.width - 1) > _ASPECT_TOLERANCE:
            found = (
                f"outlines of frames of {annotation.frame_width}x{annotation.frame_height}, "
                f"the scene is {scene.width}x{scene.height}"
            )
            refused.append(scene.refusal(Reason.ASPECT_RATIO_DIFFERS, drawn.file, found))
            continue
        written = write_masks(staging, out, scene, _outlined(annotation, scene))
        files += written
        if not written:
            found = "no outline of the first keyword" + _at(scene.image_time_s)
            refused.append(scene.refusal(Reason.KEYWORD_NOT_IN_SCENE, drawn.file, found))
    return Made(item.name, files, refused)


def _at(image_time_s: float | None) -> str:
    return ": the image's time is unknown" if image_time_s is None else f" at {image_time_s:.3f} s"


def _outlined(annotation: Annotation, scene: CutScene) -> dict[int, Mask]:
    """Return {keyword index: mask} of a scene, scaled to its image."""
    if scene.image_time_s is None:
        return {}
    scale = np.divide(
        (scene.width, scene.height), (annotation.frame_width, annotation.frame_height)
    )
    return {
        index: draw_outlines([polygon * scale for polygon in polygons], scene.size)
        for index, polygons in outlines_at(annotation, scene.image_time_s).items()
    }
