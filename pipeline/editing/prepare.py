"""What all edits of a scene start from: it is encoded and inverted once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.diffusion.precision import half_type
from pipeline.editing.cache import Cache
from pipeline.editing.ddim import noise_levels
from pipeline.editing.denoiser import Denoiser
from pipeline.editing.inversion import Inversion, invert
from pipeline.editing.linear_decoder import linear_decoder
from pipeline.editing.settings import EditParams
from pipeline.storage.files import digest

CODE_VERSION = "6"

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]


class Scene(NamedTuple):
    """One scene at `image_size`.

    Attributes:
        image: H×W×3 uint8.
        mask: H×W, the keyword.
        heatmap: H×W in [0, 1], the scene's own, as the control holds it.
        keyword: its name.
        digest: of the files behind it.
    """

    image: NDArray[np.uint8]
    mask: Mask
    heatmap: Map
    keyword: str
    digest: str


@dataclass(frozen=True)
class Prepared:
    """N scenes, inverted, on the models' device.

    Attributes:
        image: N×3×H×W in [-1, 1].
        round_trip: N×3×H×W, through the autoencoder and back.
        reconstruction: N×3×H×W, inverted and redrawn under the own control: the sham edit.
        decoder: N×3f²×9C, the decoder as a linear map around the round trip.
        text: N×T×D.
        own: N×2×H×W, the controls.
        inversion: where every redraw starts.
        keys: of what is kept of the scenes, and of their edits.
    """

    image: Tensor
    round_trip: Tensor
    reconstruction: Tensor
    decoder: Tensor
    text: Tensor
    own: Tensor
    inversion: Inversion
    keys: tuple[str, ...]


class Preparation:
    """Encodes, inverts and decodes scenes, or has all that from the cache.

    Args:
        denoiser: backbone and ControlNet.
        params: section `edit`.
        models: digest of backbone and ControlNet.
        cache: of inversions.
    """

    def __init__(self, denoiser: Denoiser, params: EditParams, models: str, cache: Cache) -> None:
        self.denoiser = denoiser
        self.params = params
        self.cache = cache
        self.device = next(denoiser.backbone.unet.parameters()).device
        schedule = denoiser.backbone.noise_scheduler().alphas_cumprod
        self.levels = noise_levels(schedule, params.depth, params.steps)
        self.key = preparation_key(models, params, denoiser.uses_control)
        # In the cache, results of 16 and of 32 bits are told apart.
        self._here = digest(self.key, str(half_type(self.device) if denoiser.half else None))

    @torch.no_grad()
    def prepare(self, scenes: Sequence[Scene]) -> Prepared:
        """Return the scenes, ready to be edited."""
        pixels = np.stack([scene.image for scene in scenes]).transpose(0, 3, 1, 2)
        image = self.tensor(pixels) / 127.5 - 1
        own = self.controls([(scene.mask, scene.heatmap) for scene in scenes])
        text = self.denoiser.backbone.encode_texts([scene.keyword for scene in scenes])
        keys = tuple(digest(self._here, scene.digest, scene.keyword) for scene in scenes)
        cached = {place: self.cache.get(key) for place, key in enumerate(keys)}
        found = {place: made for place, made in cached.items() if made is not None}
        missing = [place for place in cached if place not in found]
        for places in chunks(missing, self.params.batch_size):
            made = self._made(image[places], text[places], own[places])
            for row, place in enumerate(places):
                found[place] = {name: values[row : row + 1] for name, values in made.items()}
                self.cache.put(keys[place], found[place])
        # Convolutions round by memory layout: what was computed and what was read must not differ.
        stacked = {
            name: torch.cat([found[place][name].cpu() for place in range(len(keys))])
            .contiguous()
            .to(self.device)
            for name in found[0]
        }
        inversion = Inversion(*(stacked.pop(field.name) for field in fields(Inversion)))
        return Prepared(image=image, text=text, own=own, inversion=inversion, keys=keys, **stacked)

    def _made(self, image: Tensor, text: Tensor, own: Tensor) -> dict[str, Tensor]:
        """Return what is kept of N scenes: their inversions, and what depends on these alone."""
        backbone = self.denoiser.backbone
        latents = backbone.encode_images(image)
        round_trip = backbone.decode(latents)
        inversion = invert(self.denoiser, latents, text, own, self.levels, self.params.refinements)
        return {
            **vars(inversion),
            "round_trip": round_trip,
            "reconstruction": backbone.decode(inversion.redrawn),
            "decoder": linear_decoder(backbone, latents, round_trip),
        }

    def controls(self, maps: Sequence[tuple[NDArray, Map]]) -> Tensor:
        """Return the controls, N×2×H×W, of masks and heatmaps."""
        return self.tensor(np.stack([np.stack(pair) for pair in maps]))

    def tensor(self, values: NDArray) -> Tensor:
        """Return numbers as float32 on the models' device."""
        return torch.from_numpy(np.asarray(values, np.float32)).to(self.device)


def preparation_key(models: str, params: EditParams, uses_control: bool) -> str:
    """Return a digest of all that an inversion depends on besides its scene."""
    used = params.model_dump_json(include={"depth", "steps", "refinements", "half_precision"})
    return digest(models, used, str(uses_control), CODE_VERSION)


def chunks(places: Sequence[int], size: int) -> Iterator[list[int]]:
    """Yield the places in batches."""
    for start in range(0, len(places), size):
        yield list(places[start : start + size])
