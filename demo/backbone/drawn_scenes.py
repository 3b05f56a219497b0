"""The scenes that the backbone is trained on: freshly drawn, never those of the demo corpus.

The corpus draws with generators seeded by ``[video id, stream, …]``. Here every scene's seed begins
with `STREAM`, more words of entropy than any 19-digit id has, so no two streams are the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from demo.drawing import draw_scene, product_outline
from demo.scenes import SceneObject, SceneSpec, sample_ad_style, sample_scene
from pipeline.ground.files import replacing, write_text
from pipeline.ground.parallel import each
from pipeline.ground.params import ComputeParams
from pipeline.pictures.resizing import resize

STREAM = int.from_bytes(b"gazeshift backbone", "big")
# As the corpus's videos are drawn: reduced later, like their frames, so edges are as soft.
DRAWN_SIZE = (480, 270)
VIVIDNESS = (0.05, 1.0)
WITHOUT_PRODUCT = 0.04
NO_KEYWORD = ""
_CHUNK = 100


class Part(NamedTuple):
    """Scenes with consecutive numbers; the parts of one seed never share a scene."""

    name: str
    scenes: int


@dataclass(frozen=True)
class DrawnScenes:
    """Drawn scenes on disk.

    Attributes:
        images: N×H×W×3 uint8 RGB, memory-mapped.
        masks: N×H×W uint8 in {0, 255}, the product, memory-mapped.
        keywords: The product's name of each scene, "" where there is none.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    keywords: list[str]


def sample_training_scene(seed: int, part: str, number: int) -> SceneSpec:
    """Sample one scene, with the vividness of all its objects over the whole of `VIVIDNESS`."""
    rng = np.random.default_rng([STREAM, seed, int.from_bytes(part.encode(), "big"), number])
    with_product = bool(rng.random() >= WITHOUT_PRODUCT)
    scene = sample_scene(rng, sample_ad_style(rng), with_product=with_product)

    def vary(thing: SceneObject) -> SceneObject:
        return replace(thing, vividness=float(rng.uniform(*VIVIDNESS)))

    return replace(
        scene,
        product=vary(scene.product) if scene.product else None,
        distractors=tuple(vary(thing) for thing in scene.distractors),
    )


def draw_training_scene(
    scene: SceneSpec, image_size: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw a scene's middle as the corpus would, reduced to `image_size` (height, width).

    Returns:
        H×W×3 uint8 RGB, and the product's H×W mask, uint8 in {0, 255}.
    """
    time_s = scene.duration_s / 2
    image = resize(draw_scene(scene, time_s, DRAWN_SIZE), image_size)
    mask = np.zeros(DRAWN_SIZE, np.uint8)
    outline = product_outline(scene, time_s, DRAWN_SIZE)
    cv2.fillPoly(mask, [np.rint(points - 0.5).astype(np.int32) for points in outline], 255)
    return image, np.where(resize(mask, image_size) > 127, 255, 0).astype(np.uint8)


def load_or_draw(
    folder: Path, part: Part, seed: int, image_size: tuple[int, int], compute: ComputeParams
) -> DrawnScenes:
    """Return a part of the training scenes; draw them unless `folder` has them all.

    About 5 ms and 68 kB a scene at 176×96.
    """
    stem = f"{part.name}-{part.scenes}-{seed}-{image_size[0]}x{image_size[1]}"
    paths = {
        kind: folder / f"{stem}-{kind}" for kind in ("images.npy", "masks.npy", "keywords.json")
    }
    # The keywords are written last: where they are, everything is.
    if not paths["keywords.json"].exists():
        _draw_all(paths, part, seed, image_size, compute)
    return DrawnScenes(
        images=np.load(paths["images.npy"], mmap_mode="r"),
        masks=np.load(paths["masks.npy"], mmap_mode="r"),
        keywords=json.loads(paths["keywords.json"].read_text(encoding="utf-8")),
    )


def _draw_all(
    paths: dict[str, Path],
    part: Part,
    seed: int,
    image_size: tuple[int, int],
    compute: ComputeParams,
) -> None:
    keywords = [""] * part.scenes
    starts = range(0, part.scenes, _CHUNK)
    chunks = [range(start, min(start + _CHUNK, part.scenes)) for start in starts]
    draw = partial(_draw_chunk, seed=seed, part=part.name, image_size=image_size)
    with replacing(paths["images.npy"]) as images_path, replacing(paths["masks.npy"]) as masks_path:
        shape = (part.scenes, *image_size)
        images = open_memmap(images_path, "w+", np.uint8, (*shape, 3))
        masks = open_memmap(masks_path, "w+", np.uint8, shape)
        label = f"drawing {part.scenes:,} {part.name} scenes"
        for chunk, drawn in each(draw, chunks, compute, label, f"× {_CHUNK}"):
            for number, (image, mask, keyword) in zip(chunk, drawn, strict=True):
                images[number], masks[number], keywords[number] = image, mask, keyword
    write_text(paths["keywords.json"], json.dumps(keywords))


def _draw_chunk(
    numbers: Sequence[int], seed: int, part: str, image_size: tuple[int, int]
) -> tuple[Sequence[int], list[tuple[NDArray[np.uint8], NDArray[np.uint8], str]]]:
    drawn = []
    for number in numbers:
        scene = sample_training_scene(seed, part, number)
        keyword = scene.product.name if scene.product else NO_KEYWORD
        drawn.append((*draw_training_scene(scene, image_size), keyword))
    return numbers, drawn
