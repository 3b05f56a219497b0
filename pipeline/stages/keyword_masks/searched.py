"""The work on a batch of scenes whose product CLIPSeg is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.ingest.made import Item, Made
from pipeline.pictures.reading import ImageRefused, Pixels, read_rgb
from pipeline.pictures.resizing import resize
from pipeline.stages.keyword_masks.clipseg import ClipSeg
from pipeline.stages.keyword_masks.files import write_masks
from schemas.rejected_scenes import Reason


def search_batch(
    items: Sequence[Item], staging: Path, out: str, model: ClipSeg, threshold: float
) -> list[Made]:
    """Write the masks of a batch of scenes below `out`."""
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
        files = write_masks(staging, out, scene, masks)
        found = f"CLIPSeg finds {keywords[0]!r} nowhere with a probability over {threshold}"
        refused = [] if files else [scene.refusal(Reason.KEYWORD_NOT_IN_SCENE, file, found)]
        made.append(Made(item.name, files, refused))
    return made
