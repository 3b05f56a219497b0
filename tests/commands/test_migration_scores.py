"""V2's scores against ours, on tables with known differences."""

from pathlib import Path

import pytest
from scene_trees import SCENES, write_scene_tree

from pipeline.commands.migration.scores import compare_scores, find_scores, read_scores
from pipeline.ground.errors import InputError

HEADER = " video id,Scene Number ,attention_proportion\n"


def test_differences_and_what_only_one_side_knows(tmp_path: Path) -> None:
    new = write_scene_tree(tmp_path, {"7000000000000000001": 4, "7000000000000000002": 1})
    rows = [
        f"7000000000000000001,{row.scene_number}.0,{row.attention_share - 0.125}\n"
        for row in new.itertuples()
        if row.video_id.endswith("1")
    ]
    old = tmp_path / "alignment_score.csv"
    old.write_text(HEADER + "".join(rows) + "7000000000000000009,1,0.5\n")
    comparison = compare_scores(old, tmp_path / SCENES)
    share = comparison.agreement["attention_share"]
    assert (len(comparison.table), comparison.only_old, comparison.only_new) == (4, 1, 1)
    assert share.mean_difference == pytest.approx(0.125, abs=1e-6)
    assert share.largest_difference == pytest.approx(0.125, abs=1e-6)
    assert (share.pearson, share.spearman) == (pytest.approx(1), pytest.approx(1))


def test_ids_that_lost_their_digits_are_counted_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(f"{HEADER}7.123456789012346e+18,1,0.5\n7123456789012345678,1,0.25\n")
    table, damaged = read_scores(path)
    assert damaged == 1
    assert table.to_dict("records") == [
        {"video_id": "7123456789012345678", "scene_number": 1, "attention_proportion": 0.25}
    ]


def test_a_scene_without_a_varying_score_has_no_correlation(tmp_path: Path) -> None:
    new = write_scene_tree(tmp_path, {"70001": 3})
    rows = "".join(f"70001,{number},0.5\n" for number in new["scene_number"])
    (tmp_path / "data/alignment_score.csv").write_text(HEADER + rows)
    found = find_scores(tmp_path)
    assert found is not None
    share = compare_scores(found, tmp_path / SCENES).agreement["attention_share"]
    assert share.mean_difference == pytest.approx(new["attention_share"].mean() - 0.5, abs=1e-6)
    assert share.pearson is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("video id,score\n1,2\n", "no column 'scene number'"),
        (f"{HEADER}70001,one,0.5\n", "must be numbers"),
        (f"{HEADER}70001,1,0.5\n70001,1,0.5\n", "scene 1 of video 70001 has two rows"),
        ("", "is no CSV"),
    ],
    ids=["column", "number", "twice", "empty"],
)
def test_what_cannot_be_read_is_named(text: str, found: str, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=found):
        read_scores(path)
