"""scenes.csv: read back as written, and held against its contract."""

from pathlib import Path

import pytest

from pipeline.ground.errors import InputError
from pipeline.ground.files import write_text
from pipeline.scenes.cuts import CutScene, read_cuts, scenes_by_video, write_cuts

HEADER = "video_id,scene_number,start_s,end_s,image_time_s,width,height\n"
LONG_ID = "7123456789012345678"
SCENES = [
    CutScene(LONG_ID, 2, 1 / 3, 2 / 3, 0.5, 270, 480),
    CutScene(LONG_ID, 1000, 5.0, 6.0, None, 270, 480),
    CutScene("a", 1, None, None, None, 1, 1),
]


def test_scenes_read_back_sorted_as_numbers(tmp_path: Path) -> None:
    write_cuts(tmp_path / "scenes.csv", reversed(SCENES))
    scenes = read_cuts(tmp_path / "scenes.csv")
    assert scenes[1:] == SCENES[1:]
    assert scenes[0]._replace(start_s=None, end_s=None) == SCENES[0]._replace(
        start_s=None, end_s=None
    )
    assert scenes[0].start_s == pytest.approx(1 / 3, abs=1e-6)
    assert list(scenes_by_video(scenes)) == [LONG_ID, "a"]


def test_a_table_without_scenes_reads_back(tmp_path: Path) -> None:
    write_cuts(tmp_path / "scenes.csv", [])
    assert read_cuts(tmp_path / "scenes.csv") == []


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ("v,1,2,1,,9,9\n", r": start_s < end_s .* in line 2\. Correct"),
        ("v,1,0,1,1.5,9,9\n", "image_time_s between"),
        ("v,-1,0,1,,9,9\n", "scene_number: must be 0 or more"),
        ("v,1,0,1,,9,9\nv,1,1,2,,9,9\n", "each scene must have one row in line 2 and 1 more lines"),
        ("v,1,-1,1,,9,9\n", "start_s: must be seconds of the video, 0 or more, found -1.0 in line"),
        ("v,x,0,1,,9,9\n", "scene_number: must be a number, found x in line 2"),
        (",1,0,1,,9,9\n", "video_id: must not be blank in line 2"),
        ("v,1,0,1,,0,9\n", "width: must be a number of pixels"),
    ],
    ids=["order", "image", "number", "twice", "negative", "text", "no id", "no width"],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path: Path, rows: str, text: str) -> None:
    write_text(tmp_path / "scenes.csv", HEADER + rows)
    with pytest.raises(InputError, match=text):
        read_cuts(tmp_path / "scenes.csv")
