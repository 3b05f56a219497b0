"""Stage attention_heatmap: where viewers look in each scene, as a grey map with its maximum 255."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from pipeline.heatmaps.fixations import fixation_map, time_within
from pipeline.heatmaps.provenance import heatmap_file
from pipeline.ingest.inputs import IngestParams
from pipeline.ingest.items import Item, Made, Plan, add_rejections, in_parallel, make_items
from pipeline.ingest.scene_items import VideoFile, scene_items, video_items
from pipeline.ingest.scene_table import cut_scenes
from pipeline.ingest.take_over import plan_copies
from pipeline.storage.files import digest, write_bytes
from pipeline.storage.images import ImageRefused, read_rgb
from pipeline.storage.outs import StageOuts
from pipeline.storage.workspace import Workspace
from schemas.rejected_scenes import Reason

LOG = logging.getLogger(__name__)

CODE_VERSION = "2"
HEATMAPS = "attention_heatmap"
REFUSED = "reports/ingest/attention_heatmap.csv"
OUTS = (HEATMAPS, REFUSED)


class AttentionHeatmapParams(IngestParams):
    """Where attention heatmaps come from."""

    name: ClassVar[str] = "attention_heatmap"

    source: Literal["fixations", "folder", "saliency"] = "fixations"
    """`fixations`: recorded gaze; `folder`: heatmaps that exist; `saliency`: a model predicts."""
    input: str = "data/fixations"
    """Folder of {video_id}.csv, or of heatmaps; for saliency data/video_scene_cuts/scenes.csv."""
    sigma_degrees: float = Field(1.0, gt=0, le=20)
    """Fixations: the Gaussian's standard deviation in degrees of visual angle."""
    pixels_per_degree: float = Field(35.0, gt=0, le=1000)
    """Fixations: pixels of the frame, as it was displayed, per degree of visual angle."""
    model: Literal[
        "spectral_residual",
        "mediaattention:ads",
        "mediaattention:unisal",
        "mediaattention:spectral",
    ] = "spectral_residual"
    """Saliency: OpenCV's spectral residual, or a model of the package mediaattention."""
    jpeg_quality: int = Field(95, ge=90, le=100)
    """Of the maps that this stage makes; maps that are taken over stay as they are."""


def main(workspace: Workspace) -> None:
    """Make the heatmaps that are new or changed; write them and what was refused."""
    params = AttentionHeatmapParams.load(workspace)
    plans = {"fixations": plan_fixations, "folder": plan_folder, "saliency": plan_saliency}
    plan = plans[params.source](workspace, params)
    with StageOuts(workspace, params.name, OUTS) as outs:
        made = make_items(outs, plan, tables=(REFUSED,))
        refused = add_rejections(outs, REFUSED, plan, made)
    heatmaps = sum(len(result.files) for result in made)
    LOG.info("attention_heatmap: %d heatmaps, %d refused (%s)", heatmaps, refused, REFUSED)


def plan_folder(workspace: Workspace, params: AttentionHeatmapParams) -> Plan:
    """Plan to take over heatmaps that exist, one item each."""
    return plan_copies(workspace, params, HEATMAPS)


def plan_fixations(workspace: Workspace, params: AttentionHeatmapParams) -> Plan:
    """Plan one item per video: what its fixation file feeds.

    Raises:
        InputError: there is no such folder, or scene_cuts has not run.
    """
    sigma = params.sigma_degrees * params.pixels_per_degree
    settings = digest(CODE_VERSION, repr(sigma), repr(params.jpeg_quality))
    items, refused = video_items(workspace, params, ".csv", Reason.NO_FIXATIONS, settings)
    work = partial(map_fixations, sigma=sigma, jpeg_quality=params.jpeg_quality)
    return Plan(items, in_parallel(work, workspace, params.name, "video"), refused)


def map_fixations(item: Item, staging: Path, sigma: float, jpeg_quality: int) -> Made:
    """Write the heatmaps of one video's scenes from its fixations."""
    from pipeline.ingest.contract import ContractBroken, read_checked
    from schemas.fixations import DTYPES, FIXATIONS_TABLE

    recorded: VideoFile = item.task
    try:
        fixations = read_checked(recorded.path, DTYPES, FIXATIONS_TABLE)
    except ContractBroken as error:
        refused = recorded.refuse_all(Reason.FIXATIONS_UNREADABLE, str(error))
        return Made(item.name, (), refused)
    columns = ("onset_s", "duration_s", "x_px", "y_px")
    onsets, durations, x, y = (fixations[name].to_numpy(float) for name in columns)
    files: list[str] = []
    refused = []
    for scene in recorded.scenes:
        if scene.start_s is None or scene.end_s is None:
            found = "the scene's times are unknown: put scenes.csv beside the imported cuts"
            refused.append(scene.refusal(Reason.NO_FIXATIONS, recorded.file, found))
            continue
        seconds = time_within(onsets, durations, scene.start_s, scene.end_s)
        heatmap = fixation_map(x, y, seconds, scene.size, sigma)
        if not heatmap.any():
            found = (
                f"none in the frame from {scene.start_s:.3f} to {scene.end_s:.3f} s; the file's "
                f"last ends at {np.max(onsets + durations, initial=0):.3f} s"
            )
            refused.append(scene.refusal(Reason.NO_FIXATIONS, recorded.file, found))
            continue
        files.append(f"{HEATMAPS}/{scene.name.relative('jpg')}")
        write_bytes(staging / files[-1], heatmap_file(heatmap, jpeg_quality, "recorded"))
    return Made(item.name, files, refused)


def plan_saliency(workspace: Workspace, params: AttentionHeatmapParams) -> Plan:
    """Plan one item per scene: its image is all that the model sees.

    Raises:
        InputError: the model's weights are not there, or scene_cuts has not run.
        ParamsError: the model's package is not installed.
    """
    from pipeline.saliency.models import load_model

    load_model(params.model)
    settings = digest(CODE_VERSION, params.model, repr(params.jpeg_quality))
    items = scene_items(workspace, cut_scenes(workspace), settings)
    work = partial(predict_heatmap, model=params.model, jpeg_quality=params.jpeg_quality)
    return Plan(items, in_parallel(work, workspace, params.name, "scene"), [])


def predict_heatmap(item: Item, staging: Path, model: str, jpeg_quality: int) -> Made:
    """Write the heatmap of one scene as a saliency model predicts it."""
    from pipeline.saliency.models import load_model

    path, file, scene = item.task
    try:
        heatmap = load_model(model)(read_rgb(path))
    except ImageRefused as error:
        return Made(item.name, (), [scene.refusal(error.reason, file, error.found)])
    if heatmap.max() == heatmap.min():
        found = f"{model} finds nothing in this scene"
        return Made(item.name, (), [scene.refusal(Reason.HEATMAP_CONSTANT, file, found)])
    target = f"{HEATMAPS}/{scene.name.relative('jpg')}"
    write_bytes(staging / target, heatmap_file(heatmap, jpeg_quality, "predicted", model))
    return Made(item.name, [target])
