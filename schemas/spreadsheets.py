r"""Texts in CSV files that spreadsheets open: shown as text, never run as a formula.

Spreadsheets run a cell that begins with one of `=+-@`, of a text file, too. So a text in a table
gets an apostrophe before such a beginning, and one more where there are some; whatever reads our
tables takes one away, which gives back every text exactly. What follows a semicolon or a tab is a
beginning as well: in many countries they separate cells. Numbers stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_END = r"(?:\Z|[;\t\r\n])"
_NUMBER = rf"[+-]\d+(?:\.\d+)?(?:[eE][+-]?\d+)?{_END}"
# The wide forms are taken for the same in East Asia.
_RUN = rf"(?=[=+\-@\t\r＝＋－＠])(?!{_NUMBER})"
_BEGINNING = re.compile(rf"(^|[;\t\r\n])('*){_RUN}")
_MARKED = re.compile(rf"(^|[;\t\r\n])'('*){_RUN}")


def marked(text: str) -> str:
    """Return a text as a table holds it."""
    if text[:1].isalnum() and ";" not in text and text.isprintable():
        return text
    return _BEGINNING.sub(r"\1'\2", text)


def unmarked(text: str) -> str:
    """Return the text that a table's cell stands for."""
    return _MARKED.sub(r"\1\2", text) if "'" in text else text


def change_texts(table: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    """Return a table with each of its texts changed, the same one where none is."""

    def change_any(value: Any) -> Any:
        return change(value) if isinstance(value, str) else value

    changed: dict[str, pd.Series] = {}
    for name in table.select_dtypes(["str", "object"]):
        # Of distinct texts, `replace` takes the square of their number.
        new = table[name].map(change_any, na_action="ignore").astype(table[name].dtype)
        if not new.equals(table[name]):
            changed[str(name)] = new
    return table.assign(**changed) if changed else table
