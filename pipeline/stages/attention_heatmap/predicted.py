"""The work on one scene that an attention model looks at: its heatmap."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.ground.files import write_bytes
from pipeline.heatmaps.provenance import heatmap_file
from pipeline.ingest.made import Item, Made
from pipeline.pictures.reading import ImageRefused, read_rgb
from pipeline.pictures.resizing import resize
from pipeline.pictures.tensors import tensor_of
from schemas.rejected_scenes import Reason

if TYPE_CHECKING:
    from pipeline.attention.models import AttentionModel


def predict_heatmap(
    item: Item,
    staging: Path,
    out: str,
    load_model: Callable[[], AttentionModel],
    size: tuple[int, int] | None,
    jpeg_quality: int,
) -> Made:
    """Write the heatmap of one scene, below `out`, as an attention model predicts it.

    The model, loaded in the process that asks for it, sees the image at `size` (height, width), by
    default at the image's own.
    """
    path, file, scene = item.task
    model = load_model()
    try:
        image = read_rgb(path)
    except ImageRefused as error:
        return Made(item.name, (), [scene.refusal(error.reason, file, error.found)])
    seen = image if size is None else resize(image, size)
    heatmap = resize(model.maps(tensor_of(seen[None]))[0].numpy(), image.shape[:2])
    if heatmap.max() == heatmap.min():
        found = f"{model.name} finds nothing in this scene"
        return Made(item.name, (), [scene.refusal(Reason.HEATMAP_CONSTANT, file, found)])
    target = f"{out}/{scene.name.relative('jpg')}"
    write_bytes(staging / target, heatmap_file(heatmap, jpeg_quality, "predicted", model.name))
    return Made(item.name, [target])
