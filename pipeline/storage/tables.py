"""Our own CSV tables: UTF-8, Unix line ends, ids as text, written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.storage.files import replacing
from schemas.rejected_scenes import COLUMNS, Reason, Rejection

if TYPE_CHECKING:
    import pandas as pd


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV; floats keep 9 digits, which is exact for float32."""
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", float_format="%.9g")


def read_table(path: Path, dtypes: Mapping[str, str]) -> pd.DataFrame:
    """Read a table with explicit dtypes; columns without one stay text, blanks are missing."""
    import pandas as pd

    header = pd.read_csv(path, nrows=0).columns
    return pd.read_csv(path, dtype={name: dtypes.get(name, "str") for name in header})


def write_rejections(path: Path, rejections: Iterable[Rejection]) -> None:
    """Write refusals in the columns of `rejected_scenes.csv`, sorted by scene."""
    import pandas as pd

    rows = sorted(
        (r.video_id, -1 if r.scene_number is None else r.scene_number, r.reason, r.file, r.found)
        for r in rejections
    )
    table = pd.DataFrame(
        [
            Rejection(video_id, None if number < 0 else number, file, Reason(reason), found)
            for video_id, number, reason, file, found in rows
        ],
        columns=list(Rejection._fields),
    )
    table["scene_number"] = table["scene_number"].astype("Int64")
    table["remedy"] = [Rejection(*row).remedy for row in table.itertuples(index=False)]
    write_table(path, table[list(COLUMNS)])


def read_rejections(path: Path) -> list[Rejection]:
    """Read what `write_rejections` wrote."""
    import pandas as pd

    table = read_table(path, {"scene_number": "Int64"})
    return [
        Rejection(
            row.video_id,
            None if pd.isna(row.scene_number) else int(row.scene_number),
            "" if pd.isna(row.file) else row.file,
            Reason(row.reason),
            "" if pd.isna(row.found) else row.found,
        )
        for row in table.itertuples(index=False)
    ]
