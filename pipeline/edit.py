"""Stage `edit`: the scenes, redrawn so that attention follows their variants' heatmaps."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from pipeline.editing.loading import load_models, make_editor
from pipeline.editing.scene_edits import SceneTask, edit_scenes
from pipeline.editing.settings import EditParams
from pipeline.editing.tasks import chosen_videos, variant_tasks
from pipeline.errors import InputError
from pipeline.params import load_image_size
from pipeline.storage.files import digest
from pipeline.storage.images import ImageRefused
from pipeline.storage.outs import StageOuts
from pipeline.storage.workspace import Workspace
from pipeline.variants.settings import VariantParams
from pipeline.variants.tables import read_scenes

if TYPE_CHECKING:
    from pipeline.editing.editor import SceneEditor

LOG = logging.getLogger(__name__)

CODE_VERSION = "1"
SCENES = "data/valid_scenes.csv"
EDITED = "outputs/edited_scenes"
TABLE = f"{EDITED}/edits.csv"
OUTS = (EDITED,)
_SUMMARY = "summary"


def main(workspace: Workspace) -> None:
    """Edit every scene of the chosen videos that a variant modifies.

    Raises:
        InputError: variants, models or a scene's files are missing or unreadable.
        ParamsError: the guide cannot do what the params ask.
    """
    params = EditParams.load(workspace)
    variants = VariantParams.load(workspace)
    image_size = load_image_size(workspace)
    videos = chosen_videos(read_scenes(workspace.path(SCENES)), params)
    tasks = {
        f"scene {task.stem}": task
        for video in videos
        for task in variant_tasks(workspace, video, variants, params)
    }
    models = load_models(workspace, params)
    editor = make_editor(workspace, models, params)
    plan = {item: item_key(task, editor, image_size) for item, task in tasks.items()}
    plan[_SUMMARY] = digest(*plan.values())
    with StageOuts(workspace, "edit", OUTS) as outs:
        todo = outs.begin(plan)
        items = [item for item in tasks if item in todo]
        for item, records in edited(items, tasks, editor, image_size, outs.staging / EDITED):
            outs.accept(item, places(tasks[item], EDITED), records)
        if _SUMMARY in todo:
            write_records(outs, tasks, outs.staging / TABLE)
            outs.accept(_SUMMARY, [TABLE])
    editor.cache.prune()
    LOG.info("edit: %d scenes, %d of them in this run.", len(tasks), len(items))


def item_key(task: SceneTask, editor: SceneEditor, image_size: tuple[int, int]) -> str:
    """Return a digest of all that a scene's edits depend on."""
    return digest(task.key(), editor.key(), str(image_size), CODE_VERSION)


def edited(
    items: Sequence[str],
    tasks: dict[str, SceneTask],
    editor: SceneEditor,
    image_size: tuple[int, int],
    folder: Any,
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
                raise InputError(
                    f"{error}. The scene table calls it valid, so the files have changed since: "
                    "run `dvc repro validate`. The edits of all other scenes are kept."
                ) from error
            yield from zip(batch, made, strict=True)
            progress.update(len(batch))


def places(task: SceneTask, out: str) -> list[str]:
    """Return the files of a scene's edits, relative to the root."""
    return [f"{out}/{wish.name}/{task.video_id}/{task.stem}.png" for wish in task.wishes]


def write_records(outs: StageOuts, tasks: dict[str, SceneTask], path: Any) -> None:
    """Write one row per scene and edit; what an edit does not have is blank."""
    import pandas as pd

    from pipeline.storage.tables import write_table

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
