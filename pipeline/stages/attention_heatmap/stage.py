"""Stage attention_heatmap: where viewers look in each scene, as a grey map with its maximum 255."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import PurePosixPath

from pipeline.gaze.checks import Counted
from pipeline.ground.artefacts import CUTS_CSV, HEATMAPS, refused_by
from pipeline.ground.errors import ParamsError
from pipeline.ground.files import digest
from pipeline.ground.outs import StageOuts
from pipeline.ground.params import load_image_size
from pipeline.ground.workspace import Workspace
from pipeline.ingest.inputs import input_path
from pipeline.ingest.items import Plan, in_parallel, make_items, refusals, refusals_table
from pipeline.ingest.scene_items import scene_items, video_items
from pipeline.ingest.take_over import plan_copies
from pipeline.scenes.cuts import read_cuts
from pipeline.stages.attention_heatmap.params import AttentionHeatmapParams
from schemas.rejected_scenes import Reason

LOG = logging.getLogger(__name__)

REFUSED = refused_by("attention_heatmap")
INPUT = "attention_heatmap.input"


def main(workspace: Workspace) -> None:
    """Make the heatmaps that are new or changed; write them and what was refused."""
    params = AttentionHeatmapParams.load(workspace)
    plans: dict[str, Callable[[Workspace, AttentionHeatmapParams], Plan]] = {
        "fixations": plan_fixations,
        "folder": partial(plan_copies, out=HEATMAPS),
        "saliency": plan_saliency,
        "predictor": plan_predictor,
    }
    plan = plans[params.source](workspace, params)
    with StageOuts(workspace, params.name) as outs:
        made = make_items(outs, plan, [refusals_table(REFUSED, plan)])
    heatmaps, refused = sum(len(result.files) for result in made), len(refusals(plan, made))
    LOG.info("attention_heatmap: %d heatmaps, %d refused (%s)", heatmaps, refused, REFUSED)
    odd = {result.item: Counted(*row) for result in made for row in result.rows}
    if odd:
        worst = max(odd, key=lambda item: odd[item].outside / odd[item].fixations)
        LOG.warning(
            "fixations of %d videos lie in part outside the frame, after the video's end or over "
            "one another; most of %s: %s",
            *(len(odd), worst, odd[worst].lines()),
        )


def plan_fixations(workspace: Workspace, params: AttentionHeatmapParams) -> Plan:
    """Plan one item per video: what its fixation file feeds.

    Raises:
        InputError: there is no such folder, or scene_cuts has not run.
    """
    from pipeline.stages.attention_heatmap.recorded import map_fixations

    sigma = params.sigma_degrees * params.pixels_per_degree
    settings = digest(repr(sigma), repr(params.jpeg_quality))
    items, refused = video_items(workspace, params, ".csv", Reason.NO_FIXATIONS, settings)
    work = partial(map_fixations, out=HEATMAPS, sigma=sigma, jpeg_quality=params.jpeg_quality)
    make = in_parallel(work, workspace, params.name, "video")
    return Plan(items, make, (map_fixations.__module__,), refused)


def plan_saliency(workspace: Workspace, params: AttentionHeatmapParams) -> Plan:
    """Plan one item per scene: its image is all that the model sees.

    Raises:
        InputError: the model's weights are not there, or scene_cuts has not run.
        ParamsError: there is no such model, or its package is not installed.
    """
    from pipeline.attention.models import MODELS, OBSERVERS

    names = MODELS | OBSERVERS
    if params.model not in names:
        raise ParamsError(
            f"attention_heatmap.model must be one of {', '.join(names)}, found {params.model!r}. "
            "For a trained predictor, or a Python file, set source: predictor, and input to it."
        )
    return _plan_model(workspace, params, params.model)


def plan_predictor(workspace: Workspace, params: AttentionHeatmapParams) -> Plan:
    """Plan one item per scene, for the predictor in the folder or Python file `input`.

    Raises:
        InputError: there is no predictor, or scene_cuts has not run.
        ParamsError: the folder is a stage's out.
    """
    if PurePosixPath(params.input).parts[0] == "outputs":
        raise ParamsError(
            f"attention_heatmap.input: {params.input} is made from heatmaps, so it cannot make "
            "them. Copy it to models/attention_predictor, `dvc add` the copy, and name that."
        )
    input_path(workspace, params)
    return _plan_model(workspace, params, params.input)


def _plan_model(workspace: Workspace, params: AttentionHeatmapParams, location: str) -> Plan:
    from pipeline.attention.models import load_attention_model
    from pipeline.stages.attention_heatmap.predicted import predict_heatmap

    load_model = partial(load_attention_model, location, workspace.root, parameter=INPUT)
    model = load_model()
    size = load_image_size(workspace) if params.source == "predictor" else None
    settings = digest(model.digest, repr(params.jpeg_quality), repr(size))
    items = scene_items(workspace, read_cuts(workspace.path(CUTS_CSV)), settings)
    quality = params.jpeg_quality
    work = partial(
        predict_heatmap, out=HEATMAPS, load_model=load_model, size=size, jpeg_quality=quality
    )
    make = in_parallel(work, workspace, params.name, "scene")
    return Plan(items, make, (predict_heatmap.__module__, *model.makers))
