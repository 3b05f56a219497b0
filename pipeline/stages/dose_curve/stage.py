"""Stage `dose_curve`: every scene of the chosen videos at a grid of doses, for the proof.

Arms, each calibrated at its own strength: the edit as configured; the ControlNet alone, which is
the same where no gradient guides; where one does, the gradient alone, with the ControlNet's
residuals off; and the plain edit, which no model makes. Two more tell the look of the product from
attention on it: `background` moves attention by all the rest, the product as it is, and `null_edit`
changes the product's look and is to move nothing. A sham edit, the redraw under the unchanged
control, goes with the first. Nothing here depends on `variant.alpha`.

`doses.csv` has one row per arm, scene and dose: `schemas/edits.py` names its columns.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from pipeline.editing.loading import EditModels, load_models, make_editor, shared_cache
from pipeline.editing.params import EditParams
from pipeline.editing.plain import edit_plainly, plain_key
from pipeline.editing.scene_edits import SceneTask, Wish
from pipeline.editing.stage import RECORDS, edited, in_batches, item_key, pictures, write_records
from pipeline.editing.tasks import chosen_videos, scene_task
from pipeline.ground.artefacts import DOSE_CURVE, DOSES, SCENES
from pipeline.ground.code import Key, summary_key
from pipeline.ground.files import digest
from pipeline.ground.outs import StageOuts
from pipeline.ground.params import load_image_size
from pipeline.ground.workspace import Workspace
from pipeline.heatmaps.dose import Region
from pipeline.heatmaps.params import VariantParams
from pipeline.heatmaps.recipes import Recipe
from pipeline.heatmaps.rendering import render_scene, scenes_of
from pipeline.scenes.table import read_scenes
from pipeline.stages.dose_curve.params import DoseCurveParams
from pipeline.stages.dose_curve.rows import UNCHANGED, dose_row
from schemas.variant_scenes import Planned

LOG = logging.getLogger(__name__)

_SUMMARY = "summary"
_NULL = "null_edit"
_PLAIN = ("plain", _NULL)
_BACKGROUND: Region = "background"
_ONE = np.ones(1)


def main(workspace: Workspace) -> None:
    """Edit the grid.

    Raises:
        InputError: models or a scene's files are missing or unreadable.
        ParamsError: the guide cannot do what the params ask.
    """
    params = DoseCurveParams.load(workspace)
    edit = EditParams.load(workspace).model_copy(update={"videos": params.videos})
    image_size = load_image_size(workspace)
    models, cache = load_models(workspace, edit), shared_cache(workspace, edit)
    alone = edit.model_copy(update={"gradient_strength": 0.0})
    editors = {
        "full": make_editor(models, edit, cache),
        "control_only": make_editor(models, alone, cache),
    }
    if edit.gradient_strength:
        editors["gradient_only"] = make_editor(models, edit, cache, uses_control=False)
    if edit.region == "keyword":
        editors[_BACKGROUND] = editors["full"]
    grids = dict.fromkeys([*editors, *_PLAIN], params.ablation_alphas) | {"full": params.alphas}
    with StageOuts(workspace, "dose_curve") as outs:
        maps = outs.staging / "maps"
        tasks: dict[str, SceneTask] = {}
        measured: dict[str, dict[str, Planned]] = {}
        for item, task, doses in _tasks(workspace, edit, grids, image_size, maps):
            tasks[item], measured[item] = task, doses
        makers = (render_scene.__module__, dose_row.__module__)
        plan = {}
        for item, task in tasks.items():
            arm = item.split()[0]
            if arm in _PLAIN:
                plan[item] = _plain_item(arm, task, models, edit, image_size, *makers)
            else:
                plan[item] = item_key(task, editors[arm], image_size, *makers)
        plan[_SUMMARY] = summary_key(plan, (write_records.__module__,))
        todo = outs.begin(plan, dict.fromkeys(tasks, RECORDS))
        for arm, editor in editors.items():
            items = [item for item in tasks if item.startswith(f"{arm} ")]
            folder = outs.staging / DOSE_CURVE / arm
            for item, records in edited(items, todo, tasks, editor, image_size, folder):
                rows = [dose_row(arm, record, measured[item]) for record in records]
                outs.accept(item, pictures(tasks[item], f"{DOSE_CURVE}/{arm}"), rows)
        device = next(models.backbone.unet.parameters()).device
        for arm in _PLAIN:
            items = [item for item in tasks if item.startswith(f"{arm} ")]
            folder = outs.staging / DOSE_CURVE / arm
            edit_arm = partial(
                edit_plainly,
                guide=models.guide,
                params=edit,
                image_size=image_size,
                folder=folder,
                device=device,
                null=arm == _NULL,
            )
            made = in_batches(edit_arm, items, todo, tasks, edit.batch_size, f"{arm} edit")
            for item, records in chain.from_iterable(made):
                rows = [dose_row(arm, record, measured[item]) for record in records]
                outs.accept(item, pictures(tasks[item], f"{DOSE_CURVE}/{arm}"), rows)
        if _SUMMARY in todo:
            write_records(outs, tasks, outs.staging / DOSES)
            outs.accept(_SUMMARY, [DOSES])
    LOG.info("dose_curve: %d scenes × arms, %d in this run.", len(tasks), len(todo - {_SUMMARY}))


def _plain_item(
    arm: str,
    task: SceneTask,
    models: EditModels,
    edit: EditParams,
    image_size: tuple[int, int],
    *makers: str,
) -> Key:
    """Return what a scene's plain edits depend on: the guide, and none of the other models."""
    inputs = digest(task.key(), plain_key(models.guide, edit, arm == _NULL), str(image_size))
    return Key(inputs, (edit_plainly.__module__, *models.guide.makers, *makers))


