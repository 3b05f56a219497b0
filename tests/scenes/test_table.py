import json
import subprocess
import sys
from pathlib import Path

import pytest
from scene_trees import write_scene_tree

from pipeline.ground.code import closure
from pipeline.ground.errors import InputError
from pipeline.scenes.table import mask_paths, read_scenes

FIRST = "keyword_masks/7/7-Scene-001-01.png"
SECOND = "keyword_masks/7/7-Scene-001-01.k1.png"
THIRD = "keyword_masks/7/7-Scene-001-01.k2.png"
HEADER = (
    "video_id,scene_number,keyword,scene_image_path,keyword_mask_path,attention_heatmap_path,"
    "filename\n"
)


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ("first", (FIRST,)),
        ("union", (FIRST, THIRD)),
        (0, (FIRST,)),
        (2, (THIRD,)),
        (1, ()),
    ],
)
def test_masks_are_chosen_by_the_number_of_their_keyword(keywords, expected) -> None:
    row = {"keyword_mask_path": FIRST, "extra_mask_paths": json.dumps([THIRD])}
    assert mask_paths(row, keywords) == expected


def test_who_reads_the_scene_table_needs_neither_pandera_nor_the_renderer_of_variants() -> None:
    assert "pipeline/heatmaps/rendering.py" not in closure("pipeline.scenes.table")
    look = "import sys, pipeline.scenes.table; sys.exit('pandera' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look]).returncode == 0


def test_a_table_with_the_first_seven_columns_will_do(tmp_path: Path) -> None:
    table = write_scene_tree(tmp_path, {"20": 1, "7": 2}).iloc[:, :7]
    table.sample(frac=1, random_state=1).to_csv(tmp_path / "seven.csv", index=False)
    read = read_scenes(tmp_path / "seven.csv", complete=False)
    assert list(zip(read["video_id"], read["scene_number"], strict=True)) == [
        ("20", 1),
        ("7", 1),
        ("7", 2),
    ]
    assert mask_paths(read.iloc[1], "union") == (FIRST,)


def test_scenes_sort_by_number_not_by_text(tmp_path: Path) -> None:
    write_scene_tree(tmp_path, {"7": 11})
    numbers = read_scenes(tmp_path / "data/valid_scenes.csv")["scene_number"]
    assert list(numbers) == list(range(1, 12))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, "there is no such scene table"),
        ("video_id,scene_number\n7,1\n", "column 'keyword' is missing"),
        ("", "no scene table: its first line, the header, is blank"),
        (f"\n{HEADER}7,1,a,b,c,d,e.jpg\n", "no scene table: its first line, the header, is blank"),
        (f"keyword,{HEADER}cup,7,1,a,b,c,d,e.jpg\n", "the column 'keyword' is there twice"),
        (f"{HEADER}7,1\n", "no scene table: .*Expected 7 columns, got 2"),
        (f"{HEADER}7,one,a,b,c,d,e.jpg\n", "no scene table: .*'one'"),
        (f"{HEADER}7,1,\ud800,b,c,d,e.jpg\n", "no scene table"),
        (f"{HEADER}7,1,a,b,c,d,e.jpg\n,2,a,b,c,d,e.jpg\n", "video_id is blank in line 3"),
        (f"{HEADER}../7,1,a,b,c,d,e.jpg\n", "'../7' is not allowed"),
    ],
)
def test_a_table_that_cannot_be_used_is_named(tmp_path: Path, text, found) -> None:
    path = tmp_path / "scenes.csv"
    if text is not None:
        path.write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(InputError, match=found):
        read_scenes(path, complete=False)


def test_the_stages_want_all_columns_that_validate_writes(tmp_path: Path) -> None:
    path = tmp_path / "data/valid_scenes.csv"
    table = write_scene_tree(tmp_path, {"7": 2})
    assert len(read_scenes(path)) == 2
    table.drop(columns="digest").to_csv(path, index=False)
    with pytest.raises(InputError, match=r"'digest' is missing.*gazeshift validate"):
        read_scenes(path)
