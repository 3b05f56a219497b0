"""The work of an ingest stage: items that are made, kept and refused one by one."""

from __future__ import annotations

import filecmp
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import GenericAlias
from typing import Any, NamedTuple, Protocol

from pipeline.ground.code import Key, summary_key
from pipeline.ground.outs import StageOuts
from pipeline.ground.parallel import each
from pipeline.ground.params import ComputeParams
from pipeline.ground.workspace import Workspace
from pipeline.ingest.made import Item, Made
from pipeline.scenes.refusals import write_rejections
from schemas.rejected_scenes import Rejection


class Work(Protocol):
    """What makes one item: it writes below `staging`, at the paths that it returns."""

    def __call__(self, item: Item, staging: Path) -> Made:
        """Return what came of the item; bad data are a refusal, not an exception."""


class Plan(NamedTuple):
    """All that a stage is going to make: `make(items, staging)` yields results as they come.

    Attributes:
        items: to be made, as far as they are not.
        make: the work, see above.
        makers: modules whose code makes the items.
        rejections: refusals that need no work: names and links.
    """

    items: Sequence[Item]
    make: Callable[[Sequence[Item], Path], Iterable[Made]]
    makers: tuple[str, ...]
    rejections: Sequence[Rejection] = ()


class Table(NamedTuple):
    """A summary file of a stage, made of the results of all items."""

    path: str
    """Relative to the root."""
    write: Callable[[Path, Sequence[Made]], None]
    makers: tuple[str, ...]
    """Modules whose code writes it."""


def in_parallel(
    work: Work, workspace: Workspace, label: str, unit: str
) -> Callable[[Sequence[Item], Path], Iterator[Made]]:
    """Return a `Plan.make` that calls `work(item, staging)` for each item, on all cores."""
    compute = ComputeParams.load(workspace)

    def make(items: Sequence[Item], staging: Path) -> Iterator[Made]:
        return each(partial(work, staging=staging), items, compute, label, unit)

    return make


def make_items(
    outs: StageOuts, plan: Plan, tables: Sequence[Table], row: type = tuple
) -> list[Made]:
    """Make what is not there yet, tables included; `row` is what the rows of an item are.

    Returns:
        The results of all items, kept ones too, in plan order.
    """
    keys = {item.name: Key(item.inputs, plan.makers) for item in plan.items}
    refused = repr(plan.rejections)
    keys |= {table.path: summary_key(keys, table.makers, refused) for table in tables}
    result = GenericAlias(tuple, (list[str], list[Rejection], GenericAlias(list, row), list[str]))
    todo = outs.begin(keys, dict.fromkeys((item.name for item in plan.items), result))
    for made in plan.make([item for item in plan.items if item.name in todo], outs.staging):
        rejections = [one._asdict() for one in made.rejections]
        outs.accept(made.item, made.files, (made.files, rejections, made.rows, made.notes))
    named = {item.name: item.file for item in plan.items}
    results = [
        Made(item, files, [_refusal(one, named[item]) for one in rejections], rows, notes)
        for item, result in outs.results()
        if item in named
        for files, rejections, rows, notes in [result]
    ]
    for table in tables:
        staged, there = outs.staging / table.path, outs.workspace.path(table.path)
        staged.parent.mkdir(parents=True, exist_ok=True)
        table.write(staged, results)
        # A file that was refused may have another name since: no key knows that.
        if table.path in todo or not filecmp.cmp(staged, there, shallow=False):
            outs.accept(table.path, [table.path])
    return results


def _refusal(record: Mapping[str, Any], file: str) -> Rejection:
    return Rejection.from_record({**record, "file": file})


def refusals_table(path: str, plan: Plan) -> Table:
    """Return the table of all refusals of a run, those of its plan included."""
    return Table(
        path,
        lambda staged, made: write_rejections(staged, refusals(plan, made)),
        (__name__,),
    )


def refusals(plan: Plan, made: Iterable[Made]) -> list[Rejection]:
    """Return all refusals of a run."""
    return [*plan.rejections, *(one for result in made for one in result.rejections)]
