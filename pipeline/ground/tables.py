"""Our own CSV tables: UTF-8, Unix line ends, ids as text, written whole or not at all.

No spreadsheet runs what they hold: see `schemas.spreadsheets`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from pipeline.ground.files import replacing
from schemas.spreadsheets import change_texts, marked, unmarked

if TYPE_CHECKING:
    import pandas as pd


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV; floats keep 9 digits, which is exact for float32."""
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        lines = cast("TextIO", _UnixLines(file))
        change_texts(table, marked).to_csv(
            lines, index=False, lineterminator="\r\n", float_format="%.9g"
        )


def write_rows(
    path: Path, header: Iterable[str], rows: Iterable[Iterable[Any]], floats: str = "%.9g"
) -> None:
    """Write rows of plain values as CSV; None and NaN are blank."""
    with (
        replacing(path) as temporary,
        # The name of a file may be anything, even no text.
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        writer = csv.writer(_UnixLines(file))
        writer.writerow(header)
        for row in rows:
            writer.writerow([_cell(value, floats) for value in row])


class _UnixLines:
    """Ends rows as Unix does; told so itself, no writer would quote a carriage return."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: str) -> int:
        return self._file.write(row.removesuffix("\r\n") + "\n")


def _cell(value: Any, floats: str) -> Any:
    # NaN alone is unlike itself.
    if value is None or value != value:
        return ""
    if isinstance(value, float):
        return floats % value
    return marked(value) if isinstance(value, str) else value


def read_table(
    path: Path, dtypes: Mapping[str, str], columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Read these columns of a table as far as it has them; those without a dtype stay text.

    Blanks are missing, and "NA" is a text like any other. Arrow reads a large table in half the
    time that pandas takes.

    Raises:
        ValueError: it is no table, or its header is blank or names a column twice.
    """
    from pyarrow import csv as arrow_csv
    from pyarrow import large_string, type_for_alias

    header = _header(path)
    convert = arrow_csv.ConvertOptions(
        column_types={
            # Pandas keeps text as large strings too, and need not convert it.
            given: type_for_alias(dtypes[name]) if name in dtypes else large_string()
            for given, name in header.items()
        },
        include_columns=[
            given for given, name in header.items() if columns is None or name in columns
        ],
        null_values=[""],
        strings_can_be_null=True,
    )
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        # Only quotes can hold a line end; without them Arrow reads in parallel.
        parse = arrow_csv.ParseOptions(newlines_in_values=content.find(b'"') >= 0)
        has_marks = content.find(b"'") >= 0
    table = arrow_csv.read_csv(path, parse_options=parse, convert_options=convert).to_pandas()
    table.columns = table.columns.map(header)
    return change_texts(table, unmarked) if has_marks else table


def _header(path: Path) -> dict[str, str]:
    """Return the columns' names as they are given, each with its name without blanks around it."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            header = next(csv.reader(file), [])
        except csv.Error as error:
            raise ValueError(str(error)) from error
    if not header:
        raise ValueError("its first line, the header, is blank")
    names = [name.strip() for name in header]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"the column {min(twice)!r} is there twice")
    return dict(zip(header, names, strict=True))
