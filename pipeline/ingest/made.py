"""What an ingest stage's work is given and gives: one item in, its files, refusals and rows out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from schemas.rejected_scenes import Rejection


class Item(NamedTuple):
    """What one input file feeds, so that an edited file remakes that and nothing else.

    `inputs` is a digest of all that the result depends on but code; `task` is what the work needs
    to know; `file` is the input file as tables name it. It may be renamed without another result,
    so what is told of a refusal that was recorded takes the name from here.
    """

    name: str
    inputs: str
    task: Any
    file: str


class Made(NamedTuple):
    """What came of an item: its files (relative to the root), its refusals, its rows of a table.

    Notes are what a person should know of it though nothing is refused.
    """

    item: str
    files: Sequence[str] = ()
    rejections: Sequence[Rejection] = ()
    rows: Sequence[Sequence[Any]] = ()
    notes: Sequence[str] = ()
