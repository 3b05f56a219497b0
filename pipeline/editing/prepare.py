"""What all edits of a scene start from: it is encoded and inverted once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.diffusion.ddim import noise_levels
from pipeline.diffusion.precision import half_type
from pipeline.editing.cache import Cache
from pipeline.editing.denoiser import Denoiser
from pipeline.editing.inversion import Inversion, invert
from pipeline.editing.linear_decoder import LinearDecoder, fit_decoder
from pipeline.ground.code import code_digest, versions
from pipeline.ground.files import digest
from pipeline.pictures.tensors import tensor_of

if TYPE_CHECKING:
    from pipeline.editing.params import EditParams

# By its name: here it is a protocol.
_MODELS = ("pipeline.diffusion.backbone", "pipeline.diffusion.controlnet")

T = TypeVar("T")
Map = NDArray[np.float32]
Mask = NDArray[np.bool_]


class SceneArrays(NamedTuple):
    """One scene at `image_size`.

    Attributes:
        image: H×W×3 uint8.
        mask: H×W, the keyword.
        heatmap: H×W in [0, 1], the scene's own, as the control holds it.
        keyword: its name.
    """

    image: NDArray[np.uint8]
    mask: Mask
    heatmap: Map
    keyword: str


@dataclass(frozen=True)
class Prepared:
    """N scenes, inverted, on the models' device.

    Attributes:
        image: N×3×H×W in [-1, 1].
        round_trip: N×3×H×W, through the autoencoder and back.
        reconstruction: N×3×H×W, inverted and redrawn under the own control: the sham edit.
        decoder: as a linear map, fitted around the round trip.
        text: N×T×D.
        own: N×C×H×W, the controls; the third of three channels, the dose, is 0.
        inversion: where every redraw starts.
        keys: of what is kept of the scenes, and of their edits.
    """

    image: Tensor
    round_trip: Tensor
    reconstruction: Tensor
    decoder: LinearDecoder
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
        cache: of what is made of scenes.
    """

    def __init__(self, denoiser: Denoiser, params: EditParams, models: str, cache: Cache) -> None:
        self.denoiser = denoiser
        self.params = params
        self.cache = cache
        self.device = next(denoiser.backbone.unet.parameters()).device
        schedule = denoiser.backbone.noise_scheduler().alphas_cumprod
        self.levels = noise_levels(schedule, params.depth, params.steps)
        self.makers = (__name__, *_MODELS)
        self.key = preparation_key(models, params, denoiser.uses_control)
        self._code = digest(code_digest(*self.makers), str(versions(*self.makers)))
        # In the cache, results of 16 and of 32 bits are told apart.
        self._bits = str(half_type(self.device) if denoiser.half else None)

    @torch.no_grad()
    def prepare(self, scenes: Sequence[SceneArrays]) -> Prepared:
        """Return the scenes, ready to be edited."""
        image = tensor_of(np.stack([scene.image for scene in scenes]), self.device)
        own = self._own_controls(scenes)
        text = self.denoiser.backbone.encode_texts([scene.keyword for scene in scenes])
        pictures = [self._picture_key(scene) for scene in scenes]
        latents, round_trip, jacobian, fit = self._kept(pictures, self._seen, image)
        keys = [self._key(*pair) for pair in zip(scenes, pictures, strict=True)]
        *inversion, reconstruction = self._kept(keys, self._inverted, latents, text, own)
        return Prepared(
            image=image,
            round_trip=round_trip,
            reconstruction=reconstruction,
            decoder=LinearDecoder(jacobian, fit),
            text=text,
            own=own,
            inversion=Inversion(*inversion),
            keys=tuple(keys),
        )

    def _picture_key(self, scene: SceneArrays) -> str:
        """Return a digest of all that the autoencoder's part depends on."""
        size = str(scene.image.shape)
        backbone = self.denoiser.backbone.digest
        return digest("picture", self._code, backbone, size, scene.image.tobytes())

    def _key(self, scene: SceneArrays, picture: str) -> str:
        """Return a digest of all that the inversion depends on, the own control included."""
        control = digest(scene.mask.tobytes(), scene.heatmap.astype(np.float32).tobytes())
        return digest(self._code, self.key, self._bits, picture, control, scene.keyword)

    def _kept(
        self, keys: Sequence[str], make: Callable[..., Sequence[Tensor]], *inputs: Tensor
    ) -> list[Tensor]:
        """Return what is in the cache under the keys, after making what is not, in batches."""
        found = {place: self.cache.get(key) for place, key in enumerate(keys)}
        for places in chunks(
            [place for place in found if not found[place]], self.params.batch_size
        ):
            made = make(*(values[places] for values in inputs))
            for row, place in enumerate(places):
                # A copy: a view would keep the whole batch in memory.
                kept = {str(n): values[row : row + 1].clone() for n, values in enumerate(made)}
                self.cache.put(keys[place], kept)
                found[place] = kept
        # Convolutions round by memory layout: what was computed and what was read must not differ.
        return [
            torch.cat([kept[name].cpu() for kept in found.values() if kept])
            .contiguous()
            .to(self.device)
            for name in found[0] or ()
        ]

    def _seen(self, image: Tensor) -> Sequence[Tensor]:
        """Return what the autoencoder makes of N pictures: latents, round trip, decoder."""
        backbone = self.denoiser.backbone
        latents = backbone.encode_images(image)
        round_trip = backbone.decode(latents)
        decoder = fit_decoder(backbone, latents, round_trip)
        return latents, round_trip, decoder.jacobian, decoder.fit

    def _inverted(self, latents: Tensor, text: Tensor, own: Tensor) -> Sequence[Tensor]:
        """Return N inversions, and the pictures that come back from them."""
        made = invert(self.denoiser, latents, text, own, self.levels, self.params.refinements)
        return *vars(made).values(), self.denoiser.backbone.decode(made.redrawn)

    def _own_controls(self, scenes: Sequence[SceneArrays]) -> Tensor:
        """Return the scenes' own controls: masks, heatmaps, and no dose where one is read."""
        maps = [[scene.mask, scene.heatmap] for scene in scenes]
        if self.denoiser.reads_dose:
            maps = [[*pair, np.zeros_like(pair[1])] for pair in maps]
        return self.tensor(np.stack([np.stack(channels) for channels in maps]))

    def tensor(self, values: NDArray) -> Tensor:
        """Return numbers as float32 on the models' device."""
        return torch.from_numpy(np.asarray(values, np.float32)).to(self.device)


def preparation_key(models: str, params: EditParams, uses_control: bool) -> str:
    """Return a digest of all that an inversion depends on besides its scene and code."""
    used = params.model_dump_json(include={"depth", "steps", "refinements", "half_precision"})
    return digest(models, used, str(uses_control))


def chunks(items: Sequence[T], size: int) -> Iterator[list[T]]:
    """Yield the items in batches."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
