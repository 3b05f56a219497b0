"""The work of an ingest stage: items that are made, kept and refused one by one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from pipeline.ground.outs import StageOuts
from pipeline.ground.parallel import each
from pipeline.ground.params import ComputeParams
from pipeline.ground.tables import write_rejections
from pipeline.ground.workspace import Workspace
from schemas.rejected_scenes import Reason, Rejection


class Item(NamedTuple):
    """What one input file feeds, so that an edited file remakes that and nothing else.

    `key` is a digest of all that the result depends on; `task` is what the worker needs to know.
    """

    name: str
    key: str
    task: Any


class Work(Protocol):
    """What makes one item: it writes below `staging`, at the paths that it returns."""

    def __call__(self, item: Item, staging: Path) -> Made:
        """Return what came of the item; bad data are a refusal, not an exception."""
        ...


class Made(NamedTuple):
    """What came of an item: its files (relative to the root), its refusals, its rows of a table."""

    item: str
    files: Sequence[str] = ()
    rejections: Sequence[Rejection] = ()
    rows: Sequence[Sequence[Any]] = ()


class Plan(NamedTuple):
    """All that a stage is going to make: `make(items, staging)` yields results as they come.

    `rejections` are refusals that need no work: names and links.
    """

    items: Sequence[Item]
    make: Callable[[Sequence[Item], Path], Iterable[Made]]
    rejections: Sequence[Rejection]


def in_parallel(
    work: Work, workspace: Workspace, label: str, unit: str
) -> Callable[[Sequence[Item], Path], Iterator[Made]]:
    """Return a `Plan.make` that calls `work(item, staging)` for each item, on all cores."""
    compute = ComputeParams.load(workspace)

    def make(items: Sequence[Item], staging: Path) -> Iterator[Made]:
        return each(partial(work, staging=staging), items, compute, label, unit)

    return make


def make_items(outs: StageOuts, plan: Plan, tables: Sequence[str]) -> list[Made]:
    """Make what is not there yet; return the results of all items, kept ones too, in plan order.

    `tables` are the stage's summary files, to be added with `add_table` afterwards.
    """
    # A summary is written anew in each run, so its key is one that no run used before.
    keys = dict.fromkeys(tables, uuid.uuid4().hex)
    keys.update((item.name, item.key) for item in plan.items)
    todo = outs.begin(keys)
    for made in plan.make([item for item in plan.items if item.name in todo], outs.staging):
        outs.accept(made.item, made.files, (made.files, made.rejections, made.rows))
    return [Made(item, files, *_from_json(*rest)) for item, (files, *rest) in outs.results()]


def _from_json(rejections: list[list[Any]], rows: list[list[Any]]) -> tuple[Any, Any]:
    return [
        Rejection(video_id, number, file, Reason(reason), found)
        for video_id, number, file, reason, found in rejections
    ], rows


def add_table(outs: StageOuts, path: str, write: Callable[[Path], None]) -> None:
    """Write one of the summary files named to `make_items` and put it in place."""
    staged = outs.staging / path
    staged.parent.mkdir(parents=True, exist_ok=True)
    write(staged)
    outs.accept(path, [path])


def add_rejections(outs: StageOuts, path: str, plan: Plan, made: Iterable[Made]) -> int:
    """Write all refusals of this run as the summary file `path`; return how many there are."""
    rejections = [*plan.rejections, *(one for result in made for one in result.rejections)]
    add_table(outs, path, lambda staged: write_rejections(staged, rejections))
    return len(rejections)
