"""Tables from outside, read and held against their schema, with all failures in one text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors


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
        table = pd.read_csv(path, encoding="utf-8-sig", dtype=dict(dtypes), skipinitialspace=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ContractBroken(f"not a readable UTF-8 CSV file: {error}") from error
    table.columns = table.columns.str.strip()
    try:
        return schema.validate(table, lazy=True)
    except SchemaErrors as error:
        raise ContractBroken(_summary(error.failure_cases)) from error


def _summary(failures: pd.DataFrame) -> str:
    """Say what is wrong per column and rule, with the first line that it is wrong in."""
    texts = []
    for (column, check), cases in failures.groupby(["column", "check"], sort=False, dropna=False):
        first = cases.iloc[0]
        if check == "column_in_dataframe":
            texts.append(f"there is no column {first.failure_case!r}")
        elif pd.isna(first["index"]):
            texts.append(f"{column}: {check}, found {first.failure_case}")
        else:
            more = f" and {len(cases) - 1} more lines" if len(cases) > 1 else ""
            line = int(first["index"]) + 2
            texts.append(f"{column}: {check}, found {first.failure_case} in line {line}{more}")
    return "; ".join(texts)
