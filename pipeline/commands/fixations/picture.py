"""A picture of a video's fixations on one of its frames, to see that they lie where they should."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import cv2
import numpy as np

from pipeline.commands.fixations.clips import video_files
from pipeline.ground.artefacts import CUTS, CUTS_CSV
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import Pixels, encode, read_rgb
from pipeline.scenes.cuts import image_path, read_cuts
from pipeline.stages.scene_cuts.decoding import open_video

if TYPE_CHECKING:
    import pandas as pd

_NOW, _ELSEWHEN = (0, 255, 255), (160, 160, 160)
# Fixations of that long before or after the frame are shown as its own.
_AROUND_S = 0.5


def draw_fixations(workspace: Workspace, video_id: str, fixations: pd.DataFrame) -> bytes | None:
    """Return a JPEG: circles that grow with the duration, bright near the frame's time.

    None where there is neither a scene's image nor the video.
    """
    shown = _frame(workspace, video_id)
    if shown is None:
        return None
    picture, time_s = shown
    picture = np.ascontiguousarray(picture // 2 + 32)
    middle = fixations["onset_s"] + fixations["duration_s"] / 2
    now = ((middle - time_s).abs() <= _AROUND_S).to_numpy()
    size = max(picture.shape[:2])
    radii = (size * 0.02 * np.sqrt(fixations["duration_s"].clip(0.04, 2) / 0.25)).astype(int)
    points = fixations[["x_px", "y_px"]].clip(-size, 2 * size).round().astype(int).to_numpy()
    for bright in (False, True):
        for (x, y), radius in zip(points[now == bright], radii[now == bright], strict=True):
            colour, line = (_NOW, 2) if bright else (_ELSEWHEN, 1)
            cv2.circle(picture, (int(x), int(y)), int(radius), colour, line, cv2.LINE_AA)
    return encode(picture, "jpg", 85)


def _frame(workspace: Workspace, video_id: str) -> tuple[Pixels, float] | None:
    """Return the image of the middle scene, or the middle frame; and when it is shown."""
    cuts = workspace.path(CUTS_CSV)
    scenes = [s for s in read_cuts(cuts) if s.video_id == video_id] if cuts.is_file() else []
    timed = [scene for scene in scenes if scene.image_time_s is not None]
    if timed:
        scene = timed[len(timed) // 2]
        return read_rgb(image_path(workspace.path(CUTS), scene)), scene.image_time_s or 0.0
    path = video_files(workspace).get(video_id)
    if path is None:
        return None
    with open_video(path) as video:
        middle = video.end(Fraction(0)) / 2
        frame = next(video.frames())
        for frame in video.frames():
            if frame.start >= middle:
                break
        return video.upright_rgb(frame), float(frame.start)
