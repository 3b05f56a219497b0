"""Ladders: a scene whose product stands out less and more, step by step, and what that does.

There is no second photograph of a scene with a duller product. But a region's contrast to what lies
around it can be scaled (`pipeline.pictures.contrast`), and an attention model says how far
attention moves with it. A ladder is the scene at a few such factors: its latents, and at each
rung the change of the model's log odds of attention on one side against the other. Three ladders
a scene:

- `product`: the product's contrast; attention on it against all the rest;
- `background`: the contrast of all else, falling, so that the same attention rises by it;
- `halves`: one half of the background more, the other less, the product as it is: what a placebo
  asks for (`pipeline.heatmaps.placebo`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset
from tqdm import tqdm

from pipeline.attention.odds import attention_log_odds
from pipeline.diffusion.backbone import Backbone
from pipeline.ground.code import code_digest, versions
from pipeline.ground.files import digest
from pipeline.heatmaps.dose import Region
from pipeline.heatmaps.placebo import FIELD_LEVELS, median_level, random_field
from pipeline.pictures.contrast import scale_contrast, surroundings
from pipeline.pictures.reading import Pixels
from pipeline.pictures.tensors import tensor_of
from pipeline.scenes.pixels import read_scene
from pipeline.scenes.regions import feathered_region, moved_region

if TYPE_CHECKING:
    from pipeline.attention.models import AttentionModel
    from pipeline.editing.cache import Cache

Mask = NDArray[np.bool_]
KINDS = ("product", "background", "halves")
# Standard deviation of the blur that is taken for what lies around a place of the background, of
# the longer side: things smaller than this stand out from it.
_LOCAL = 0.08


class LadderScene(NamedTuple):
    """One scene at the size that models see.

    Attributes:
        image: H×W×3.
        mask: H×W, the keyword.
        heatmap: H×W in [0, 1].
        keyword: its name.
        seed: of the halves.
    """

    image: Pixels
    mask: Mask
    heatmap: NDArray[np.float32]
    keyword: str
    seed: int


class LadderMaker:
    """Makes scenes' three ladders.

    Args:
        backbone: frozen.
        guide: says where attention is.
        factors: of contrast, ascending, 1 among them; attention shifts up from rung to rung.
        feather_px: `edit.feather_px`.
        size: (height, width) of the scenes.

    Attributes:
        makers: modules whose code makes a ladder.
    """

    def __init__(
        self,
        backbone: Backbone,
        guide: AttentionModel,
        factors: Sequence[float],
        feather_px: float,
        size: tuple[int, int],
    ) -> None:
        self.backbone = backbone
        self.guide = guide
        self.factors = list(factors)
        self.feather_px = feather_px
        self.size = size
        self.makers = (__name__, *guide.makers)
        code = digest(code_digest(*self.makers), str(versions(*self.makers)))
        settings = str((self.factors, feather_px))
        self._made_by = digest(code, backbone.digest, guide.digest, settings)

    def key(self, scene: LadderScene) -> str:
        """Return a digest of all that a scene's ladders depend on."""
        arrays = (part.tobytes() for part in (scene.image, scene.mask, scene.heatmap))
        named = str((scene.image.shape, scene.keyword, scene.seed))
        return digest(self._made_by, named, *arrays)

    @torch.no_grad()
    def __call__(self, scene: LadderScene) -> dict[str, Tensor]:
        """Return a scene's ladders of K = len(factors) rungs, on the CPU.

        Returns:
            `latents`, 3×K×C×h×w in 16 bits; `shifts`, 3×K, the changes of the log odds; `control`,
            2×H×W, mask and heatmap; `moves`, 3×H×W, and `weights`, 3×1×h×w: where each ladder
            moves attention (`moved_region`), and where it changes the picture; `text`, T×D.
        """
        device = self.backbone.unet.device
        parts = [_ladder(scene, kind, self.factors, self.feather_px) for kind in KINDS]
        latents, shifts = [], []
        for part in parts:
            pictures = tensor_of(np.stack(part.pictures), device)
            raised, lowered = (torch.from_numpy(side).to(device) for side in part.sides)
            odds = attention_log_odds(self.guide.maps(pictures), raised, lowered)
            latents.append(self.backbone.encode_images(pictures))
            shifts.append(odds - odds[self.factors.index(1)])
        moves = [moved_region(*part.sides, part.weight) for part in parts]
        weights = torch.from_numpy(np.stack([part.weight for part in parts]))[:, None]
        height, width = latents[0].shape[-2:]
        return {
            "latents": torch.stack(latents).cpu().half(),
            "shifts": torch.stack(shifts).cpu().float(),
            "control": torch.from_numpy(np.stack([scene.mask.astype(np.float32), scene.heatmap])),
            "moves": torch.from_numpy(np.stack(moves)),
            "weights": functional.adaptive_max_pool2d(weights, (height, width)),
            "text": self.backbone.encode_texts([scene.keyword])[0].cpu().float(),
        }


