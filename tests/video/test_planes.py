"""Planes: there and back; a change of colours in them; FFmpeg agrees on the colours."""

from fractions import Fraction

import av
import numpy as np
import pytest

from pipeline.video.decoding import UPRIGHT, displayed, stored
from pipeline.video.planes import Colours, Planes, as_stored, frame_of, planes_of, stored_changes

LIMITED_601 = Colours(False, 2, 2, 2)
ONE = 1 << 16
TURNS = [
    UPRIGHT,
    *((0, b * ONE, 0, c * ONE, 0, 0, 0, 0, 1 << 30) for b in (1, -1) for c in (1, -1)),
]


def some_planes() -> Planes:
    rng = np.random.default_rng(0)
    return Planes(*(rng.integers(0, 256, size, np.uint8) for size in ((6, 8), (3, 4), (3, 4))))


def test_planes_survive_bytes_and_frames() -> None:
    planes = some_planes()
    frame = frame_of(planes, 3, Fraction(1, 25))
    for found in (Planes.from_bytes(planes.to_bytes(), (6, 8)), planes_of(frame)):
        assert all(np.array_equal(a, b) for a, b in zip(found, planes, strict=True))
    assert (frame.pts, frame.time_base) == (3, Fraction(1, 25))


@pytest.mark.parametrize(
    ("colours", "white"),
    [(LIMITED_601, 219), (Colours(True, 1, 1, 1), 255), (Colours(False, 1, 1, 1), 219)],
    ids=["BT.601", "BT.709, full range", "BT.709"],
)
def test_grey_has_no_chroma_and_white_all_the_levels(colours: Colours, white: int) -> None:
    luma, blue, red = colours.of_rgb() @ np.full(3, 255, np.float32)
    assert luma == pytest.approx(white, abs=1e-3)
    assert (blue, red) == pytest.approx((0, 0), abs=1e-3)


@pytest.mark.parametrize(("matrix", "full"), [(5, False), (1, False), (1, True)])
def test_the_matrix_is_that_of_ffmpeg(matrix: int, full: bool) -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (16, 16, 3), np.uint8)
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(
        format="yuv444p", dst_colorspace=matrix, dst_color_range=1 + full
    )
    ours = rgb @ Colours(full, 2, 2, matrix).of_rgb().T
    ours += np.array([0 if full else 16, 128, 128])
    found = np.stack([plane for plane in planes_of(frame)], axis=-1)
    assert np.abs(found - ours).max() < 1.6


@pytest.mark.parametrize("matrix", TURNS, ids=str)
def test_what_is_stored_is_what_is_displayed(matrix: tuple[int, ...]) -> None:
    pixels = np.arange(24, dtype=np.float32).reshape(4, 6)
    assert np.array_equal(stored(displayed(pixels, matrix), matrix), pixels)
    assert np.array_equal(as_stored(displayed(pixels, matrix), (4, 6), matrix), pixels)


def test_a_change_in_red_is_a_change_of_the_stored_planes() -> None:
    change = np.zeros((4, 6, 3), np.float32)
    change[:2, :2, 0] = 100
    found = stored_changes(change, (4, 6), UPRIGHT, LIMITED_601)
    assert found.y[0, 0] == pytest.approx(29.9 * 219 / 255, abs=1e-3)
    assert found.v.shape == (2, 3)
    assert found.v[0, 0] == pytest.approx(50 * 224 / 255, abs=1e-3)
    assert not found.y[2:].any()
    assert not found.v[1:].any()
