"""Shots are where the pictures change; checked against frame differences and PySceneDetect."""

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
import scenedetect
from ingest_inputs import footage, write_video

from pipeline.stages.scene_cuts.shots import find_shots, make_detector
from pipeline.video.decoding import open_video


def shots_of(path: Path, kind: str = "adaptive", min_scene_s: float = 0.5, image_at: float = 0.5):
    with open_video(path) as video:
        detector = make_detector(kind, None, None, min_scene_s)
        found = find_shots(video, detector, image_at)
    return [tuple(map(float, shot)) for shot in found]


def test_cuts_of_real_footage_are_its_largest_frame_differences() -> None:
    capture = cv2.VideoCapture(str(footage("bikes.mp4")))
    frames = []
    while (frame := capture.read()[1]) is not None:
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY).astype(int))
    changes = [np.abs(late - early).mean() for early, late in itertools.pairwise(frames)]
    largest_five = sorted(np.argsort(changes)[-5:] + 1)

    shots = shots_of(footage("bikes.mp4"))
    assert [start for start, _, _ in shots[1:]] == pytest.approx(np.divide(largest_five, 25))
    assert shots[0][0] == 0
    assert shots[-1][1] == 10


def test_real_footage_is_cut_as_pyscenedetect_cuts_it() -> None:
    theirs = scenedetect.detect(str(footage("bikes.mp4")), scenedetect.AdaptiveDetector())
    ours = shots_of(footage("bikes.mp4"))
    assert [shot[:2] for shot in ours] == [(start.seconds, end.seconds) for start, end in theirs]


def test_footage_without_a_cut_is_one_shot() -> None:
    assert shots_of(footage("bigbuckbunny.mp4")) == [(0.0, 5.28, 2.64)]


@pytest.mark.parametrize("kind", ["adaptive", "content", "hash", "histogram"])
def test_every_detector_finds_hard_cuts(tmp_path: Path, kind: str) -> None:
    write_video(tmp_path / "v.mp4", shots=[25, 30, 20])
    assert shots_of(tmp_path / "v.mp4", kind) == [
        (0.0, 1.0, 0.48),
        (1.0, 2.2, 1.6),
        (2.2, 3.0, 2.6),
    ]


def test_times_hold_when_the_frame_rate_varies(tmp_path: Path) -> None:
    frame_ms = [40] * 20 + [120] * 20 + [20] * 40
    write_video(tmp_path / "v.mp4", shots=[20, 20, 40], frame_ms=frame_ms)
    starts = [start for start, _, _ in shots_of(tmp_path / "v.mp4")]
    assert starts == pytest.approx([0, 0.8, 3.2], abs=1e-3)


def test_shorter_shots_than_asked_for_are_not_cut(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", shots=[25, 25])
    assert len(shots_of(tmp_path / "v.mp4", min_scene_s=0.9)) == 2
    assert len(shots_of(tmp_path / "v.mp4", min_scene_s=1.1)) == 1


def test_the_image_of_a_fade_through_black_is_one_in_which_something_is_seen(
    tmp_path: Path,
) -> None:
    light = [1.0] * 20 + [0.8, 0.6, 0.4, 0.2, 0, 0, 0, 0.2, 0.4, 0.6, 0.8] + [1.0] * 19
    write_video(tmp_path / "v.mp4", shots=[50], light=light)
    ((start, end, image),) = shots_of(tmp_path / "v.mp4", min_scene_s=2)
    assert (start, end) == (0, 2)
    assert light[round(image * 25)] in (0.6, 0.8)


def test_a_black_video_has_its_middle_as_image(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", shots=[25], light=[0.0] * 25)
    assert shots_of(tmp_path / "v.mp4") == [(0.0, 1.0, 0.48)]


@pytest.mark.parametrize(("image_at", "image_s"), [(0.0, 0.0), (0.5, 0.48), (0.99, 0.96)])
def test_the_image_is_the_frame_on_screen_then(tmp_path, image_at: float, image_s: float) -> None:
    write_video(tmp_path / "v.mp4", shots=[25])
    assert shots_of(tmp_path / "v.mp4", image_at=image_at) == [(0.0, 1.0, image_s)]
