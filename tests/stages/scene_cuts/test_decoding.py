"""Frames come out upright, square and with true times; damage is found."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from ingest_inputs import draw_shot, footage, write_video

from pipeline.stages.scene_cuts.decoding import VideoUnreadable, open_video


def first_picture(path: Path) -> np.ndarray:
    with open_video(path) as video:
        return next(video.pictures_at([Fraction(0)]))


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_rotated_videos_come_out_upright(tmp_path: Path, rotation: int) -> None:
    write_video(tmp_path / "v.mp4", shots=[2], rotation=rotation)
    upright = np.rot90(draw_shot(0, (96, 64)), rotation // 90)
    picture = first_picture(tmp_path / "v.mp4")
    assert picture.shape == upright.shape
    assert np.abs(picture.astype(int) - upright).mean() < 5


@pytest.mark.parametrize("rotation", [90, 270])
def test_rotation_agrees_with_ffmpeg_itself(tmp_path: Path, rotation: int) -> None:
    write_video(tmp_path / "v.mp4", shots=[2], rotation=rotation)
    _, bgr = cv2.VideoCapture(str(tmp_path / "v.mp4")).read()
    assert np.abs(first_picture(tmp_path / "v.mp4")[..., ::-1].astype(int) - bgr).max() <= 3


def test_pixels_that_are_not_square_are_made_square() -> None:
    # 176x144 pixels of 128:117, so 192.5 wide on screen.
    assert first_picture(footage("carphone_pristine.mp4")).shape == (144, 193, 3)


def test_frames_of_a_variable_rate_have_their_own_times(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", shots=[4], frame_ms=[40, 160, 40, 500])
    with open_video(tmp_path / "v.mp4") as video:
        times = [float(frame.start) for frame in video.frames()]
    assert times == pytest.approx([0, 0.04, 0.2, 0.24], abs=1e-3)


def test_a_video_can_be_decoded_twice(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", shots=[5])
    with open_video(tmp_path / "v.mp4") as video:
        assert len(list(video.frames())) == len(list(video.frames())) == 5


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (lambda whole: b"", "Invalid data"),
        (lambda whole: b"no video at all", "Invalid data"),
        (lambda whole: whole[:200], "no video track"),
        (lambda whole: whole[: len(whole) // 2], "truncated"),
        (lambda whole: whole[:-1], "truncated"),
        (lambda whole: whole[:3000] + bytes(300) + whole[3300:], "Invalid data|damaged"),
    ],
    ids=["empty", "text", "header only", "half", "all but a byte", "overwritten"],
)
def test_damage_is_found(tmp_path: Path, content, found: str) -> None:
    write_video(tmp_path / "whole.mp4", shots=[50])
    (tmp_path / "v.mp4").write_bytes(content((tmp_path / "whole.mp4").read_bytes()))
    with pytest.raises(VideoUnreadable, match=found), open_video(tmp_path / "v.mp4") as video:
        list(video.frames())


def test_a_video_without_pictures_is_refused(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "v.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with (
        pytest.raises(VideoUnreadable, match="no video track"),
        open_video(tmp_path / "v.mp4") as video,
    ):
        list(video.frames())


def test_a_video_whose_frame_size_changes_is_refused(tmp_path: Path) -> None:
    import av

    write_video(tmp_path / "upright.mp4", shots=[5], size=(96, 64))
    write_video(tmp_path / "across.mp4", shots=[5], size=(64, 128))
    with av.open(str(tmp_path / "v.mov"), "w") as joined:
        for number, name in enumerate(["upright.mp4", "across.mp4"]):
            with av.open(str(tmp_path / name)) as part:
                if number == 0:
                    track = joined.add_stream_from_template(part.streams.video[0])
                in_band = av.BitStreamFilterContext("h264_mp4toannexb", part.streams.video[0])
                for packet in part.demux(video=0):
                    for plain in in_band.filter(packet):
                        if plain.size:
                            plain.stream = track
                            plain.pts, plain.dts = plain.pts + 5000 * number, None
                            joined.mux(plain)
    with (
        pytest.raises(VideoUnreadable, match="frame size changes after"),
        open_video(tmp_path / "v.mov") as video,
    ):
        list(video.frames())
