"""CLIPSeg: where a text says a thing is, from transformers' own class and safetensors weights.

Lüddecke & Ecker 2022, "Image segmentation using text and image prompts", CVPR.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import CLIPSegForImageSegmentation, CLIPSegProcessor

from pipeline.ground.weights import Origin, load_pretrained, load_processor, tokenizer_faults
from pipeline.ingest.made import Item, Made
from pipeline.pictures.reading import ImageRefused, Pixels, read_rgb
from pipeline.pictures.resizing import resize
from pipeline.stages.keyword_masks.files import write_masks
from schemas.rejected_scenes import Reason

_ORIGIN = Origin(
    "keyword_masks.model",
    "Copy the model's folder again, whole and with safetensors weights, or name another CLIPSeg.",
)


class ClipSeg:
    """The model in memory, on the GPU if there is one.

    Args:
        folder: a transformers model folder of CLIPSeg with safetensors weights.

    Raises:
        InputError: the folder holds no such model, or a damaged one.
    """

    def __init__(self, folder: Path) -> None:
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        model = load_pretrained(
            CLIPSegForImageSegmentation, folder, _ORIGIN, ignore_mismatched_sizes=True
        )
        self._processor = load_processor(CLIPSegProcessor, folder, _ORIGIN)
        for fault in tokenizer_faults(self._processor.tokenizer, model.config.text_config):
            raise _ORIGIN.fault(folder, f"has a tokenizer that {fault}")
        self._model = model.to(self._device).eval()

    def __call__(self, images: Sequence[Pixels], texts: Sequence[str]) -> NDArray[np.float32]:
        """Return for each pair the probability that the text is there, N×h×w in [0, 1].

        Args:
            images: N images, H×W×3 RGB, of any sizes.
            texts: N texts.
        """
        inputs = self._processor(
            text=list(texts),
            images=list(images),
            # One length for all: a scene's mask must not depend on which scenes are beside it.
            padding="max_length",
            truncation=True,
            return_tensors="pt",
        )
        with torch.inference_mode():
            logits = self._model(**inputs.to(self._device)).logits
        return torch.sigmoid(logits.float()).reshape(len(texts), *logits.shape[-2:]).cpu().numpy()


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
