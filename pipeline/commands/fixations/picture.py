"""A picture of a video's fixations on one of its frames, to see that they lie where they should."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from pipeline.commands.fixations.clips import Videos
from pipeline.gaze.checks import COLUMNS
from pipeline.pictures.reading import encode

if TYPE_CHECKING:
    import pandas as pd

_LONGEST_SIDE = 480
_NOW, _ELSEWHEN = (0, 255, 255), (160, 160, 160)
# Fixations of that long before or after the frame are shown as its own.
_AROUND_S = 0.5
# Of those, and of all others, so many are drawn.
_MOST = 200


def draw_fixations(videos: Videos, video_id: str, fixations: pd.DataFrame) -> bytes | None:
    """Return a JPEG: circles that grow with the duration, bright near the frame's time.

    None where there is no frame.
    """
    clip = videos[video_id]
    scale = min(1.0, _LONGEST_SIDE / max(clip.width, clip.height))
    height, width = max(1, round(clip.height * scale)), max(1, round(clip.width * scale))
    frame = videos.frame(video_id, (height, width))
    if frame is None:
        return None
    canvas = np.ascontiguousarray(frame.picture // 2 + 32)
    onsets, durations, x, y = (fixations[name].to_numpy(float) for name in COLUMNS)
    now = np.abs(onsets + durations / 2 - frame.time_s) <= _AROUND_S
    longest = max(height, width)
    for shown, colour, line in ((~now, _ELSEWHEN, 1), (now, _NOW, 2)):
        chosen = np.flatnonzero(shown)
        few = chosen[:: 1 + len(chosen) // _MOST]
        radii = longest * 0.02 * np.sqrt(np.clip(durations[few], 0.04, 2) / 0.25)
        points = np.clip(np.stack([x[few], y[few]], axis=1) * scale, -longest, 2 * longest)
        for point, radius in zip(points.round().astype(int).tolist(), radii, strict=True):
            cv2.circle(canvas, point, max(1, round(radius)), colour, line)
    return encode(canvas, "jpg", 85)
