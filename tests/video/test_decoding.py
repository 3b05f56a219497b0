"""Frames come out upright, square and with true times; damage is found."""

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from ingest_inputs import draw_shot, footage, write_video
from PIL import Image

from pipeline.pictures.reading import encode
from pipeline.video.decoding import VideoUnreadable, open_video
from schemas.rejected_scenes import Reason

SIGNS = [(1, 1), (-1, 1), (1, -1), (-1, -1)]


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


def set_matrix(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Overwrite a, b, c, d of the matrix in the track's header (tkhd, version 0)."""
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd") + 44
    a, b, c, d = (value << 16 for value in matrix)
    fixed = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], ">i4")
    content[start : start + 36] = fixed.tobytes()
    path.write_bytes(content)


@pytest.mark.parametrize(
    "matrix",
    [*((a, 0, 0, d) for a, d in SIGNS), *((0, b, c, 0) for b, c in SIGNS)],
    ids=str,
)
def test_mirrored_and_turned_videos_come_out_as_their_matrix_says(
    tmp_path: Path, matrix: tuple[int, int, int, int]
) -> None:
    """A pixel at (x, y) is shown at (ax + cy, bx + dy): front cameras mirror, too."""
    write_video(tmp_path / "v.mp4", shots=[2])
    set_matrix(tmp_path / "v.mp4", matrix)
    stored = draw_shot(0, (96, 64))
    a, b, c, d = matrix
    y, x = np.mgrid[:96, :64]
    across, down = a * x + c * y, b * x + d * y
    across, down = across - across.min(), down - down.min()
    shown = np.zeros((down.max() + 1, across.max() + 1, 3), np.uint8)
    shown[down, across] = stored
    picture = first_picture(tmp_path / "v.mp4")
    assert picture.shape == shown.shape
    assert np.abs(picture.astype(int) - shown).mean() < 5


def test_a_picture_that_begins_late_keeps_the_files_own_times(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", shots=[5], first_ms=480)
    with open_video(tmp_path / "v.mp4") as video:
        times = [float(frame.start) for frame in video.frames()]
        assert times == pytest.approx([0.48, 0.52, 0.56, 0.6, 0.64])
        assert float(video.end(Fraction(0))) == pytest.approx(0.68)


@pytest.mark.parametrize(
    ("colours", "found"),
    [((16, 9), "PQ"), ((18, 9), "HLG"), ((14, 9), r"BT\.2020"), ((18, 1), "HLG")],
    ids=["PQ", "HLG", "BT.2020 without HDR", "HLG with other primaries"],
)
def test_hdr_is_refused_and_not_shown_as_grey(
    tmp_path: Path, colours: tuple[int, int], found: str
) -> None:
    write_video(tmp_path / "v.mp4", shots=[2], colours=colours)
    with pytest.raises(VideoUnreadable, match=found) as refused:
        first_picture(tmp_path / "v.mp4")
    assert refused.value.reason is Reason.VIDEO_IS_HDR


def test_sound_with_a_cover_picture_is_no_video(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "v.mp4"), "w") as container:
        sound = container.add_stream("aac", rate=16000, layout="mono")
        cover = container.add_stream("mjpeg", rate=1)
        cover.width = cover.height = 64
        cover.pix_fmt = "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 16000
        container.mux(sound.encode(frame))
        container.mux(sound.encode())
        packet = av.Packet(encode(draw_shot(0, (64, 64)), "jpg"))
        packet.stream, packet.pts, packet.dts = cover, 0, 0
        container.mux(packet)
    with pytest.raises(VideoUnreadable, match="only sound with a cover picture"):
        first_picture(tmp_path / "v.mp4")


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


def rewritten(path: Path, change: Callable[[int, av.Packet], None]) -> None:
    """Write a video's packets again, each of them changed, by its number."""
    source = path.with_name("source.mp4")
    write_video(source, [30])
    with av.open(str(source)) as read, av.open(str(path), "w") as written:
        track = written.add_stream_from_template(read.streams.video[0])
        for number, packet in enumerate(p for p in read.demux() if p.dts is not None):
            change(number, packet)
            packet.stream = track
            written.mux(packet)


def test_frames_that_go_back_in_time_are_refused(tmp_path: Path) -> None:
    def late(number: int, packet: av.Packet) -> None:
        packet.pts += (1 << 16) * (number == 10)

    rewritten(tmp_path / "v.mp4", late)
    with (
        pytest.raises(VideoUnreadable, match="goes back in time"),
        open_video(tmp_path / "v.mp4") as video,
    ):
        list(video.frames())


@pytest.mark.parametrize("aspect", [(2000, 1), (1, 2000)])
def test_pixels_that_are_no_pixels_are_refused(tmp_path: Path, aspect: tuple[int, int]) -> None:
    with av.open(str(tmp_path / "v.mp4"), "w") as container:
        track = container.add_stream("libx264", rate=25)
        track.width, track.height, track.pix_fmt = 64, 96, "yuv420p"
        track.codec_context.sample_aspect_ratio = Fraction(2)
        picture = av.VideoFrame.from_ndarray(draw_shot(0, (96, 64)), format="rgb24")
        container.mux([*track.encode(picture), *track.encode()])
    whole = (tmp_path / "v.mp4").read_bytes()
    at = whole.index(b"pasp") + 4
    (tmp_path / "v.mp4").write_bytes(whole[:at] + struct.pack(">2I", *aspect) + whole[at + 8 :])
    with (
        pytest.raises(VideoUnreadable, match="times as wide as high"),
        open_video(tmp_path / "v.mp4"),
    ):
        pass


def test_a_still_picture_of_the_same_containers_is_no_video(tmp_path: Path) -> None:
    Image.fromarray(draw_shot(0, (96, 64))).save(tmp_path / "v.avif")
    (tmp_path / "v.avif").rename(tmp_path / "v.mp4")
    with (
        pytest.raises(VideoUnreadable, match="a still picture"),
        open_video(tmp_path / "v.mp4"),
    ):
        pass
