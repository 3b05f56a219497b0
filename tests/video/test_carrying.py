"""Flow and what it carries: the region moves along, fades, and gives way to what covers it."""

import cv2
import numpy as np
import pytest
from films import SIDE, SIZE, corner, draw, pattern, square

from pipeline.pictures.reading import Pixels
from pipeline.video.carrying import add_changes, place
from pipeline.video.flow import Anchor, Walk
from pipeline.video.planes import Changes, Planes, halved

FRAMES = 8


def luma(frame: int) -> Pixels:
    grey = cv2.cvtColor(draw(0, frame), cv2.COLOR_RGB2GRAY)
    return np.rint(16 + grey * (219 / 255)).astype(np.uint8)


def planes(frame: Pixels) -> Planes:
    half = np.full((SIZE[0] // 2, SIZE[1] // 2), 128, np.uint8)
    return Planes(frame, half, half.copy())


def anchor() -> Anchor:
    return Anchor(luma(0), square(0).astype(np.float32))


def change(levels: float = 30) -> Changes:
    whole = square(0).astype(np.float32) * levels
    return Changes(whole, halved(whole), -halved(whole))


def test_a_change_arrives_where_the_square_is_and_leaves_all_else_alone() -> None:
    start = anchor()
    walk = Walk(start)
    for number in range(1, FRAMES):
        frame = planes(luma(number))
        placed = place(start.weight, walk.step(frame.y))
        added = add_changes(frame, change(), placed)
        held = placed.inside(SIZE) > 0
        assert (held & square(number)).sum() / (held | square(number)).sum() > 0.8
        outside, of_chroma = placed.outside(SIZE)
        assert np.array_equal(added.y[outside > 0], frame.y[outside > 0])
        assert np.array_equal(added.u[of_chroma > 0], frame.u[of_chroma > 0])
        core = cv2.erode(square(number).astype(np.uint8), np.ones((7, 7))) > 0
        assert np.median((added.y.astype(int) - frame.y)[core]) == 30


def test_the_anchor_itself_takes_the_change_as_it_is() -> None:
    start = anchor()
    added = add_changes(planes(luma(0)), change(), place(start.weight, start.here()))
    assert np.array_equal(added.y.astype(int) - luma(0), change().y)
    assert np.array_equal(added.u.astype(int) - 128, np.rint(change().u))


@pytest.mark.parametrize("veil", [16, 235], ids=["to black", "to white"])
def test_a_change_fades_with_the_picture_and_does_not_tear(veil: int) -> None:
    start = anchor()
    walk = Walk(start)
    for number in range(1, FRAMES):
        light = 1 - number / FRAMES
        faded = np.rint(veil + light * (luma(number) - float(veil))).astype(np.uint8)
        carried = walk.step(faded)
        assert carried.gain == pytest.approx(light, abs=0.1)
        placed = place(start.weight, carried)
        held = placed.inside(SIZE) > 0
        if light > 0.2:
            assert (held & square(number)).sum() / (held | square(number)).sum() > 0.8
        # In one piece, but for single pixels.
        pieces = cv2.connectedComponentsWithStats(held.astype(np.uint8))[2][1:, cv2.CC_STAT_AREA]
        assert pieces.max() > 0.95 * pieces.sum()


def test_what_passes_before_the_square_is_left_alone() -> None:
    start = anchor()
    walk = Walk(start)
    bar = cv2.cvtColor(pattern(9, (SIZE[0], 10), cell=4), cv2.COLOR_RGB2GRAY)
    frame = luma(4)
    left = corner(4)[1] + SIDE // 2 - 5
    frame[:, left : left + 10] = bar
    for number in range(1, 4):
        walk.step(luma(number))
    placed = place(start.weight, walk.step(frame))
    held = placed.inside(SIZE) > 0
    covered = square(4).copy()
    covered[:, :left] = covered[:, left + 10 :] = False
    assert held[covered].mean() < 0.35
    assert held[square(4) & ~covered].mean() > 0.6
    assert 0.15 < placed.hidden / placed.area < 0.6


def test_a_large_frame_is_followed_on_fewer_pixels_and_an_odd_corner_is_reached() -> None:
    size = (1090, 606)
    picture = cv2.cvtColor(pattern(0, size, cell=40), cv2.COLOR_RGB2GRAY)
    weight = np.zeros(size, np.float32)
    weight[-300:, -300:] = 1
    start = Anchor(picture, weight)
    assert start.scale > 1
    carried = Walk(start).step(np.roll(picture, -6, axis=1))
    placed = place(weight, carried)
    moved = placed.inside(size) > 0
    assert moved[-1, -30]
    assert abs(int(moved[-100].argmax()) - (size[1] - 306)) <= 2


def test_a_region_that_leaves_the_frame_is_no_error() -> None:
    start = anchor()
    walk = Walk(start)
    for number in range(1, 70, 3):
        frame = np.roll(luma(0), number, axis=1)
        placed = place(start.weight, walk.step(frame))
        assert placed.area >= placed.hidden >= 0
