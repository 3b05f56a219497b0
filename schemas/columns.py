"""What a table's columns are, said once; all that reads, writes, checks or explains it asks here.

Importing a contract is cheap: pandera, whose import takes 0.4 s, comes in when a table is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_args, get_type_hints

from schemas.spreadsheets import change_texts, unmarked

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

_DTYPES = {str: "str", int: "int64", float: "float64", bool: "bool"}


class Rule(NamedTuple):
    """What values must be."""

    error: str
    """Says so: "must be …"."""
    holds: Callable[[Any], Any]
    """Takes a column, or a whole table, and tells where it holds."""


class Column(NamedTuple):
    """One column."""

    meaning: str
    """What its values mean."""
    rule: Rule | None = None
    """What they must be, beyond their type."""
    dtype: str = "str"
    """Of pandas: "str", "int64", "float64", "bool", or "boolean" where blanks may be among them."""
    nullable: bool = False
    """Whether a cell may be blank."""
    required: bool = True
    """Whether the column must be there."""


def columns_of(record: type) -> dict[str, Column]:
    """Return the columns that rows of a record have: its fields `Annotated[type, Column(…)]`.

    The type gives the dtype, `None` in it allows blanks, and a `Literal` is a rule.
    """
    return {
        name: _of_type(column, hint.__origin__)
        for name, hint in get_type_hints(record, include_extras=True).items()
        for column in getattr(hint, "__metadata__", ())
    }


def _of_type(column: Column, kind: Any) -> Column:
    options = get_args(kind)
    if options and isinstance(options[0], str):
        error = f"must be one of {', '.join(options)}"
        return column._replace(rule=Rule(error, lambda text: text.isin(options)))
    if options:
        return column._replace(dtype=_DTYPES[options[0]], nullable=True)
    return column._replace(dtype=_DTYPES[kind])


@dataclass(frozen=True)
class Table:
    """A table's contract."""

    name: str
    """Of its file."""
    columns: Mapping[str, Column]
    """By name, in order."""
    rules: tuple[Rule, ...] = ()
    """Across columns and rows; each takes the whole table."""
    unique: tuple[str, ...] = ()
    """No two rows may share these."""
    ordered: bool = False
    """Whether the columns must be in order."""

    @property
    def dtypes(self) -> dict[str, str]:
        """Of the columns that are not text."""
        return {name: one.dtype for name, one in self.columns.items() if one.dtype != "str"}

    @cached_property
    def schema(self) -> pa.DataFrameSchema:
        """The contract as a schema of pandera's; it converts numbers, and text not."""
        import pandera.pandas as pa

        def check(rule: Rule) -> pa.Check:
            return pa.Check(rule.holds, error=rule.error)

        return pa.DataFrameSchema(
            {
                name: pa.Column(
                    one.dtype,
                    check(one.rule) if one.rule else None,
                    nullable=one.nullable,
                    required=one.required,
                    coerce=one.dtype != "str",
                    description=one.meaning,
                )
                for name, one in self.columns.items()
            },
            checks=[check(rule) for rule in self.rules],
            unique=list(self.unique) or None,
            ordered=self.ordered,
            name=self.name,
        )

    def validate(self, table: pd.DataFrame, lazy: bool = True) -> pd.DataFrame:
        """Return a table that keeps the contract, its numbers converted.

        Raises:
            pandera.errors.SchemaErrors: it breaks the contract; the error lists all failures.
        """
        return self.schema.validate(table, lazy=lazy)

    def read(self, path: Path | str) -> pd.DataFrame:
        """Read and check a CSV file in UTF-8, ours or your own; only blank cells are missing.

        Raises:
            pandera.errors.SchemaErrors: it breaks the contract; the error lists all failures.
            pandas.errors.ParserError: it is no table.
        """
        import pandas as pd

        form: dict[str, Any] = {"encoding": "utf-8-sig", "skipinitialspace": True}
        header = pd.read_csv(path, nrows=0, **form).columns
        table = pd.read_csv(
            path,
            # An id of 19 digits does not survive as a number.
            dtype={name: "str" for name in header if name.strip() not in self.dtypes},
            # A viewer or a video may be called NA.
            keep_default_na=False,
            na_values=[""],
            **form,
        )
        if not isinstance(table.index, pd.RangeIndex):
            # pandas would take the first cells for names of the rows, and shift all others.
            raise pd.errors.ParserError(
                "the rows have more cells than the header: is a column not named?"
            )
        return self.validate(change_texts(table.rename(columns=str.strip), unmarked))
