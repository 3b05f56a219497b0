from pathlib import Path

import pytest
from scene_trees import write_scene_tree

from pipeline.ground.errors import InputError
from pipeline.scenes.table import chosen_masks, read_scenes, read_validated_scenes, scenes_of

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
    assert chosen_masks(FIRST, [THIRD], keywords) == expected


def test_a_table_with_the_first_seven_columns_will_do(tmp_path: Path) -> None:
    table = write_scene_tree(tmp_path, {"20": 1, "7": 2}).iloc[:, :7]
    table.sample(frac=1, random_state=1).to_csv(tmp_path / "seven.csv", index=False)
    read = read_scenes(tmp_path / "seven.csv")
    assert list(zip(read["video_id"], read["scene_number"], strict=True)) == [
        ("20", 1),
        ("7", 1),
        ("7", 2),
    ]
    scene = scenes_of(read.iloc[1:2], tmp_path, "union")[0]
    assert scene.masks == (tmp_path / FIRST,)


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
        read_scenes(path)


def test_the_stages_want_all_columns_that_validate_writes(tmp_path: Path) -> None:
    path = tmp_path / "data/valid_scenes.csv"
    table = write_scene_tree(tmp_path, {"7": 2})
    assert len(read_validated_scenes(path)) == 2
    table.drop(columns="digest").to_csv(path, index=False)
    with pytest.raises(InputError, match=r"'digest' is missing.*gazeshift validate"):
        read_validated_scenes(path)
