"""What all edits of a scene start from: it is encoded and inverted once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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

CODE_VERSION = "5"

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
        keys: of the inversions, for what is kept of their edits.
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
    """Encodes and inverts scenes, or has their inversions from the cache.

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
        backbone = self.denoiser.backbone
        pixels = np.stack([scene.image for scene in scenes]).transpose(0, 3, 1, 2)
        image = self.tensor(pixels) / 127.5 - 1
        own = self.controls([(scene.mask, scene.heatmap) for scene in scenes])
        latents = torch.cat([backbone.encode_images(part) for part in self._split(image)])
        round_trip = torch.cat([backbone.decode(part) for part in self._split(latents)])
        text = backbone.encode_texts([scene.keyword for scene in scenes])
        keys = tuple(digest(self._here, scene.digest, scene.keyword) for scene in scenes)
        inversion = self._inversions(keys, latents, text, own)
        reconstruction = torch.cat([backbone.decode(x) for x in self._split(inversion.redrawn)])
        decoder = torch.cat(
            [
                linear_decoder(backbone, *parts)
                for parts in zip(self._split(latents), self._split(round_trip), strict=True)
            ]
        )
        return Prepared(image, round_trip, reconstruction, decoder, text, own, inversion, keys)

    def _inversions(
        self, keys: Sequence[str], latents: Tensor, text: Tensor, own: Tensor
    ) -> Inversion:
        cached = {place: self.cache.get(key) for place, key in enumerate(keys)}
        found = {place: made for place, made in cached.items() if made is not None}
        missing = [place for place in cached if place not in found]
        for places in chunks(missing, self.params.batch_size):
            made = invert(
                self.denoiser,
                latents[places],
                text[places],
                own[places],
                self.levels,
                self.params.refinements,
            )
            for row, place in enumerate(places):
                found[place] = vars(made.take(torch.tensor([row])))
                self.cache.put(keys[place], found[place])
        # Convolutions round by memory layout: what was computed and what was read must not differ.
        ordered = [found[place] for place in range(len(keys))]
        return Inversion(
            **{
                name: torch.cat([each[name].cpu() for each in ordered]).contiguous().to(self.device)
                for name in ordered[0]
            }
        )

    def controls(self, maps: Sequence[tuple[NDArray, Map]]) -> Tensor:
        """Return the controls, N×2×H×W, of masks and heatmaps."""
        return self.tensor(np.stack([np.stack(pair) for pair in maps]))

    def tensor(self, values: NDArray) -> Tensor:
        """Return numbers as float32 on the models' device."""
        return torch.from_numpy(np.asarray(values, np.float32)).to(self.device)

    def _split(self, tensor: Tensor) -> tuple[Tensor, ...]:
        return tensor.split(self.params.batch_size)


def preparation_key(models: str, params: EditParams, uses_control: bool) -> str:
    """Return a digest of all that an inversion depends on besides its scene."""
    used = params.model_dump_json(include={"depth", "steps", "refinements", "half_precision"})
    return digest(models, used, str(uses_control), CODE_VERSION)


def chunks(places: Sequence[int], size: int) -> Iterator[list[int]]:
    """Yield the places in batches."""
    for start in range(0, len(places), size):
        yield list(places[start : start + size])
