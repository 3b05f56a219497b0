"""Stage keyword_masks: where the advertised product is in each scene, as a mask of 0 and 255."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from pipeline.ground.artefacts import CUTS_CSV, MASKS, refused_by
from pipeline.ground.files import digest
from pipeline.ground.outs import StageOuts
from pipeline.ground.parallel import each
from pipeline.ground.params import ComputeParams
from pipeline.ground.weights import fetch_folder
from pipeline.ground.workspace import Workspace
from pipeline.ingest.inputs import content_digests, input_path
from pipeline.ingest.items import Plan, in_parallel, make_items, refusals, refusals_table
from pipeline.ingest.made import Item, Made
from pipeline.ingest.scene_items import scene_items, video_items
from pipeline.ingest.take_over import plan_copies
from pipeline.scenes.cuts import read_cuts
from pipeline.scenes.keywords import KeywordTable, read_keywords
from pipeline.stages.keyword_masks.outlines import mask_outlines
from pipeline.stages.keyword_masks.params import KeywordMasksParams
from schemas.rejected_scenes import Reason, Rejection

LOG = logging.getLogger(__name__)

REFUSED = refused_by("keyword_masks")
# By its name: transformers are imported where they are used.
_CLIPSEG = "pipeline.stages.keyword_masks.clipseg"
# Weights as safetensors alone: loading a pickle runs whatever its maker put into it.
_FILES = ("*.safetensors", "*.json", "*.txt")


def main(workspace: Workspace) -> None:
    """Make the masks that are new or changed; write them and what was refused."""
    params = KeywordMasksParams.load(workspace)
    plans: dict[str, Callable[[Workspace, KeywordMasksParams], Plan]] = {
        "annotations": plan_annotations,
        "clipseg": plan_clipseg,
        "folder": partial(plan_copies, out=MASKS, further_keywords=True),
    }
    plan = plans[params.source](workspace, params)
    with StageOuts(workspace, params.name) as outs:
        made = make_items(outs, plan, [refusals_table(REFUSED, plan)])
    masks, refused = sum(len(result.files) for result in made), len(refusals(plan, made))
    LOG.info("keyword_masks: %d masks, %d refused (%s)", masks, refused, REFUSED)


def plan_annotations(workspace: Workspace, params: KeywordMasksParams) -> Plan:
    """Plan one item per video: what its outline file feeds.

    Raises:
        InputError: there is no such folder, or scene_cuts has not run.
    """
    items, refused = video_items(workspace, params, ".json", Reason.MISSING_MASK)
    make = in_parallel(partial(mask_outlines, out=MASKS), workspace, params.name, "video")
    return Plan(items, make, (mask_outlines.__module__,), refused)


def plan_clipseg(workspace: Workspace, params: KeywordMasksParams) -> Plan:
    """Plan one item per scene whose video has a keyword that names something one can see.

    Raises:
        InputError: the model or the keywords are not there, or scene_cuts has not run.
    """
    table = read_keywords(input_path(workspace, params))
    cuts = read_cuts(workspace.path(CUTS_CSV))
    scenes = [scene for scene in cuts if scene.video_id in table.keywords]
    folder = fetch_folder(params.model, workspace.root, "keyword_masks.model", _FILES)
    settings = digest(model_digest(folder), repr(params.threshold))
    items = []
    for item in scene_items(workspace, scenes, settings):
        words = table.keywords[item.task.scene.video_id]
        keywords = {index: word for index, word in enumerate(words) if word}
        inputs = digest(item.inputs, repr(keywords))
        items.append(item._replace(inputs=inputs, task=(item.task, keywords)))
    refused = _without_keyword({scene.video_id for scene in cuts}, table, params.input)
    make = partial(search_keywords, folder=folder, params=params)
    return Plan(items, make, (_CLIPSEG,), refused)


def _without_keyword(videos: set[str], table: KeywordTable, file: str) -> list[Rejection]:
    """Return the refusals of videos that CLIPSeg must not be asked about."""
    refused = [one._replace(file=file) for one in table.rejections if one.video_id in videos]
    missing = videos - set(table.keywords) - {one.video_id for one in refused}
    found = "no row for this video"
    return refused + [
        Rejection.of((video_id, None), file, Reason.KEYWORD_MISSING, found)
        for video_id in sorted(missing)
    ]


def search_keywords(
    items: Sequence[Item], staging: Path, folder: Path, params: KeywordMasksParams
) -> Iterator[Made]:
    """Ask CLIPSeg for the keywords of each scene, batch by batch, in this process."""
    if not items:
        return
    from pipeline.stages.keyword_masks.clipseg import ClipSeg, search_batch

    size = params.batch_size
    batches = [items[start : start + size] for start in range(0, len(items), size)]
    model = ClipSeg(folder)
    work = partial(
        search_batch, staging=staging, out=MASKS, model=model, threshold=params.threshold
    )
    for made in each(work, batches, ComputeParams(n_jobs=1), params.name, "batch"):
        yield from made


def model_digest(folder: Path) -> str:
    """Return the hash of a model's weights, configuration and vocabulary."""
    paths = sorted(path for pattern in _FILES for path in folder.glob(pattern))
    return digest(*(path.name for path in paths), *content_digests(paths))
