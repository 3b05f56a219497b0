"""Stage `train`: a ControlNet for the frozen backbone, from the scenes' masks and heatmaps."""

from __future__ import annotations

import logging
import shutil
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.diffusion.controlnet import weights_digest
from pipeline.ground.artefacts import (
    CONTROLNET,
    ENCODED,
    SCENES,
    TRAIN_CURVE,
    TRAIN_HEADLINE,
    TRAIN_METRICS,
    TRAINING,
)
from pipeline.ground.code import Key
from pipeline.ground.files import digest, file_digest
from pipeline.ground.outs import StageOuts, is_made
from pipeline.ground.params import ModelParams, load_image_size
from pipeline.ground.workspace import Workspace
from pipeline.scenes.table import read_scenes
from pipeline.stages.train.params import TrainParams
from pipeline.tracking.models import tracked_controlnet
from pipeline.tracking.runs import LiveRun, TrackedRun

if TYPE_CHECKING:
    pass

LOG = logging.getLogger(__name__)

_ITEM = "training"
_PLACES = (CONTROLNET, f"{TRAINING}/samples", TRAIN_METRICS, TRAIN_HEADLINE, TRAIN_CURVE)
# What changes how fast training goes, not where it leads.
_NO_RESULT = {"num_workers", "gradient_checkpointing"}


def main(workspace: Workspace) -> None:
    """Train, unless these weights are there already; go on where a killed run was.

    Raises:
        InputError: the encoded scenes or the backbone are missing, or do not belong together.
        ParamsError: the params ask for a part that is not installed.
    """
    from lightning.pytorch.utilities.rank_zero import rank_zero_only

    from pipeline.diffusion.backbone import load_backbone
    from pipeline.diffusion.precision import training_precision
    from pipeline.learning.shards import MANIFEST
    from pipeline.learning.training_scenes import encoded_scenes, raw_scenes
    from pipeline.stages.train import run

    params = TrainParams.load(workspace)
    # What `auto` comes to is part of the key: a run must not be resumed in another precision.
    precise = {"precision": training_precision(params.precision)}
    params = params.model_copy(update=precise)
    size = load_image_size(workspace)
    backbone = load_backbone(ModelParams.load(workspace).backbone, workspace.root)
    backbone.check_size(size)
    trained_on = [workspace.path(SCENES)]
    if params.use_encoded:
        scenes = encoded_scenes(workspace.path(ENCODED), backbone, size)
        trained_on.append(workspace.path(ENCODED) / MANIFEST)
    else:
        scenes = raw_scenes(workspace.path(SCENES), workspace.root, backbone, size)
    inputs = digest(
        *map(file_digest, trained_on),
        backbone.digest,
        str(size),
        params.model_dump_json(exclude=_NO_RESULT),
    )
    key = Key(inputs, (run.__name__,))
    state = workspace.path("checkpoints") / key.digest
    training = run.Run(params, backbone, scenes, state)
    if getattr(rank_zero_only, "rank", 0) > 0:
        if not is_made(workspace, "train", {_ITEM: key}):
            training.fit()
        return
    with StageOuts(workspace, "train") as outs:
        if not outs.begin({_ITEM: key}):
            LOG.info("train: this ControlNet is trained already.")
            return
        begun = _described(workspace, params, time.time())
        live = LiveRun(workspace, begun, state / "mlflow_run_id")
        live.add_dataset(read_scenes(workspace.path(SCENES)), "valid_scenes", SCENES)
        trained = training.fit(
            live.lightning_logger(), lambda path: live.add_picture(path, "samples")
        )
        assert trained is not None
        run.write_trained(trained, *(outs.staging / place for place in _PLACES))
        outs.accept(_ITEM, outs.staged())
        done = replace(
            begun,
            metrics={f"final/{name}": value for name, value in trained.metrics.items()},
            artifacts={"": [TRAIN_METRICS, TRAIN_CURVE]},
        )
        folder = workspace.path(CONTROLNET)
        weights = weights_digest(folder)
        model = tracked_controlnet(folder, weights, trained.controlnet, trained.metrics)
        live.finish(done, model)
    shutil.rmtree(state)
    LOG.info("train: %d steps; the ControlNet is in %s.", trained.metrics["steps"], TRAINING)


def _described(workspace: Workspace, params: TrainParams, started_s: float) -> TrackedRun:
    """Return what MLflow is told before the training."""
    location = ModelParams.load(workspace).backbone
    return TrackedRun(
        stage="train",
        name=f"train, {params.steps} steps",
        started_s=started_s,
        params={**params.model_dump(mode="json"), "backbone": location},
        description="A ControlNet that reads keyword mask and attention heatmap, on a frozen "
        "backbone. `samples/` shows fixed validation scenes, their control (heatmap, mask "
        "outlined), and what the model draws from 80 % noise.",
    )
