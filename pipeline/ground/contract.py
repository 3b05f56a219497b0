"""Tables from outside, read and held against their schema, with all failures in one text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from schemas.columns import Table

if TYPE_CHECKING:
    import pandas as pd

_RULES = {
    "not_nullable": "must not be blank",
    "multiple_fields_uniqueness": "each scene must have one row",
}


class ContractBroken(Exception):
    """A table breaks its contract, or is no table; the text says where."""


def read_checked(path: Path, contract: Table) -> pd.DataFrame:
    """Read and check a CSV file (with or without BOM, any line ends).

    Raises:
        ContractBroken: no CSV, not UTF-8, or the contract is broken; the text names every rule.
    """
    from pandas.errors import EmptyDataError, ParserError
    from pandera.errors import SchemaErrors

    try:
        return contract.read(path)
    except (ParserError, EmptyDataError, UnicodeDecodeError) as error:
        raise ContractBroken(f"not a readable UTF-8 CSV file: {error}") from error
    except SchemaErrors as error:
        raise ContractBroken(_summary(error.failure_cases)) from error


def _summary(failures: pd.DataFrame) -> str:
    """Say what is wrong per column and rule, with the first line that it is wrong in."""
    import pandas as pd

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
