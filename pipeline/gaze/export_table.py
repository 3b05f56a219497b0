"""A table as an exporter wrote it: any encoding, delimiter and decimal sign, remarks before it."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipeline.ground.encodings import UTF_8, unicode_of
from pipeline.ground.errors import InputError, first_line
from pipeline.ground.files import is_special

if TYPE_CHECKING:
    import pandas as pd

DELIMITERS = {"\t": "tabs", ";": "semicolons", ",": "commas", "|": "bars"}
_MISSING = ["", ".", "-", "NaN", "nan", "NA", "N/A", "None", "null", "NULL", "#N/A"]
_SAMPLE_BYTES = 1 << 16
# Where every number has this form, its sign may part thousands as well.
_THOUSANDS = r"-?[1-9]\d{{0,2}}(?:{0}\d{{3}})+"


class Form(NamedTuple):
    """How a table is written."""

    path: Path
    encoding: str
    delimiter: str
    decimal: str
    """What stands before the decimals."""
    skipped: int
    """Lines before the header."""
    header: list[str]

    @property
    def said(self) -> str:
        """The form in words."""
        sign = "point" if self.decimal == "." else "comma"
        return f"{self.encoding}, {DELIMITERS.get(self.delimiter, self.delimiter)}, decimal {sign}"


def recognise_form(
    path: Path, encoding: str = "", decimal: str = "", least_columns: int = 3
) -> Form:
    """Return how a table is written, as far as its beginning tells.

    Args:
        path: of the table.
        encoding: a codec's name, if known.
        decimal: "point" or "comma", if known.
        least_columns: that a row has; rows with fewer are remarks.

    Raises:
        InputError: it is no table, or it can be read in two ways; the text names the option.
    """
    if is_special(path) or not path.is_file():
        raise InputError(
            f"{path} is no file. Name an eye tracker's export."
            if path.exists()
            else f"there is no {path}. Name an eye tracker's export."
        )
    with path.open("rb") as file:
        content = file.read(_SAMPLE_BYTES)
    encoding = encoding or unicode_of(content)
    text = _decoded(path, content, encoding)
    if "\0" in text:
        raise InputError(f"{path} is no text: it holds NUL characters. Export it as CSV or TSV.")
    lines = text.splitlines()
    if len(content) == _SAMPLE_BYTES:
        lines = lines[:-1]
    skipped, delimiter, rows = _rows(path, lines, least_columns)
    return Form(path, encoding, delimiter, _decimal(path, rows[1:], decimal), skipped, rows[0])


def _decoded(path: Path, content: bytes, encoding: str) -> str:
    import codecs

    try:
        return codecs.getincrementaldecoder(encoding)().decode(content)
    except LookupError as error:
        raise InputError(f"--encoding {encoding}: Python knows no such encoding.") from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not {encoding.removesuffix('-sig').upper()}: {error.reason} at byte "
            f"{error.start}. Name its encoding: --encoding cp1252, gb18030, shift_jis …"
        ) from error


def _rows(path: Path, lines: list[str], least_columns: int) -> tuple[int, str, list[list[str]]]:
    """Return how many lines precede the header, the delimiter, and the rows from there on."""
    best: tuple[int, str, list[list[str]]] | None = None
    found = []
    for delimiter in DELIMITERS:
        table = list(csv.reader(lines, delimiter=delimiter))
        rows = [
            (number, row)
            for number, row in enumerate(table)
            if len(row) >= least_columns and not row[0].startswith("#")
        ]
        if not rows:
            continue
        width, _ = Counter(len(row) for _, row in rows[1:] or rows).most_common(1)[0]
        start = next(
            i for i, (_, row) in enumerate(rows) if len(row) == width or i == len(rows) - 1
        )
        number, header = rows[start]
        if len(header) != width or any(_is_number(cell) for cell in header):
            first = len(rows[0][1])
            found.append(f"{first} headers over {width} cells by {DELIMITERS[delimiter]}")
        elif best is None or width > len(best[2][0]):
            best = number, delimiter, [row for _, row in rows[start:] if len(row) == width]
    if best is None:
        raise InputError(
            f"{path} is no table with a header and at least {least_columns} columns"
            + (f" ({'; '.join(found)}). Are decimal commas among commas?" if found else ".")
            + " Export it with tabs or semicolons, a header in its first line."
        )
    number, delimiter, cells = best
    header = [" ".join(cell.split()) for cell in cells[0]]
    if twice := [name for name, count in Counter(filter(None, header)).items() if count > 1]:
        raise InputError(f"{path}: the column {twice[0]!r} is there twice. Rename one.")
    # Of quoted cells a line end may be part.
    if any("\n" in cell for row in cells for cell in row):
        number = next(i for i, line in enumerate(lines) if cells[0][0] in line)
    return number, delimiter, [header, *cells[1:]]


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"\s*-?\d+(?:[.,]\d+)?\s*", cell) is not None


def _decimal(path: Path, rows: list[list[str]], told: str) -> str:
    if told:
        return {"point": ".", "comma": ","}[told]
    cells = [cell.strip() for row in rows for cell in row]
    signs = []
    for sign in ".,":
        pattern = re.compile(rf"-?\d[\d{sign}]*{re.escape(sign)}\d+")
        signs.append((sign, [cell for cell in cells if pattern.fullmatch(cell)]))
    for sign, numbers in signs:
        form = _THOUSANDS.format(re.escape(sign))
        if len(numbers) > 1 and all(re.fullmatch(form, cell) for cell in numbers):
            raise InputError(
                f"{path}: numbers such as {numbers[0]} have three digits after the {sign!r} "
                "throughout: thousands, or decimals? Say which sign is before the decimals: "
                "--decimal point or --decimal comma; thousands must go."
            )
    points, commas = (numbers for _, numbers in signs)
    if points and commas:
        raise InputError(
            f"{path}: numbers with decimal points ({points[0]}) and commas ({commas[0]}) are in "
            "one file. Say which sign is before the decimals: --decimal point or --decimal comma."
        )
    return "," if commas else "."


def read_columns(form: Form, numbers: set[str], texts: set[str]) -> pd.DataFrame:
    """Read these columns: numbers as float64 with NaN where missing, texts as categories.

    Raises:
        InputError: a cell is no number, or rows are of another length.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    types = {name: pa.float64() for name in numbers}
    types |= {name: pa.dictionary(pa.int32(), pa.string()) for name in texts}
    quoted = b'"' in form.path.read_bytes()[: 1 << 24]
    try:
        table = arrow_csv.read_csv(
            form.path,
            arrow_csv.ReadOptions(
                encoding="utf8" if form.encoding == UTF_8 else form.encoding,
                skip_rows=form.skipped + 1,
                column_names=form.header,
                block_size=1 << 23,
            ),
            arrow_csv.ParseOptions(delimiter=form.delimiter, newlines_in_values=quoted),
            arrow_csv.ConvertOptions(
                column_types=types,
                include_columns=sorted(types),
                null_values=_MISSING,
                decimal_point=form.decimal,
            ),
        )
    except (pa.ArrowInvalid, UnicodeError) as error:
        column = re.search(r"column #(\d+)", str(error))
        name = f"column {form.header[int(column[1])]!r}: " if column else ""
        raise InputError(
            f"{form.path}: {name}{first_line(error)}. Correct the cell, leave it blank, or say how "
            "numbers are written: --decimal point or --decimal comma."
        ) from error
    columns = table.to_pandas()
    for name in texts:
        # "NA" is a name like any other; nothing is none.
        blank = [one for one in columns[name].cat.categories if not one.strip()]
        columns[name] = columns[name].cat.remove_categories(blank)
    return columns
