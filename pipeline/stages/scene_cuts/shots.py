"""Shot detection: PySceneDetect's detectors on our frames, and the frame that shows each shot."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

import cv2
from scenedetect import (
    AdaptiveDetector,
    ContentDetector,
    FrameTimecode,
    HashDetector,
    HistogramDetector,
    SceneDetector,
    ThresholdDetector,
)
from scenedetect.common import Timecode

from pipeline.video.decoding import Video

# PySceneDetect itself shrinks frames by a whole factor to no less than this before it compares
# them; its thresholds are made for that.
_DETECTION_WIDTH_PX = 256
# Standard deviation, in grey levels, of a picture in which nothing is seen: noise on black.
_NOTHING_SEEN = 3.0

_DETECTORS: dict[str, tuple[type[SceneDetector], str]] = {
    "adaptive": (AdaptiveDetector, "adaptive_threshold"),
    "content": (ContentDetector, "threshold"),
    "threshold": (ThresholdDetector, "threshold"),
    "hash": (HashDetector, "threshold"),
    "histogram": (HistogramDetector, "threshold"),
}


class Shot(NamedTuple):
    """One shot: from its first frame up to the next shot's, and the frame that stands for it."""

    start: Fraction
    end: Fraction
    image_time: Fraction


def make_detector(
    kind: str, threshold: float | None, min_content: float | None, min_scene_s: float
) -> SceneDetector:
    """Return a new detector; it is used for one video.

    Args:
        kind: adaptive, content, threshold, hash or histogram.
        threshold: on that detector's own scale; None is PySceneDetect's default for it.
        min_content: for adaptive alone, the least change of content that can be a cut; as above.
        min_scene_s: shortest shot in seconds.
    """
    detector, threshold_name = _DETECTORS[kind]
    options = {threshold_name: threshold, "min_content_val": min_content}
    given = {name: value for name, value in options.items() if value is not None}
    return detector(min_scene_len=float(min_scene_s), **given)


def find_shots(video: Video, detector: SceneDetector, image_at: float) -> list[Shot]:
    """Decode the whole video and return its shots, at least one.

    Args:
        video: decoded from its start.
        detector: a new one.
        image_at: which frame stands for a shot, as a fraction of its time (0.5: middle).

    Raises:
        VideoUnreadable: the video is damaged or empty.
    """
    starts: list[Fraction] = []
    contrasts: list[float] = []
    cuts: list[FrameTimecode] = []
    rate = video.frame_rate
    for frame in video.frames():
        timecode = _timecode(frame.start, rate)
        small = video.small_bgr(frame, _DETECTION_WIDTH_PX)
        cuts += detector.process_frame(timecode, small)
        starts.append(frame.start)
        contrasts.append(float(cv2.meanStdDev(small)[1].max()))
    cuts += detector.post_process(timecode)
    # A fade's cut may lie between two frames; the new shot then begins with the later one.
    indices = {bisect_left(starts, _fraction(cut)) for cut in cuts}
    bounds = [starts[index] for index in sorted(indices | {0}) if index < len(starts)]
    shots = []
    for first, last in pairwise([*bounds, video.end(starts[-1])]):
        wanted = bisect_right(starts, first + Fraction(image_at) * (last - first)) - 1
        inside = range(bisect_left(starts, first), bisect_left(starts, last))
        shots.append(Shot(first, last, starts[_seen(contrasts, inside, wanted)]))
    return shots


def _seen(contrasts: Sequence[float], shot: range, wanted: int) -> int:
    """Return which frame stands for a shot: the wanted one, unless nothing is seen in it.

    Then, as in a fade through black, the nearest with half of the shot's greatest contrast.
    """
    least = max(contrasts[frame] for frame in shot) / 2
    if contrasts[wanted] >= _NOTHING_SEEN or least < _NOTHING_SEEN / 2:
        return wanted
    seen = [frame for frame in shot if contrasts[frame] >= least]
    return min(seen, key=lambda frame: abs(frame - wanted))


def _timecode(time: Fraction, rate: Fraction) -> FrameTimecode:
    return FrameTimecode(Timecode(time.numerator, Fraction(1, time.denominator)), fps=rate)


def _fraction(timecode: FrameTimecode) -> Fraction:
    return timecode.pts * Fraction(timecode.time_base)
