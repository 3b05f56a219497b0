"""Stage `attention_model`: learns from the recorded heatmaps where people look in a scene."""

from __future__ import annotations

import json
import logging
import shutil
import time
from typing import TYPE_CHECKING, Any

from pipeline.editing.params import EditParams
from pipeline.ground.artefacts import (
    CUTS_CSV,
    FIXATIONS,
    OUTS,
    PREDICTOR,
    PREDICTOR_CURVE,
    PREDICTOR_HEADLINE,
    PREDICTOR_METRICS,
    PREDICTOR_SCORES,
    SCENES,
)
from pipeline.ground.code import Key
from pipeline.ground.errors import InputError
from pipeline.ground.files import digest, file_digest, write_text
from pipeline.ground.outs import StageOuts
from pipeline.ground.params import load_image_size
from pipeline.ground.workspace import Workspace
from pipeline.scenes.split import TEST, TRAIN, VAL
from pipeline.scenes.table import read_scenes
from pipeline.stages.attention_model.params import AttentionModelParams
from pipeline.tracking.runs import TrackedRun, log_run

if TYPE_CHECKING:
    import pandas as pd


LOG = logging.getLogger(__name__)

_ITEM = "predictor"
_UNTRAINED = f"{PREDICTOR}/UNTRAINED.txt"
_COMPARED = ("centre_surround", "spectral_residual")
# What a predictor must beat to be worth its training, and in which figures.
_BASELINES = ("centre_bias", "spectral_residual")
_MERITS = ("CC", "NSS", "IG")


def main(workspace: Workspace) -> None:
    """Train, unless this predictor is there already; go on where a killed run was.

    Without a recorded heatmap there is nothing to learn from; where the edits are guided by another
    model, that is no error, and the outs say so.

    Raises:
        InputError: the predictor is to guide, but the train split has no recorded heatmap.
    """
    from pipeline.attention.models import load_attention_model
    from pipeline.stages.attention_model import scoring, training

    started_s = time.time()
    params = AttentionModelParams.load(workspace)
    size = load_image_size(workspace)
    table = recorded_scenes(workspace)
    if not (table["split"] == TRAIN).any():
        _leave_untrained(workspace)
        return
    models = {name: load_attention_model(name, workspace.root) for name in _COMPARED}
    gaze = sorted(workspace.path(FIXATIONS).glob("*.csv"))
    # Without the table of cuts, no fixation is scored.
    tables = (workspace.path(SCENES), workspace.path(CUTS_CSV))
    inputs = digest(
        *(file_digest(path) for path in tables if path.is_file()),
        repr([(file.name, file_digest(file)) for file in gaze]),
        repr(size),
        params.model_dump_json(),
    )
    compared = (maker for model in models.values() for maker in model.makers)
    key = Key(inputs, (training.__name__, scoring.__name__, *compared))
    state = workspace.path("checkpoints") / key.digest
    with StageOuts(workspace, "attention_model") as outs:
        if not outs.begin({_ITEM: key}):
            LOG.info("attention_model: this predictor is trained already.")
            return
        parts: dict[str, training.RecordedScenes] = {
            part: training.RecordedScenes(rows.reset_index(drop=True), workspace.root, size)
            for part in (TRAIN, VAL, TEST)
            for rows in [table[table["split"] == part]]
        }
        network, curve = training.train(params, parts[TRAIN], parts[VAL], state)
        places = workspace.path(FIXATIONS), workspace.path(CUTS_CSV)
        fixations: dict[str, dict[int, scoring.Fixations]] = {
            part: scoring.read_fixations(parts[part].table, *places) for part in (VAL, TEST)
        }
        staged = (outs.staging / place for place in OUTS["attention_model"])
        scoring.write_predictor(network, curve, parts, models, fixations, *staged)
        outs.accept(_ITEM, outs.staged())
    shutil.rmtree(state, ignore_errors=True)
    metrics = json.loads(workspace.path(PREDICTOR_METRICS).read_text())
    scenes = len(parts[TRAIN])
    LOG.info("attention_model: trained on %d scenes; the predictor is in %s.", scenes, PREDICTOR)
    if no_better := baselines_unbeaten(metrics.get(TEST, {})):
        LOG.warning(
            "attention_model: on the test videos the predictor does not beat %s. It is no better a "
            "guide: record more viewers, or set edit.guide to another model.",
            ", ".join(no_better),
        )
    _track(workspace, params, metrics, curve, started_s)


def baselines_unbeaten(figures: dict[str, Any]) -> list[str]:
    """Return in what the predictor is no better than a model without training, as `NSS of …`.

    Args:
        figures: of one part of the split in metrics.json; what needs fixations may be missing.
    """
    return [
        f"{figure} of {baseline}"
        for baseline in _BASELINES
        for figure in _MERITS
        if figure in figures.get(baseline, {})
        and figures["predictor"][figure] <= figures[baseline][figure]
    ]


def recorded_scenes(workspace: Workspace) -> pd.DataFrame:
    """Return the scenes whose heatmaps were recorded: predicted ones teach a model nothing."""
    table = read_scenes(workspace.path(SCENES))
    return table[table["heatmap_source"] == "recorded"]


def _leave_untrained(workspace: Workspace) -> None:
    """Write outs that hold no predictor, and say so.

    Raises:
        InputError: edits are to be guided by the predictor.
    """
    why = f"{SCENES} has no scene of the split `train` with a recorded heatmap"
    if EditParams.load(workspace).guide == PREDICTOR:
        raise InputError(
            f"{why}, so there is nothing to learn from. Add recorded gaze, or set edit.guide to "
            "centre_surround, which needs no training, or to a folder with a predictor learned "
            "elsewhere."
        )
    with StageOuts(workspace, "attention_model") as outs:
        if outs.begin({_ITEM: Key(_UNTRAINED, (__name__,))}):
            write_text(outs.staging / _UNTRAINED, f"Nothing was trained: {why}.\n")
            write_text(outs.staging / PREDICTOR_METRICS, '{"parameters": 0}\n')
            write_text(outs.staging / PREDICTOR_HEADLINE, "{}\n")
            write_text(outs.staging / PREDICTOR_SCORES, "video_id,scene_number\n")
            write_text(outs.staging / PREDICTOR_CURVE, "epoch\n")
            outs.accept(_ITEM, [_UNTRAINED, *OUTS["attention_model"][1:]])
    LOG.info("attention_model: %s; nothing was trained, and edit.guide needs nothing.", why)


def _track(
    workspace: Workspace,
    params: AttentionModelParams,
    metrics: dict[str, Any],
    curve: list[dict[str, float]],
    started_s: float,
) -> None:
    figures = {
        f"{part}/{model}/{name}": value
        for part in (VAL, TEST)
        for model, values in metrics.get(part, {}).items()
        if isinstance(values, dict)
        for name, value in values.items()
        if not name.endswith("_ci95")
    }
    losses = {
        f"{name}_by_epoch": [row.get(name) for row in curve] for name in ("train/loss", "val/loss")
    }
    log_run(
        workspace,
        TrackedRun(
            stage="attention_model",
            name=f"predictor, {metrics['epochs']} epochs",
            started_s=started_s,
            params=params.model_dump(mode="json"),
            metrics={"parameters": metrics["parameters"], **figures, **losses},
            artifacts={
                "": [PREDICTOR_METRICS, PREDICTOR_SCORES, PREDICTOR_CURVE],
                "model": sorted(workspace.path(PREDICTOR).iterdir()),
            },
            description="Predicts attention from an image; trained on recorded heatmaps of the "
            "train split. `metrics.json` compares it with models that need no training.",
        ),
    )