class _Ladder(NamedTuple):
    """The pictures of a ladder, the two sides of its attention, and where it may change them."""

    pictures: list[Pixels]
    sides: tuple[Mask, Mask]
    weight: NDArray[np.float32]


def _ladder(scene: LadderScene, kind: str, factors: Sequence[float], feather_px: float) -> _Ladder:
    mask = scene.mask
    region: Region = "keyword" if kind == "product" else "background"
    weight = feathered_region(mask, region, feather_px, scene.image.shape[:2])
    if kind == "product":
        around = surroundings(scene.image, mask)
    else:
        around = _local_mean(scene.image, ~mask)
    sides, powers = (mask, ~mask), np.ones(mask.shape, np.float32)
    if kind == "background":
        powers = -powers
    if kind == "halves":
        half = _smooth_half(np.where(mask, 0, scene.heatmap), scene.seed) & ~mask
        sides, powers = (half, ~half & ~mask), np.where(half, 1, -1).astype(np.float32)
    pictures = [
        scale_contrast(
            scene.image, around, weight, (np.float32(factor) ** powers).astype(np.float32)
        )
        for factor in factors
    ]
    return _Ladder(pictures, sides, weight)


def _smooth_half(heat: NDArray[np.float32], seed: int) -> Mask:
    """Return where the placebo's random field is above its median, weighted with the heat, H×W."""
    field = random_field(heat.shape, seed)
    heats = np.bincount(field.ravel(), weights=heat.ravel(), minlength=FIELD_LEVELS)
    return np.asarray(field > median_level(heats))


def _local_mean(picture: Pixels, counted: Mask) -> NDArray[np.float32]:
    """Return the mean around each pixel, H×W×3, of the pixels that count."""
    sigma = _LOCAL * max(counted.shape)
    weight = counted.astype(np.float32)
    total = cv2.GaussianBlur(picture * weight[..., None], (0, 0), sigma)
    return np.asarray(total / (cv2.GaussianBlur(weight, (0, 0), sigma) + 1e-6)[..., None])


class Ladders(Dataset[dict[str, Any]]):
    """Scenes' ladders as a `LadderMaker` makes them, in memory.

    Args:
        scenes: of each its ladders.
    """

    def __init__(self, scenes: Sequence[dict[str, Tensor]]) -> None:
        self._scenes = scenes

    def __len__(self) -> int:
        return len(self._scenes)

    def __getitem__(self, position: int) -> dict[str, Any]:
        """Return one scene's, in 32 bits."""
        return {name: values.float() for name, values in self._scenes[position].items()}


def read_ladders(
    rows: Sequence[Mapping[Any, Any]], make: LadderMaker, root: Path, seed: int, cache: Cache
) -> Ladders:
    """Return the ladders of scenes: from the cache, or made and put there.

    Args:
        rows: of the scene table.
        make: how.
        root: what the table's paths are relative to.
        seed: of the halves.
        cache: an interrupted run's, another run's.

    Raises:
        InputError: a scene's file is missing or breaks the contract.
    """
    scenes = []
    for row in tqdm(rows, desc="ladders", unit=" scene"):
        scene = ladder_scene(row, root, make.size, seed)
        key = make.key(scene)
        kept = cache.get(key)
        if kept is None:
            kept = make(scene)
            cache.put(key, kept)
        scenes.append(kept)
    cache.prune()
    return Ladders(scenes)


def ladder_scene(
    row: Mapping[Any, Any], root: Path, size: tuple[int, int], seed: int
) -> LadderScene:
    """Read the scene of one row of the scene table; its halves depend on the seed and its name.

    Raises:
        InputError: a file is missing or breaks the contract.
    """
    pixels = read_scene(row, root, size)
    name = digest(str(seed), str(row["video_id"]), str(row["scene_number"]))
    return LadderScene(
        image=pixels.image,
        mask=pixels.mask > 0,
        heatmap=pixels.heatmap.astype(np.float32) / np.float32(255),
        keyword=row["keyword"],
        seed=int(name[:8], 16),
    )
