"""Each table's contract: a good table passes, an empty one too, a bad one is told what is wrong."""

import json
from io import StringIO
from pathlib import Path

import pandas as pd
import pandera.errors
import pydantic
import pytest

from schemas.annotations import Annotation
from schemas.columns import Table
from schemas.fixations import FIXATIONS_TABLE
from schemas.rejected_scenes import REMEDIES, Reason
from schemas.valid_scenes import (
    COLUMNS,
    FIRST_COLUMNS,
    SCENE_TABLE,
    VALID_SCENES_TABLE,
    read_valid_scenes,
)

ID = "7123456789012345678"


def failures(contract: Table, table: pd.DataFrame) -> str:
    """All failures of a table, as text."""
    with pytest.raises(pandera.errors.SchemaErrors) as errors:
        contract.validate(table)
    return errors.value.failure_cases.to_string()


def fixations(rows: str) -> pd.DataFrame:
    header = "viewer,onset_s,duration_s,x_px,y_px\n"
    return pd.read_csv(StringIO(header + rows), dtype={"viewer": "str"})


def test_fixations_may_lie_outside_the_frame() -> None:
    table = FIXATIONS_TABLE.validate(fixations("01,0,0.25,12,40.5\n01,0.3,0.1,-5,9000\n"))
    assert table["viewer"].tolist() == ["01", "01"]
    assert table["x_px"].tolist() == [12.0, -5.0]


def test_a_fixation_file_without_fixations_is_fine() -> None:
    assert len(FIXATIONS_TABLE.validate(fixations(""))) == 0


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (",0,0.2,1,1", "viewer"),
        ("a,-1,0.2,1,1", "onset_s"),
        ("a,0,0,1,1", "duration_s"),
        ("a,0,0.2,inf,1", "x_px"),
        ("a,0,0.2,1,", "y_px"),
        ("a,soon,0.2,1,1", "onset_s"),
    ],
)
def test_a_bad_fixation_names_its_column(row: str, column: str) -> None:
    assert column in failures(FIXATIONS_TABLE, fixations(f"b,0,0.2,1,1\n{row}\n"))


SQUARE = [[0, 0], [10, 0], [10, 10]]


def outline(**changes: object) -> str:
    keyframes = [{"time_s": 0, "polygons": [SQUARE]}, {"time_s": 1.5, "polygons": [SQUARE]}]
    track = {"keyword_index": 0, "keyframes": keyframes, **changes}
    return json.dumps({"video_id": ID, "frame_width": 9, "frame_height": 16, "tracks": [track]})


def test_an_outline_may_have_no_tracks_or_one() -> None:
    annotation = Annotation.model_validate_json(outline())
    assert annotation.tracks[0].keyframes[1].time_s == 1.5
    empty = f'{{"video_id": "{ID}", "frame_width": 9, "frame_height": 16, "tracks": []}}'
    assert Annotation.model_validate_json(empty).tracks == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"keyword_index": -1}, "keyword_index"),
        ({"keyframes": []}, "keyframes"),
        ({"keyframes": [{"time_s": 0, "polygons": [SQUARE[:2]]}]}, "polygons"),
        ({"keyframes": [{"time_s": 0, "polygons": [[[0, 0], [1, 1], [1e9, 1]]]}]}, "polygons"),
        ({"keyframes": [{"time_s": 1, "polygons": [SQUARE]}] * 2}, "in order of time"),
    ],
    ids=["index", "no keyframes", "two vertices", "far away", "same time twice"],
)
def test_a_bad_outline_names_its_place(changes: dict[str, object], says: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=says):
        Annotation.model_validate_json(outline(**changes))


def test_every_reason_has_a_remedy() -> None:
    assert set(REMEDIES) == set(Reason)


