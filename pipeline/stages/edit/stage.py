"""Stage `edit`: the scenes, redrawn so that attention follows their variants' heatmaps.

`edits.csv` has one row per scene and variant: `schemas/edits.py` names its columns.
"""

from __future__ import annotations

import logging

from pipeline.editing.loading import load_models, make_editor, shared_cache
from pipeline.editing.params import EditParams
from pipeline.editing.stage import RECORDS, edited, item_key, pictures, write_records
from pipeline.editing.tasks import chosen_videos, variant_tasks
from pipeline.ground.artefacts import EDITED, EDITS, SCENES, VARIANT_MANIFEST
from pipeline.ground.code import summary_key
from pipeline.ground.outs import StageOuts
from pipeline.ground.params import load_image_size
from pipeline.ground.workspace import Workspace
from pipeline.heatmaps.manifest import read_variants
from pipeline.heatmaps.params import VariantParams
from pipeline.scenes.table import read_scenes

LOG = logging.getLogger(__name__)

_SUMMARY = "summary"


def main(workspace: Workspace) -> None:
    """Edit every scene of the chosen videos that a variant modifies.

    Raises:
        InputError: variants, models or a scene's files are missing or unreadable.
        ParamsError: the guide cannot do what the params ask.
    """
    params = EditParams.load(workspace)
    variants = read_variants(workspace.path(VARIANT_MANIFEST))
    keywords = VariantParams.load(workspace).keywords
    image_size = load_image_size(workspace)
    videos = chosen_videos(read_scenes(workspace.path(SCENES)), params)
    tasks = {
        f"scene {task.stem}": task
        for video in videos
        for task in variant_tasks(workspace, video, variants, keywords, params)
    }
    models = load_models(workspace, params)
    editor = make_editor(models, params, shared_cache(workspace, params))
    plan = {item: item_key(task, editor, image_size) for item, task in tasks.items()}
    plan[_SUMMARY] = summary_key(plan, (write_records.__module__,))
    with StageOuts(workspace, "edit") as outs:
        todo = outs.begin(plan, dict.fromkeys(tasks, RECORDS))
        folder = outs.staging / EDITED
        for item, records in edited(list(tasks), todo, tasks, editor, image_size, folder):
            outs.accept(item, pictures(tasks[item], EDITED), records)
        if _SUMMARY in todo:
            write_records(outs, tasks, outs.staging / EDITS)
            outs.accept(_SUMMARY, [EDITS])
    LOG.info("edit: %d scenes, %d of them in this run.", len(tasks), len(todo - {_SUMMARY}))
