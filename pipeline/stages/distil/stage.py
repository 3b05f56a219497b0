"""Stage `distil`: teaches a copy of the ControlNet to carry the dose, from changes of scenes.

What `train` makes reads what a heatmap says of a scene, and follows a changed one a little way.
Here a copy learns, on the train split alone, how a scene looks when more or less attention lies on
its product: from the scenes themselves with the product's contrast scaled, and from what the guide
says that this does (`pipeline.learning.ladders`, `pipeline.learning.dose_loss`). No judge is asked.
"""

from __future__ import annotations

import logging
import shutil
import time
from dataclasses import replace

from pipeline.diffusion.controlnet import load_controlnet, weights_digest
from pipeline.editing.loading import shared_cache
from pipeline.editing.params import EditParams
from pipeline.ground.artefacts import (
    CONTROLNET,
    DISTIL_CURVE,
    DISTIL_HEADLINE,
    DISTIL_METRICS,
    DOSE_CONTROLNET,
    SCENES,
)
from pipeline.ground.code import Key
from pipeline.ground.errors import InputError
from pipeline.ground.files import digest, file_digest
from pipeline.ground.outs import StageOuts
from pipeline.ground.params import ModelParams, load_image_size
from pipeline.ground.workspace import Workspace
from pipeline.learning.params import DistilParams
from pipeline.scenes.split import TRAIN, VAL
from pipeline.scenes.table import read_scenes
from pipeline.tracking.models import tracked_controlnet
from pipeline.tracking.runs import LiveRun, TrackedRun

LOG = logging.getLogger(__name__)

_ITEM = "distillation"


def main(workspace: Workspace) -> None:
    """Distil, unless these weights are there already; go on where a killed run was.

    Raises:
        InputError: models or a scene's files are missing, or the train split has no two scenes.
        ParamsError: there is no such guide.
    """
    import torch

    from pipeline.attention.models import load_attention_model
    from pipeline.diffusion.backbone import load_backbone
    from pipeline.learning import ladders
    from pipeline.learning.training_scenes import fixed_places
    from pipeline.stages.distil import run

    params, edit = DistilParams.load(workspace), EditParams.load(workspace)
    size = load_image_size(workspace)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    backbone = load_backbone(ModelParams.load(workspace).backbone, workspace.root, device=device)
    backbone.check_size(size)
    guide = load_attention_model(edit.guide, workspace.root, device, "edit.guide")
    weights = weights_digest(workspace.path(CONTROLNET))
    table = read_scenes(workspace.path(SCENES))
    train, val = (
        own.iloc[fixed_places(own, count)]
        for part, count in ((TRAIN, params.scenes), (VAL, params.val_scenes))
        for own in [table[table["split"] == part]]
    )
    if len(train) < 2:
        raise InputError(
            f"distil: {len(train)} scenes of the table belong to the split `train`, and two are "
            "needed. Add videos, and run `dvc repro validate`."
        )
    inputs = digest(
        file_digest(workspace.path(SCENES)),
        *(backbone.digest, weights, guide.digest),
        str((size, edit.feather_px)),
        params.model_dump_json(),
    )
    key = Key(inputs, (run.__name__, ladders.__name__, *guide.makers))
    state = workspace.path("checkpoints") / key.digest
    with StageOuts(workspace, "distil") as outs:
        if not outs.begin({_ITEM: key}):
            LOG.info("distil: this ControlNet is trained already.")
            return
        begun = _described(workspace, params, edit.guide)
        live = LiveRun(workspace, begun, state / "mlflow_run_id")
        live.add_dataset(table, "valid_scenes", SCENES)
        frozen = load_controlnet(workspace.path(CONTROLNET), backbone)
        maker = ladders.LadderMaker(backbone, guide, params.factors, edit.feather_px, size)
        cache = shared_cache(workspace, edit)
        made = [
            ladders.read_ladders(rows.to_dict("records"), maker, workspace.root, params.seed, cache)
            for rows in (train, val)
        ]
        distilled = run.distil(
            backbone, frozen, params, made[0], made[1] if len(val) > 1 else None, state
        )
        places = (DOSE_CONTROLNET, DISTIL_METRICS, DISTIL_HEADLINE, DISTIL_CURVE)
        run.write_distilled(distilled, *(outs.staging / place for place in places))
        outs.accept(_ITEM, outs.staged())
        done = replace(
            begun,
            metrics={f"final/{name}": value for name, value in distilled.metrics.items()},
            artifacts={"": [DISTIL_METRICS, DISTIL_CURVE]},
        )
        folder = workspace.path(DOSE_CONTROLNET)
        digested = weights_digest(folder)
        model = tracked_controlnet(folder, digested, distilled.controlnet, distilled.metrics)
        live.finish(done, model)
    shutil.rmtree(state)
    LOG.info("distil: %d steps; the ControlNet is in %s.", params.steps, DOSE_CONTROLNET)


def _described(workspace: Workspace, params: DistilParams, guide: str) -> TrackedRun:
    """Return what MLflow is told before the training."""
    location = ModelParams.load(workspace).backbone
    return TrackedRun(
        stage="distil",
        name=f"distil, {params.steps} steps",
        started_s=time.time(),
        params={**params.model_dump(mode="json"), "backbone": location, "guide": guide},
        description="A ControlNet that carries the dose: its third channel says how far attention "
        "is to move. It learned from the train split's scenes with the product's contrast scaled, "
        "and from the guide; no judge was asked.",
    )