def _tasks(
    workspace: Workspace,
    edit: EditParams,
    grids: dict[str, tuple[float, ...]],
    image_size: tuple[int, int],
    maps: Path,
) -> Iterator[tuple[str, SceneTask, dict[str, Planned]]]:
    """Write the maps of every dose below `maps`; yield each arm's scenes and what was planned."""
    variants = VariantParams.load(workspace).model_copy(update={"target_share": None})
    scenes = read_scenes(workspace.path(SCENES))
    videos = chosen_videos(scenes, edit)
    table = scenes[scenes["video_id"].isin(videos)]
    alphas = sorted({alpha for grid in grids.values() for alpha in grid})
    boost = variants.variants["full_boost"]
    names = {alpha: f"alpha_{alpha:g}" for alpha in alphas}
    recipes = {name: Recipe(boost._replace(alpha=alpha), _ONE) for alpha, name in names.items()}
    recipes[UNCHANGED] = Recipe(variants.variants["baseline"], _ONE)
    for scene, (_, row) in zip(
        scenes_of(table, workspace.root, variants.keywords), table.iterrows(), strict=True
    ):
        stem = Path(row["filename"]).stem
        targets = {name: maps / name / f"{stem}.{variants.format}" for name in recipes}
        doses = render_scene(scene, 0, recipes, targets, variants, image_size)
        asked = {
            (redrawn, alpha): Wish(
                name, targets[name], "keyword", redrawn, alpha, doses[name].modified
            )
            for alpha, name in names.items()
            for redrawn in (edit.region, _BACKGROUND)
        }
        unchanged = targets[UNCHANGED]
        # A redraw under the unchanged control, all else as in an edit.
        sham = Wish("sham", unchanged, "keyword", edit.region, 1.0, modified=True, sham=True)
        for arm, grid in grids.items():
            redrawn = _BACKGROUND if arm == _BACKGROUND else edit.region
            wishes = [asked[redrawn, alpha] for alpha in grid] + ([sham] if arm == "full" else [])
            task = scene_task(workspace.root, row, variants.keywords, tuple(wishes), unchanged)
            yield f"{arm} {stem}", task, doses
