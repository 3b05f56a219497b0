"""Our own CSV tables: UTF-8, Unix line ends, ids as text, written whole or not at all."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.ground.files import replacing

if TYPE_CHECKING:
    import pandas as pd


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV; floats keep 9 digits, which is exact for float32."""
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", float_format="%.9g")


def write_rows(
    path: Path, header: Iterable[str], rows: Iterable[Iterable[Any]], floats: str = "%.9g"
) -> None:
    """Write rows of plain values as CSV; None and NaN are blank.

    Args:
        path: of the table.
        header: names of the columns.
        rows: with a value for each.
        floats: how they are written.
    """
    with (
        replacing(path) as temporary,
        # The name of a file may be anything, even no text.
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for row in rows:
            # NaN alone is unlike itself.
            shown = ("" if value is None or value != value else value for value in row)
            writer.writerow([floats % one if isinstance(one, float) else one for one in shown])


def read_table(
    path: Path, dtypes: Mapping[str, str], columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Read a table with explicit dtypes; columns without one stay text, blanks are missing.

    Arrow reads a large table in half the time that pandas takes, and "NA" is a text like any other.

    Args:
        path: of the table.
        dtypes: of the columns that are not text.
        columns: to read, as far as the table has them; all by default.

    Raises:
        ValueError: it is no table, or its header is blank or names a column twice.
    """
    from pyarrow import csv as arrow_csv
    from pyarrow import large_string, type_for_alias

    header = _header(path)
    convert = arrow_csv.ConvertOptions(
        column_types={
            # Pandas keeps text as large strings too, and need not convert it.
            name: type_for_alias(dtypes[name]) if name in dtypes else large_string()
            for name in header
        },
        include_columns=[name for name in header if columns is None or name in columns],
        null_values=[""],
        strings_can_be_null=True,
    )
    try:
        with _Unquoted(path) as file:
            table = arrow_csv.read_csv(file, convert_options=convert)
    except _QuoteFound:
        # Only quotes can hold a line end; without them Arrow reads in parallel.
        quoted = arrow_csv.ParseOptions(newlines_in_values=True)
        table = arrow_csv.read_csv(path, parse_options=quoted, convert_options=convert)
    return table.to_pandas()


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            header = next(csv.reader(file), [])
        except csv.Error as error:
            raise ValueError(str(error)) from error
    if not header:
        raise ValueError("its first line, the header, is blank")
    if twice := {name for name in header if header.count(name) > 1}:
        raise ValueError(f"the column {min(twice)!r} is there twice")
    return header


class _QuoteFound(Exception):
    """A file holds a quote."""


class _Unquoted(FileIO):
    """A file that is searched for quotes as it is read."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read a part.

        Raises:
            _QuoteFound: there is one in it.
        """
        part = super().read(size)
        if b'"' in part:
            raise _QuoteFound
        return part