def valid(**changes: object) -> dict[str, object]:
    """A row of `valid_scenes.csv`, as text."""
    number = changes.get("scene_number", 1)
    stem = f"{ID}-Scene-{number:03d}-01"
    row = {
        "video_id": ID,
        "scene_number": number,
        "keyword": "NA",
        "scene_image_path": f"data/video_scene_cuts/{ID}/{stem}.jpg",
        "keyword_mask_path": f"keyword_masks/{ID}/{stem}.png",
        "attention_heatmap_path": f"attention_heatmap/{ID}/{stem}.jpg",
        "filename": f"{stem}.jpg",
        "width": 720,
        "height": 1280,
        "mask_coverage": 0.1,
        "alignment_score": 0.05,
        "attention_share": 0.2,
        "split": "train",
        "heatmap_source": "recorded",
        "extra_keywords": "[]",
        "extra_mask_paths": "[]",
        "digest": "00ff",
    }
    return {**row, **changes}


def table_of(*rows: dict[str, object], columns: tuple[str, ...] = COLUMNS) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(columns))


def test_the_scene_table_keeps_ids_keywords_and_blank_shares(tmp_path: Path) -> None:
    rows = [valid(), valid(scene_number=1000, attention_share=None)]
    table_of(*rows).to_csv(tmp_path / "valid.csv", index=False)
    table = VALID_SCENES_TABLE.read(tmp_path / "valid.csv")
    assert table["video_id"].tolist() == [ID, ID]
    assert table["keyword"].tolist() == ["NA", "NA"]
    assert table["attention_share"].isna().tolist() == [False, True]


def test_an_empty_scene_table_is_fine(tmp_path: Path) -> None:
    table_of().to_csv(tmp_path / "valid.csv", index=False)
    assert len(VALID_SCENES_TABLE.read(tmp_path / "valid.csv")) == 0
    assert len(read_valid_scenes(tmp_path / "valid.csv")) == 0


def test_a_users_own_table_needs_the_first_columns_only_in_any_order(tmp_path: Path) -> None:
    table = table_of(valid(scene_number=10), valid(scene_number=9), columns=FIRST_COLUMNS)
    table["keyword_mask_path"] = "C:\\ads\\" + table["keyword_mask_path"].str.replace("/", "\\")
    table.to_csv(tmp_path / "own.csv", index=False, encoding="utf-8-sig")
    assert read_valid_scenes(tmp_path / "own.csv")["scene_number"].tolist() == [9, 10]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"keyword": " "}, "must not be blank"),
        ({"keyword_mask_path": "m/1-Scene-001-01.png"}, "keyword_mask_path must name the row's"),
        ({"filename": f"{ID}-Scene-002-02.jpg"}, "filename must be that of scene_image_path"),
        ({"mask_coverage": 1.0}, "must be in (0, 1)"),
        ({"alignment_score": 0.2}, "alignment_score cannot exceed mask_coverage"),
        ({"attention_share": 1.2}, "must be in [0, 1]"),
        ({"split": "dev"}, "must be one of train, val, test"),
        ({"split": "test"}, "a video must lie in one split"),
        ({"heatmap_source": "guess"}, "must be one of recorded, predicted, imported"),
        ({"extra_keywords": "chair"}, "must be a JSON array"),
        ({"extra_keywords": '["chair"]'}, "extra_mask_paths must match extra_keywords"),
        ({"scene_number": 1}, "video_id"),
    ],
)
def test_a_bad_scene_row_names_the_rule(changes: dict[str, object], rule: str) -> None:
    bad = {**valid(scene_number=2), **changes}
    assert rule in failures(SCENE_TABLE, table_of(valid(), bad))


def test_our_own_table_is_sorted_and_complete() -> None:
    unsorted = table_of(valid(scene_number=2), valid(scene_number=1))
    assert "rows must be sorted" in failures(VALID_SCENES_TABLE, unsorted)
    assert "digest" in failures(VALID_SCENES_TABLE, table_of(valid(), columns=COLUMNS[:-1]))
