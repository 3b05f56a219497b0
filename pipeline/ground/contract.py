"""Tables from outside, read and held against their schema, with all failures in one text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

_RULES = {
    "not_nullable": "must not be blank",
    "multiple_fields_uniqueness": "each scene must have one row",
}


class ContractBroken(Exception):
    """A table breaks its schema, or is no table; the text says where."""


def read_checked(path: Path, dtypes: Mapping[str, str], schema: pa.DataFrameSchema) -> pd.DataFrame:
    """Read a CSV file (with or without BOM, any line ends) and validate it lazily.

    Args:
        path: the file; headers are stripped.
        dtypes: dtypes of columns that must not be guessed, ids above all.
        schema: what the table must be; it converts the other columns.

    Raises:
        ContractBroken: no CSV, not UTF-8, or the schema's rules are broken.
    """
    try:
        table = pd.read_csv(
            path,
            encoding="utf-8-sig",
            dtype=dict(dtypes),
            skipinitialspace=True,
            # A viewer or a video may be called NA.
            keep_default_na=False,
            na_values=[""],
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ContractBroken(f"not a readable UTF-8 CSV file: {error}") from error
    if not isinstance(table.index, pd.RangeIndex):
        # pandas would take the first cells for names of the rows, and shift all others.
        raise ContractBroken("the rows have more cells than the header: is a column not named?")
    table.columns = table.columns.str.strip()
    return check_table(table, schema)


def check_table(table: pd.DataFrame, schema: pa.DataFrameSchema) -> pd.DataFrame:
    """Validate a table lazily.

    Raises:
        ContractBroken: the schema's rules are broken; the text names every rule.
    """
    try:
        return schema.validate(table, lazy=True)
    except SchemaErrors as error:
        raise ContractBroken(_summary(error.failure_cases)) from error


def _summary(failures: pd.DataFrame) -> str:
    """Say what is wrong per column and rule, with the first line that it is wrong in."""
    # A column that is not of its type fails further checks with errors of Python's.
    echoes = failures["check"].str.startswith("dtype(")
    echoes |= failures["failure_case"].astype(str).str.startswith("TypeError(")
    # A rule for whole rows is listed once per column.
    echoes |= failures.duplicated(["check", "index"]) & (
        failures["schema_context"] == "DataFrameSchema"
    )
    texts = []
    for _, cases in failures[~echoes].groupby(["schema_context", "column", "check"], sort=False):
        first = cases.iloc[0]
        context, column, check = first[["schema_context", "column", "check"]]
        if check == "column_in_dataframe":
            texts.append(f"there is no column {first['failure_case']!r}")
            continue
        rule = "must be a number" if check.startswith("coerce_dtype") else _RULES.get(check, check)
        text = rule if context == "DataFrameSchema" else f"{column}: {rule}"
        if context == "Column" and check != "not_nullable":
            text += f", found {first['failure_case']}"
        if pd.notna(first["index"]):
            text += f" in line {int(first['index']) + 2}"
        texts.append(text + (f" and {len(cases) - 1} more lines" if len(cases) > 1 else ""))
    return "; ".join(texts)
