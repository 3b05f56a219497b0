"""Each degradation does what it says, at any size."""

import numpy as np
import pytest

from pipeline.pictures.degradations import DEGRADATIONS, blur, degrade, h264, half, jpeg, shift

RNG = np.random.default_rng(0)
SIZES = [(96, 54), (97, 55), (270, 480), (271, 481)]


def drawn(size: tuple[int, int] = (270, 480)) -> np.ndarray:
    """Return a slope of colours with a red box, as video has them."""
    down, across = np.mgrid[: size[0], : size[1]]
    picture = np.stack([100 + 60 * down / size[0], 80 + 90 * across / size[1], down * 0 + 90], 2)
    picture[size[0] // 3 : size[0] // 2, size[1] // 3 : size[1] // 2] = (210, 40, 30)
    return (picture + RNG.normal(0, 4, picture.shape)).clip(0, 255).astype(np.uint8)


def error(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", DEGRADATIONS)
def test_sizes_are_kept_and_the_picture_is_another_but_near(name: str, size) -> None:
    picture = drawn(size)
    before = picture.copy()
    after = DEGRADATIONS[name](picture)
    assert (after.shape, after.dtype) == (picture.shape, np.uint8)
    assert 0 < error(after, picture) < 12
    assert (DEGRADATIONS[name](picture) == after).all()
    assert (picture == before).all()


@pytest.mark.parametrize("compress", [jpeg, h264])
def test_compression_keeps_a_plain_colour_in_its_place(compress) -> None:
    """Red stays red, so the channels are in order; no pixel moved."""
    colour = np.array([200, 60, 30], np.uint8)
    plain = np.broadcast_to(colour, (61, 43, 3)).copy()
    assert np.abs(compress(plain).astype(int) - colour).max() <= 4
    box = np.zeros((64, 96, 3), np.uint8)
    box[16:48, 32:64] = 255
    rows, columns = np.nonzero(compress(box)[..., 1] > 127)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (16, 47, 32, 63)


def test_a_shift_moves_mask_and_picture_alike_and_repeats_the_edge() -> None:
    picture = drawn()
    mask = picture[..., 0] > 190
    after, moved = degrade(picture, mask, "shift")
    assert (after[5:, 8:] == picture[:-5, :-8]).all()
    assert (after[:6, 8:] == picture[:1, :-8]).all()
    assert (moved == (after[..., 0] > 190)).all()
    assert moved.dtype == bool
    assert degrade(picture, mask, "blur")[1] is mask


def test_lengths_are_in_proportion_to_the_longer_side() -> None:
    dot = np.zeros((960, 540), np.uint8)
    dot[400, 300] = 1
    assert np.argwhere(shift(dot)).tolist() == [[410, 316]]
    spread = np.zeros((480, 270, 3), np.uint8)
    spread[240, 135] = 255
    # A Gaussian of sigma 1.5 has 1 / (2 pi 1.5^2) at its centre.
    assert blur(spread)[240, 135, 0] == pytest.approx(255 / (2 * np.pi * 1.5**2), abs=1)


def test_half_the_size_keeps_what_is_coarse_and_loses_what_is_fine() -> None:
    coarse = np.full((64, 64, 3), 90, np.uint8)
    fine = np.indices((64, 64)).sum(0) % 2 * 200
    assert (half(coarse) == coarse).all()
    assert np.ptp(half(np.repeat(fine[..., None], 3, 2).astype(np.uint8))) <= 1
