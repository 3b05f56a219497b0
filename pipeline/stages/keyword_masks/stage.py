"""Stage keyword_masks: where the advertised product is in each scene, as a mask of 0 and 255."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from pipeline.ground.artefacts import MASKS, refused_by
from pipeline.ground.files import digest
from pipeline.ground.outs import StageOuts
from pipeline.ground.parallel import each
from pipeline.ground.params import ComputeParams
from pipeline.ground.workspace import Workspace
from pipeline.ingest.inputs import IngestParams, input_path
from pipeline.ingest.items import Item, Made, Plan, add_rejections, in_parallel, make_items
from pipeline.ingest.scene_items import VideoFile, scene_items, video_items
from pipeline.ingest.take_over import plan_copies
from pipeline.pictures.reading import ImageRefused, Pixels, read_rgb
from pipeline.pictures.resizing import resize
from pipeline.scenes.cuts import Scene, cut_scenes
from pipeline.scenes.keywords import KeywordTable, read_keywords
from pipeline.stages.keyword_masks.files import Mask, write_masks
from pipeline.stages.keyword_masks.model_folder import fetch_model, model_digest
from pipeline.stages.keyword_masks.outlines import (
    AnnotationUnreadable,
    draw_outlines,
    outlines_at,
    read_annotation,
)
from schemas.annotations import Annotation
from schemas.rejected_scenes import Reason, Rejection

if TYPE_CHECKING:
    from pipeline.stages.keyword_masks.clipseg import ClipSeg

LOG = logging.getLogger(__name__)

CODE_VERSION = "1"
REFUSED = refused_by("keyword_masks")

_ASPECT_TOLERANCE = 0.02


class KeywordMasksParams(IngestParams):
    """Where keyword masks come from."""

    name: ClassVar[str] = "keyword_masks"

    source: Literal["annotations", "clipseg", "folder"] = "annotations"
    """`annotations`: outlines; `clipseg`: the model, asked for the keyword; `folder`: masks."""
    input: str = "data/annotations"
    """Folder of {video_id}.json; for clipseg the keywords' table; or a folder of masks."""
    model: str = "CIDAS/clipseg-rd64-refined"
    """CLIPSeg: a folder below the data root, or a hub id; weights as safetensors."""
    threshold: float = Field(0.4, gt=0, lt=1)
    """CLIPSeg: probability over which a pixel belongs to the keyword."""
    batch_size: int = Field(16, ge=1)
    """CLIPSeg: scenes at a time; it changes no result."""


def main(workspace: Workspace) -> None:
    """Make the masks that are new or changed; write them and what was refused."""
    params = KeywordMasksParams.load(workspace)
    plans = {"annotations": plan_annotations, "clipseg": plan_clipseg, "folder": plan_folder}
    plan = plans[params.source](workspace, params)
    with StageOuts(workspace, params.name) as outs:
        made = make_items(outs, plan, tables=(REFUSED,))
        refused = add_rejections(outs, REFUSED, plan, made)
    masks = sum(len(result.files) for result in made)
    LOG.info("keyword_masks: %d masks, %d refused (%s)", masks, refused, REFUSED)


def plan_folder(workspace: Workspace, params: KeywordMasksParams) -> Plan:
    """Plan to take over masks that exist, one item each."""
    return plan_copies(workspace, params, MASKS, further_keywords=True)


def plan_annotations(workspace: Workspace, params: KeywordMasksParams) -> Plan:
    """Plan one item per video: what its outline file feeds.

    Raises:
        InputError: there is no such folder, or scene_cuts has not run.
    """
    items, refused = video_items(workspace, params, ".json", Reason.MISSING_MASK, CODE_VERSION)
    return Plan(items, in_parallel(mask_outlines, workspace, params.name, "video"), refused)


def mask_outlines(item: Item, staging: Path) -> Made:
    """Write the masks of one video's scenes from its outlines."""
    drawn: VideoFile = item.task
    try:
        annotation = read_annotation(drawn.path, item.name)
    except AnnotationUnreadable as error:
        refused = drawn.refuse_all(Reason.ANNOTATION_UNREADABLE, str(error))
        return Made(item.name, (), refused)
    files: list[str] = []
    refused = []
    for scene in drawn.scenes:
        frame_aspect = annotation.frame_width / annotation.frame_height
        if abs(frame_aspect * scene.height / scene.width - 1) > _ASPECT_TOLERANCE:
            found = (
                f"outlines of frames of {annotation.frame_width}x{annotation.frame_height}, "
                f"the scene is {scene.width}x{scene.height}"
            )
            refused.append(scene.refusal(Reason.ASPECT_RATIO_DIFFERS, drawn.file, found))
            continue
        written = write_masks(staging, scene, _outlined(annotation, scene))
        files += written
        if not written:
            found = "no outline of the first keyword" + _at(scene.image_time_s)
            refused.append(scene.refusal(Reason.KEYWORD_NOT_IN_SCENE, drawn.file, found))
    return Made(item.name, files, refused)


