"""Outlines: where they are at a time, and which pixels they enclose."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.stages.keyword_masks.outlines import (
    AnnotationUnreadable,
    draw_outlines,
    outlines_at,
    read_annotation,
)
from schemas.annotations import Annotation

SQUARE = [(10, 10), (20, 10), (20, 20), (10, 20)]


def annotation(*tracks: tuple[int, dict[float, list]]) -> Annotation:
    """Outlines of a 60x80 frame from {time: polygons} per track."""
    return Annotation.model_validate(
        {
            "video_id": "v",
            "frame_width": 60,
            "frame_height": 80,
            "tracks": [
                {
                    "keyword_index": index,
                    "keyframes": [{"time_s": t, "polygons": p} for t, p in keyframes.items()],
                }
                for index, keyframes in tracks
            ],
        }
    )


def test_a_square_holds_exactly_its_pixels() -> None:
    mask = draw_outlines([np.array(SQUARE, float)], (80, 60))
    assert mask.sum() == 100
    assert mask[10:20, 10:20].all()


def test_a_pixel_belongs_when_its_centre_does() -> None:
    shifted = np.array(SQUARE) + 0.49
    assert np.array_equal(*(draw_outlines([p], (80, 60)) for p in (np.array(SQUARE), shifted)))
    assert draw_outlines([np.array(SQUARE) + 0.51], (80, 60))[11:21, 11:21].sum() == 100


def test_the_area_is_the_polygons_area() -> None:
    angles = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    circle = 100 + 60.3 * np.c_[np.cos(angles), np.sin(angles)]
    assert draw_outlines([circle], (200, 200)).sum() == pytest.approx(np.pi * 60.3**2, rel=0.003)


def test_parts_add_up_where_they_overlap() -> None:
    parts = [np.array(SQUARE, float), np.array(SQUARE, float) + 5]
    assert draw_outlines(parts, (80, 60)).sum() == 100 + 100 - 25


def test_what_lies_outside_the_frame_is_left_out() -> None:
    huge = np.array([(-1e5, -1e5), (1e5, -1e5), (1e5, 1e5), (-1e5, 1e5)])
    assert draw_outlines([huge], (8, 6)).all()
    assert not draw_outlines([np.array(SQUARE) + 100.0], (80, 60)).any()
    assert draw_outlines([np.array(SQUARE) - 15.0], (80, 60)).sum() == 25


def test_a_track_moves_linearly_between_its_keyframes() -> None:
    moved = np.add(SQUARE, (8, 0)).tolist()
    track = annotation((0, {1.0: [SQUARE], 2.0: [moved]}))
    (polygon,) = outlines_at(track, 1.25)[0]
    assert polygon == pytest.approx(np.add(SQUARE, (2, 0)))


def area(polygon: np.ndarray) -> float:
    x, y = np.transpose(polygon)
    return abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))) / 2


@pytest.mark.parametrize(
    "redrawn",
    [
        lambda square: np.insert(square, 1, (square[0] + square[1]) / 2, axis=0),
        lambda square: np.insert(square, 3, (square[2] + 2 * square[3]) / 3, axis=0),
        lambda square: np.roll(np.insert(square, 1, (square[0] + square[1]) / 2, axis=0), 2, 0),
        lambda square: np.insert(square, 1, (square[0] + square[1]) / 2, axis=0)[::-1],
    ],
    ids=["one more vertex", "elsewhere", "begun elsewhere", "the other way round"],
)
def test_outlines_of_other_vertices_move_as_well(redrawn) -> None:
    """The same square, 8 further right, drawn with five vertices: halfway it is 4 further right."""
    square = np.array(SQUARE, float)
    there = redrawn(np.add(square, (8, 0))).tolist()
    for first, last in ((SQUARE, there), (there, SQUARE)):
        (halfway,) = outlines_at(annotation((0, {1.0: [first], 2.0: [last]})), 1.5)[0]
        size = (80, 60)
        assert area(halfway) == pytest.approx(area(square))
        wanted = draw_outlines([np.add(square, (4, 0))], size)
        assert (draw_outlines([halfway], size) == wanted).all()


def test_a_corner_that_goes_shrinks_the_outline_bit_by_bit() -> None:
    track = annotation((0, {1.0: [SQUARE], 2.0: [SQUARE[:3]]}))
    areas = [area(outlines_at(track, time_s)[0][0]) for time_s in (1, 1.25, 1.5, 1.75, 2)]
    assert areas[0] == pytest.approx(2 * areas[-1])
    assert areas == sorted(areas, reverse=True)
    assert len(set(areas)) == 5


def test_the_earlier_keyframe_holds_where_polygons_do_not_correspond() -> None:
    track = annotation((0, {2.0: [SQUARE[:3]], 3.0: [SQUARE[:3], SQUARE]}))
    assert [len(p) for p in outlines_at(track, 2.9)[0]] == [3]
    assert [len(p) for p in outlines_at(track, 3.0)[0]] == [3, 4]


@pytest.mark.parametrize(("time_s", "there"), [(0.9, 0), (1, 1), (1.5, 1), (2.0004, 1), (2.1, 0)])
def test_a_track_exists_from_its_first_to_its_last_keyframe(time_s: float, there: int) -> None:
    assert len(outlines_at(annotation((0, {1.0: [SQUARE], 2.0: [SQUARE]})), time_s)) == there


def test_tracks_of_one_keyword_add_up_and_keywords_stay_apart() -> None:
    at_zero = {0.0: [SQUARE]}
    outlines = outlines_at(annotation((0, at_zero), (2, at_zero), (0, at_zero)), 0)
    assert {index: len(polygons) for index, polygons in outlines.items()} == {0: 2, 2: 1}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"video_id": "other"}, "its video_id is 'other'"),
        ({"frame_width": 10**400}, "frame_width: "),
        ({"frame_width": 0}, "frame_width: Input should be greater than 0"),
        ({"tracks": None}, "tracks: Input should be a valid array"),
        ({"tracks": [{"keyword_index": 0, "keyframes": []}]}, r"s\.0\.keyframes: .*at least 1"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, change: dict, found: str) -> None:
    whole = {"video_id": "v", "frame_width": 60, "frame_height": 80, "tracks": []}
    path = tmp_path / "v.json"
    path.write_text(json.dumps(whole | change))
    with pytest.raises(AnnotationUnreadable, match=found):
        read_annotation(path, "v")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{\x00", b"[1, 2]"])
def test_what_is_no_json_object_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "v.json"
    path.write_bytes(content)
    with pytest.raises(AnnotationUnreadable, match=r"Invalid JSON|not UTF-8|should be an object"):
        read_annotation(path, "v")
