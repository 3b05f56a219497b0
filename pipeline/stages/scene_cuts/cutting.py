"""The work on one video: its shots, and an upright image of each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.ground.files import write_bytes
from pipeline.ingest.made import Item, Made
from pipeline.pictures.reading import encode
from pipeline.scenes.cuts import CutScene
from pipeline.scenes.names import SceneName
from pipeline.stages.scene_cuts.shots import find_shots, make_detector
from pipeline.video.decoding import VideoUnreadable, open_video
from schemas.rejected_scenes import Rejection

if TYPE_CHECKING:
    from pipeline.stages.scene_cuts.params import SceneCutsParams

_LEAST_RATE = 10
SLOW = (
    f"fewer than {_LEAST_RATE} frames a second, so that a movement can look like a cut and a cut "
    "be missed: look at their scenes, or cut them yourself (scene_cuts.source: folder)"
)
"""Said of a video, which is cut all the same."""


def cut_video(item: Item, staging: Path, out: str, params: SceneCutsParams) -> Made:
    """Write the image of every shot of one video below `out`; the rows are scenes."""
    files: list[str] = []
    scenes: list[CutScene] = []
    try:
        with open_video(item.task) as video:
            detector = make_detector(
                params.detector, params.threshold, params.min_content, params.min_scene_s
            )
            shots = find_shots(video, detector, params.image_at)
            pictures = video.pictures_at([shot.image_time for shot in shots])
            for number, (shot, picture) in enumerate(zip(shots, pictures, strict=True), start=1):
                files.append(f"{out}/{SceneName(item.name, number).relative('jpg')}")
                write_bytes(staging / files[-1], encode(picture, "jpg", params.jpeg_quality))
                height, width = picture.shape[:2]
                times = (float(shot.start), float(shot.end), float(shot.image_time))
                scenes.append(CutScene(item.name, number, *times, width, height))
            rate = video.average_rate
    except VideoUnreadable as error:
        refusal = Rejection(item.name, None, item.file, error.reason, str(error))
        return Made(item.name, rejections=[refusal])
    notes = [SLOW] if rate < _LEAST_RATE else []
    return Made(item.name, files, rows=scenes, notes=notes)
