from pathlib import Path

import pandas as pd
import pytest

from pipeline.ground.tables import read_table, write_table

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
