from pathlib import Path

import pandas as pd
import pytest

from pipeline.ground.tables import read_table, write_rows, write_table

# Arrow reads a table in parts of a megabyte.
_ROWS = 40_000


@pytest.mark.parametrize(
    "quoted", [slice(None), slice(_ROWS // 2, None)], ids=["everywhere", "late"]
)
def test_a_text_with_line_ends_may_lie_anywhere(tmp_path: Path, quoted: slice) -> None:
    table = pd.DataFrame({"video_id": [f"70{n:017}" for n in range(_ROWS)], "keyword": "sneaker"})
    table["scene_number"] = range(_ROWS)
    table.iloc[quoted, 1] = 'red\n"running"\n\nshoes\n' * 2
    write_table(tmp_path / "scenes.csv", table)
    read = read_table(tmp_path / "scenes.csv", {"scene_number": "int64"})
    pd.testing.assert_frame_equal(read, table)


@pytest.mark.parametrize("mark", ["@", "it's "], ids=["all", "none"])
def test_many_texts_come_back_as_they_were(tmp_path: Path, mark: str) -> None:
    texts = [f"{mark}{number}" for number in range(_ROWS)]
    table = pd.DataFrame({"text": texts, "blank": None, "mixed": [3, None] * (_ROWS // 2)})
    table["mixed"] = table["mixed"].astype("object")
    write_table(tmp_path / "texts.csv", table)
    read = read_table(tmp_path / "texts.csv", {"mixed": "float64"})
    assert read["text"].tolist() == texts
    assert read["blank"].isna().all()
    assert read["mixed"].sum() == 3 * _ROWS // 2


def test_a_carriage_return_is_quoted_whoever_writes(tmp_path: Path) -> None:
    table = pd.DataFrame({"keyword": ["red\rshoes", "plain", None], "x": [0.1, 2.0, None]})
    write_table(tmp_path / "table.csv", table)
    write_rows(tmp_path / "rows.csv", table, table.to_numpy().tolist())
    written = b'keyword,x\n"red\rshoes",0.1\nplain,2\n,\n'
    assert (tmp_path / "table.csv").read_bytes() == written
    assert (tmp_path / "rows.csv").read_bytes() == written
    pd.testing.assert_frame_equal(read_table(tmp_path / "table.csv", {"x": "float64"}), table)
