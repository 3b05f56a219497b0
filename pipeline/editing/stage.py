"""What the stages that edit have in common: a plan's key, its batches, its files and its table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from pipeline.editing.editor import SceneEditor
from pipeline.editing.scene_edits import SceneTask, edit_scenes
from pipeline.ground.code import Key
from pipeline.ground.errors import InputError
from pipeline.ground.files import digest
from pipeline.ground.outs import StageOuts
from pipeline.pictures.reading import ImageRefused

# Looking through a cache of thousands of files takes a while, a batch takes longer than that.
_BATCHES_PER_PRUNING = 20


def item_key(
    task: SceneTask, editor: SceneEditor, image_size: tuple[int, int], *makers: str
) -> Key:
    """Return what a scene's edits depend on; `makers` are modules that add to their records."""
    inputs = digest(task.key(), editor.key(), str(image_size))
    return Key(inputs, (edit_scenes.__module__, *editor.makers, *makers))


def edited(
    items: Sequence[str],
    tasks: dict[str, SceneTask],
    editor: SceneEditor,
    image_size: tuple[int, int],
    folder: Path,
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Edit the items' scenes, a batch at a time; yield each with its records.

    Raises:
        InputError: a scene's file is missing or unreadable.
    """
    size = editor.params.batch_size
    with tqdm(total=len(items), desc="edit", unit=" scene", disable=not items) as progress:
        for start in range(0, len(items), size):
            batch = items[start : start + size]
            try:
                made = edit_scenes([tasks[item] for item in batch], editor, image_size, folder)
            except (ImageRefused, FileNotFoundError) as error:
                raise refused(error) from error
            yield from zip(batch, made, strict=True)
            progress.update(len(batch))
            if start // size % _BATCHES_PER_PRUNING == 0:
                editor.cache.prune()
    editor.cache.prune()


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
