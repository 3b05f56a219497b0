"""What the stages that edit have in common: a plan's key, its batches, its files and its table."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from pipeline.editing.editor import SceneEditor
from pipeline.editing.prepare import chunks
from pipeline.editing.scene_edits import SceneTask, edit_scenes
from pipeline.ground.code import Key
from pipeline.ground.errors import InputError
from pipeline.ground.files import digest
from pipeline.ground.outs import StageOuts
from pipeline.pictures.reading import ImageRefused

# Looking through a cache of thousands of files takes a while, a batch takes longer than that.
_BATCHES_PER_PRUNING = 20

RECORDS = list[dict[str, Any]]
"""What the record holds of a scene: one of each edit."""


def item_key(
    task: SceneTask, editor: SceneEditor, image_size: tuple[int, int], *makers: str
) -> Key:
    """Return what a scene's edits depend on; `makers` are modules that add to their records."""
    inputs = digest(task.key(), editor.key(), str(image_size))
    return Key(inputs, (edit_scenes.__module__, *editor.makers, *makers))


def edited(
    items: Sequence[str],
    todo: Container[str],
    tasks: dict[str, SceneTask],
    editor: SceneEditor,
    image_size: tuple[int, int],
    folder: Path,
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Edit scenes, a batch at a time; yield each item that is to be made with its records.

    Args:
        items: of the plan.
        todo: which of them to make.
        tasks: of the items.
        editor: its cache has what an earlier run made of a batch.
        image_size: (height, width) at which edits are made.
        folder: to write to.

    Raises:
        InputError: a scene's file is missing or unreadable.
    """

    def edit(batch: Sequence[SceneTask]) -> list[list[dict[str, Any]]]:
        return edit_scenes(batch, editor, image_size, folder)

    for number, made in enumerate(in_batches(edit, items, todo, tasks, editor.params.batch_size)):
        yield from made
        if number % _BATCHES_PER_PRUNING == 0:
            editor.cache.prune()
    editor.cache.prune()


def in_batches(
    edit: Callable[[Sequence[SceneTask]], list[list[dict[str, Any]]]],
    items: Sequence[str],
    todo: Container[str],
    tasks: dict[str, SceneTask],
    size: int,
    label: str = "edit",
) -> Iterator[list[tuple[str, list[dict[str, Any]]]]]:
    """Yield, batch by batch, the items that are to be made with their records.

    What models make of a scene rounds by the scenes beside it. So batches are cut from all items,
    and the cache has the edits of a batch before any is written: a run that goes on after a kill
    writes what one at once writes.

    Raises:
        InputError: a scene's file is missing or unreadable.
    """
    total = sum(item in todo for item in items)
    with tqdm(total=total, desc=label, unit=" scene", disable=not total) as progress:
        for whole in chunks(items, size):
            batch = [item for item in whole if item in todo]
            if not batch:
                continue
            try:
                records = edit([tasks[item] for item in batch])
            except (ImageRefused, FileNotFoundError) as error:
                raise refused(error) from error
            yield list(zip(batch, records, strict=True))
            progress.update(len(batch))


def refused(error: Exception) -> InputError:
    """Return what is said of a scene whose file is missing or unreadable."""
    return InputError(
        f"{error}. The scene table calls it valid, so the files have changed since: "
        "run `dvc repro validate`. The edits of all other scenes are kept."
    )


def pictures(task: SceneTask, out: str) -> list[str]:
    """Return the files of a scene's edits, relative to the root."""
    return [f"{out}/{wish.name}/{task.video_id}/{task.stem}.png" for wish in task.wishes]


def write_records(outs: StageOuts, tasks: dict[str, SceneTask], path: Path) -> None:
    """Write one row per scene and edit; what an edit does not have is blank."""
    import pandas as pd

    from pipeline.ground.tables import write_table

    rows = [
        {
            "video_id": tasks[item].video_id,
            "scene_number": tasks[item].scene_number,
            "filename": f"{tasks[item].stem}.png",
            **record,
        }
        for item, records in outs.results()
        if item in tasks
        for record in records
    ]
    write_table(path, pd.DataFrame(rows))