def _at(image_time_s: float | None) -> str:
    return ": the image's time is unknown" if image_time_s is None else f" at {image_time_s:.3f} s"


def _outlined(annotation: Annotation, scene: Scene) -> dict[int, Mask]:
    """Return {keyword index: mask} of a scene, scaled to its image."""
    if scene.image_time_s is None:
        return {}
    scale = np.divide(
        (scene.width, scene.height), (annotation.frame_width, annotation.frame_height)
    )
    return {
        index: draw_outlines([polygon * scale for polygon in polygons], scene.size)
        for index, polygons in outlines_at(annotation, scene.image_time_s).items()
    }


def plan_clipseg(workspace: Workspace, params: KeywordMasksParams) -> Plan:
    """Plan one item per scene whose video has a keyword that names something one can see.

    Raises:
        InputError: the model or the keywords are not there, or scene_cuts has not run.
    """
    table = read_keywords(input_path(workspace, params))
    cuts = cut_scenes(workspace)
    scenes = [scene for scene in cuts if scene.video_id in table.keywords]
    folder = fetch_model(params.model, workspace.root)
    settings = digest(CODE_VERSION, model_digest(folder), repr(params.threshold))
    items = []
    for item in scene_items(workspace, scenes, settings):
        words = table.keywords[item.task.scene.video_id]
        keywords = {index: word for index, word in enumerate(words) if word}
        items.append(Item(item.name, digest(item.key, repr(keywords)), (item.task, keywords)))
    refused = _without_keyword({scene.video_id for scene in cuts}, table, params.input)
    return Plan(items, partial(search_keywords, folder=folder, params=params), refused)


def _without_keyword(videos: set[str], table: KeywordTable, file: str) -> list[Rejection]:
    """Return the refusals of videos that CLIPSeg must not be asked about."""
    refused = [one._replace(file=file) for one in table.rejections if one.video_id in videos]
    missing = videos - set(table.keywords) - {one.video_id for one in refused}
    found = "no row for this video"
    return refused + [
        Rejection(video_id, None, file, Reason.KEYWORD_MISSING, found)
        for video_id in sorted(missing)
    ]


def search_keywords(
    items: Sequence[Item], staging: Path, folder: Path, params: KeywordMasksParams
) -> Iterator[Made]:
    """Ask CLIPSeg for the keywords of each scene, batch by batch, in this process."""
    if not items:
        return
    from pipeline.stages.keyword_masks.clipseg import ClipSeg

    size = params.batch_size
    batches = [items[start : start + size] for start in range(0, len(items), size)]
    work = partial(search_batch, staging=staging, model=ClipSeg(folder), threshold=params.threshold)
    for made in each(work, batches, ComputeParams(n_jobs=1), params.name, "batch"):
        yield from made


def search_batch(
    items: Sequence[Item], staging: Path, model: ClipSeg, threshold: float
) -> list[Made]:
    """Write the masks of a batch of scenes."""
    made: list[Made] = []
    readable: list[tuple[Item, Pixels]] = []
    for item in items:
        (path, file, scene), _ = item.task
        try:
            readable.append((item, read_rgb(path)))
        except ImageRefused as error:
            made.append(Made(item.name, (), [scene.refusal(error.reason, file, error.found)]))
    pairs = [(image, word) for item, image in readable for word in item.task[1].values()]
    probabilities = iter(model(*zip(*pairs, strict=True)) if pairs else ())
    for item, _ in readable:
        (_, file, scene), keywords = item.task
        masks = {i: resize(next(probabilities), scene.size) > threshold for i in keywords}
        files = write_masks(staging, scene, masks)
        found = f"CLIPSeg finds {keywords[0]!r} nowhere with a probability over {threshold}"
        refused = [] if files else [scene.refusal(Reason.KEYWORD_NOT_IN_SCENE, file, found)]
        made.append(Made(item.name, files, refused))
    return made
