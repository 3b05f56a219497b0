"""Stage attention_heatmap: where viewers look in each scene, as a grey map with its maximum 255."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path, PurePosixPath
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from pipeline.ground.artefacts import HEATMAPS, refused_by
from pipeline.ground.errors import ParamsError
from pipeline.ground.files import digest, write_bytes
from pipeline.ground.outs import StageOuts
from pipeline.ground.params import load_image_size
from pipeline.ground.workspace import Workspace
from pipeline.heatmaps.fixations import fixation_map, time_within
from pipeline.heatmaps.provenance import heatmap_file
from pipeline.ingest.inputs import IngestParams, input_path
from pipeline.ingest.items import Item, Made, Plan, add_rejections, in_parallel, make_items
from pipeline.ingest.scene_items import VideoFile, scene_items, video_items
from pipeline.ingest.take_over import plan_copies
from pipeline.pictures.reading import ImageRefused, read_rgb
from pipeline.pictures.resizing import resize
from pipeline.scenes.cuts import cut_scenes
from schemas.rejected_scenes import Reason

LOG = logging.getLogger(__name__)

CODE_VERSION = "2"
REFUSED = refused_by("attention_heatmap")


class AttentionHeatmapParams(IngestParams):
    """Where attention heatmaps come from."""

    name: ClassVar[str] = "attention_heatmap"

    source: Literal["fixations", "folder", "saliency", "predictor"] = "fixations"
    """`fixations`: recorded gaze; `folder`: heatmaps that exist; `saliency`: a model that needs no
    training predicts; `predictor`: one that the stage attention_model has trained."""
    input: str = "data/fixations"
    """Folder of {video_id}.csv, or of heatmaps; saliency: data/video_scene_cuts/scenes.csv;
    predictor: a promoted copy of outputs/attention_model, such as models/attention_predictor."""
    sigma_degrees: float = Field(1.0, gt=0, le=20)
    """Fixations: the Gaussian's standard deviation in degrees of visual angle."""
    pixels_per_degree: float = Field(35.0, gt=0, le=1000)
    """Fixations: pixels of the frame, as it was displayed, per degree of visual angle."""
    model: str = "spectral_residual"
    """Saliency: `spectral_residual` (OpenCV), `centre_surround`, or `mediaattention:ads`, `:unisal`
    or `:spectral` of the package mediaattention."""
    jpeg_quality: int = Field(95, ge=90, le=100)
    """Of the maps that this stage makes; maps that are taken over stay as they are."""


def main(workspace: Workspace) -> None:
    """Make the heatmaps that are new or changed; write them and what was refused."""
    params = AttentionHeatmapParams.load(workspace)
    plans = {
        "fixations": plan_fixations,
        "folder": plan_folder,
        "saliency": plan_saliency,
        "predictor": plan_predictor,
    }
    plan = plans[params.source](workspace, params)
    with StageOuts(workspace, params.name) as outs:
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
    from pipeline.ground.contract import ContractBroken, read_checked
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
        ParamsError: there is no such model, or its package is not installed.
    """
    from pipeline.attention.models import NAMES

    if params.model not in NAMES:
        raise ParamsError(
            f"attention_heatmap.model must be one of {', '.join(NAMES)}, found {params.model!r}. "
            "For a trained predictor set source: predictor, and input: its folder."
        )
    return _plan_model(workspace, params, params.model)


def plan_predictor(workspace: Workspace, params: AttentionHeatmapParams) -> Plan:
    """Plan one item per scene, for the predictor in the folder `input`.

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

    model = load_attention_model(location, workspace.root)
    size = load_image_size(workspace) if params.source == "predictor" else None
    settings = digest(CODE_VERSION, model.digest, repr(params.jpeg_quality), repr(size))
    items = scene_items(workspace, cut_scenes(workspace), settings)
    work = partial(
        predict_heatmap,
        location=location,
        root=workspace.root,
        size=size,
        jpeg_quality=params.jpeg_quality,
    )
    return Plan(items, in_parallel(work, workspace, params.name, "scene"), [])


def predict_heatmap(
    item: Item,
    staging: Path,
    location: str,
    root: Path,
    size: tuple[int, int] | None,
    jpeg_quality: int,
) -> Made:
    """Write the heatmap of one scene as an attention model predicts it.

    Args:
        item: a scene.
        staging: where to.
        location: of the model, as in `load_attention_model`.
        root: the data root.
        size: (height, width) that the model sees; the image's own by default.
        jpeg_quality: of the file.
    """
    from pipeline.attention.models import load_attention_model
    from pipeline.pictures.tensors import tensor_of

    path, file, scene = item.task
    model = load_attention_model(location, root)
    try:
        image = read_rgb(path)
    except ImageRefused as error:
        return Made(item.name, (), [scene.refusal(error.reason, file, error.found)])
    seen = image if size is None else resize(image, size)
    heatmap = resize(model.maps(tensor_of(seen[None]))[0].numpy(), image.shape[:2])
    if heatmap.max() == heatmap.min():
        found = f"{model.name} finds nothing in this scene"
        return Made(item.name, (), [scene.refusal(Reason.HEATMAP_CONSTANT, file, found)])
    target = f"{HEATMAPS}/{scene.name.relative('jpg')}"
    write_bytes(staging / target, heatmap_file(heatmap, jpeg_quality, "predicted", model.name))
    return Made(item.name, [target])
