"""The variants' tables, `schemas.variant_scenes`: writing and reading them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.ground.damage import reading
from pipeline.ground.tables import read_table, write_rows
from schemas.variant_scenes import VARIANT_COLUMNS, VARIANT_SCENES_TABLE, Planned

if TYPE_CHECKING:
    import pandas as pd


class SourceRows:
    """The rows of one video as text, turned into it once for all variants."""

    def __init__(self, table: pd.DataFrame) -> None:
        # With such line ends a carriage return within a text is quoted.
        text = table.to_csv(index=False, lineterminator="\r\n", float_format="%.9g")
        self.header, *self.rows = csv.reader(StringIO(text, newline=""))

    def write_variant(
        self, path: Path, variant: str, maps: Sequence[str], measured: Sequence[Planned]
    ) -> None:
        """Write `{variant}_scenes.csv`; `maps` are as it is to show them, undefined is blank."""
        rows = []
        for source, map_path, one in zip(self.rows, maps, measured, strict=True):
            ours = {"modified_attention_heatmap_path": map_path, "variant": variant}
            ours |= one._asdict()
            rows.append([*source, *(ours[name] for name in VARIANT_COLUMNS)])
        write_rows(path, [*self.header, *VARIANT_COLUMNS], rows)


def read_variant_table(path: Path) -> pd.DataFrame:
    """Read what `SourceRows.write_variant` wrote.

    Raises:
        InputError: it is damaged.
    """
    with reading(path, "variant"):
        table = read_table(path, VARIANT_SCENES_TABLE.dtypes)
        # The scene table of a user of the library may lack others.
        if missing := set(VARIANT_COLUMNS) - set(table):
            raise KeyError(min(missing))
        return table
