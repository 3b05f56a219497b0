"""The editor: prepares scenes once, then makes any number of edits of them, in batches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.editing.cache import InversionCache
from pipeline.editing.calibration import StrengthSearch
from pipeline.editing.ddim import noise_levels, psnr_db
from pipeline.editing.denoiser import Denoiser
from pipeline.editing.guidance import Canvas, GradientGuidance, log_odds
from pipeline.editing.inversion import Inversion, invert
from pipeline.editing.models import Guide
from pipeline.editing.redraw import Request, redraw
from pipeline.editing.settings import EditParams
from pipeline.storage.files import digest

CODE_VERSION = "1"

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


class Ask(NamedTuple):
    """One edit of a scene.

    Attributes:
        scene: position among the prepared scenes.
        heatmap: H×W in [0, 1], the modified one.
        weight: H×W in [0, 1], where the edit may change the picture (`feathered_region`).
        raised: H×W, where attention is to rise.
        lowered: H×W, at whose cost.
        shift: requested change of the log odds of attention on `raised` against `lowered`.
        strength: to edit with; None calibrates it.
    """

    scene: int
    heatmap: Map
    weight: Map
    raised: Mask
    lowered: Mask
    shift: float
    strength: float | None = None


class Edited(NamedTuple):
    """What became of one edit.

    Attributes:
        difference: H×W×3 float32 grey levels, everywhere: the edited picture minus the unedited
            reconstruction, which is redrawn from the same noise.
        strength: it was made with.
        unedited_odds: log odds that the guide sees in the original.
        achieved_odds: … and in the edited scene.
        evaluations: redraws made for it.
        reached: whether the guide sees the dose, within 5 % of the share.
        outside_psnr_db: what the model itself did outside the region, before compositing, against
            the autoencoder's round trip.
        whole_psnr_db: the same over the whole frame; for a sham edit, its identity.
    """

    difference: NDArray[np.float32]
    strength: float
    unedited_odds: float
    achieved_odds: float
    evaluations: int
    reached: bool
    outside_psnr_db: float
    whole_psnr_db: float


@dataclass(frozen=True)
class Prepared:
    """N scenes, inverted, on the models' device.

    Attributes:
        image: N×3×H×W in [-1, 1].
        round_trip: N×3×H×W, through the autoencoder and back.
        reconstruction: N×3×H×W, inverted and redrawn under the own control: the sham edit.
        text: N×T×D.
        own: N×2×H×W, the controls.
        inversion: where every redraw starts.
    """

    image: Tensor
    round_trip: Tensor
    reconstruction: Tensor
    text: Tensor
    own: Tensor
    inversion: Inversion


class SceneEditor:
    """Edits scenes with frozen models.

    Args:
        denoiser: backbone and ControlNet.
        guide: the attention model; it calibrates, and guides where the gradient does.
        params: section `edit`.
        models: digest of backbone and ControlNet.
        cache: of inversions.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        guide: Guide,
        params: EditParams,
        models: str,
        cache: InversionCache,
    ) -> None:
        self.denoiser = denoiser
        self.guide = guide
        self.params = params
        self.cache = cache
        self.device = next(denoiser.backbone.unet.parameters()).device
        schedule = denoiser.backbone.noise_scheduler().alphas_cumprod
        self.levels = noise_levels(schedule, params.depth, params.steps)
        fields = {"depth", "steps", "refinements", "half_precision"}
        scale = str(denoiser.control_scale)
        self._key = digest(models, params.model_dump_json(include=fields), scale, CODE_VERSION)
        self._gradient = (
            GradientGuidance(
                guide, denoiser.backbone, params.gradient_strength, params.half_precision
            )
            if params.gradient_strength
            else None
        )

    def key(self) -> str:
        """Return a digest of the models and of all params that an edit depends on."""
        elsewhere = {"videos", "batch_size", "cache_gb"}
        return digest(self._key, self.params.model_dump_json(exclude=elsewhere))

    @torch.no_grad()
    def prepare(self, scenes: Sequence[Scene]) -> Prepared:
        """Encode and invert scenes; inversions come from the cache where it has them."""
        backbone = self.denoiser.backbone
        pixels = np.stack([scene.image for scene in scenes]).transpose(0, 3, 1, 2)
        image = self._tensor(pixels) / 127.5 - 1
        own = self._controls([(scene.mask, scene.heatmap) for scene in scenes])
        latents = torch.cat([backbone.encode_images(part) for part in self._split(image)])
        round_trip = torch.cat([backbone.decode(part) for part in self._split(latents)])
        text = backbone.encode_texts([scene.keyword for scene in scenes])
        inversion = self._inversions(scenes, latents, text, own)
        reconstruction = torch.cat([backbone.decode(x) for x in self._split(inversion.redrawn)])
        return Prepared(image, round_trip, reconstruction, text, own, inversion)

    def _inversions(
        self, scenes: Sequence[Scene], latents: Tensor, text: Tensor, own: Tensor
    ) -> Inversion:
        keys = [digest(self._key, scene.digest, scene.keyword) for scene in scenes]
        cached = {place: self.cache.get(key) for place, key in enumerate(keys)}
        found = {place: made for place, made in cached.items() if made is not None}
        missing = [place for place in cached if place not in found]
        for places in _chunks(missing, self.params.batch_size):
            made = invert(
                self.denoiser,
                latents[places],
                text[places],
                own[places],
                self.levels,
                self.params.refinements,
            )
            for row, place in enumerate(places):
                found[place] = made.take(torch.tensor([row]))
                self.cache.put(keys[place], found[place])
        # Convolutions round by memory layout: what was computed and what was read must not differ.
        ordered = [vars(found[place]) for place in range(len(scenes))]
        return Inversion(
            **{
                name: torch.cat([each[name] for each in ordered]).contiguous().to(self.device)
                for name in ordered[0]
            }
        )

    @torch.no_grad()
    def edit(self, prepared: Prepared, asks: Sequence[Ask]) -> list[Edited]:
        """Make edits; those without a strength are calibrated, in at most three rounds."""
        unedited = np.array([0.0] * len(asks))
        for places in _chunks(range(len(asks)), self.params.batch_size):
            canvas = self._canvas(prepared, [asks[place] for place in places])
            unedited[places] = log_odds(self.guide, canvas.image, canvas).cpu().double().numpy()
        shifts = np.array([ask.shift for ask in asks])
        search = StrengthSearch(unedited, shifts, self.params.tolerance, self.params.strength_limit)
        fixed = {place for place, ask in enumerate(asks) if ask.strength is not None}
        results: dict[int, Edited] = {}
        which, strengths = search.proposals()
        for place in fixed:
            strengths[place] = asks[place].strength
        while len(which):
            achieved = np.empty(len(which))
            drawn = {}
            for rows in _chunks(range(len(which)), self.params.batch_size):
                chosen = [asks[which[row]] for row in rows]
                goals = unedited[which[rows]] + strengths[rows] * shifts[which[rows]]
                for row, made in zip(
                    rows, self._redraw(prepared, chosen, strengths[rows], goals), strict=True
                ):
                    drawn[row] = made
                    achieved[row] = made.achieved_odds
            better = search.record(which, achieved)
            for row, place in enumerate(which):
                if better[row] or place in fixed:
                    results[place] = drawn[row]
            which, strengths = search.proposals()
            going_on = [row for row, place in enumerate(which) if place not in fixed]
            which, strengths = which[going_on], strengths[going_on]
        return [
            results[place]._replace(
                unedited_odds=float(unedited[place]),
                evaluations=int(search.evaluations[place]),
                reached=bool(search.reached[place]),
            )
            for place in range(len(asks))
        ]

    def _redraw(
        self,
        prepared: Prepared,
        asks: Sequence[Ask],
        strengths: NDArray[np.float64],
        goals: NDArray[np.float64],
    ) -> Iterator[Edited]:
        """Redraw one batch."""
        scenes = torch.tensor([ask.scene for ask in asks], device=self.device)
        canvas = self._canvas(prepared, asks)
        mask = prepared.own[scenes, 0].cpu().numpy()
        request = Request(
            text=prepared.text[scenes],
            own=prepared.own[scenes],
            wanted=self._controls([(m, ask.heatmap) for m, ask in zip(mask, asks, strict=True)]),
            goal=self._tensor(goals),
            control_gain=self._tensor(strengths) * self.params.control_strength,
        )
        inversion = prepared.inversion.take(scenes)
        latents = redraw(self.denoiser, inversion, canvas, request, self.levels, self._gradient)
        decoded = self.denoiser.backbone.decode(latents)
        odds = log_odds(self.guide, canvas.composite(decoded), canvas)
        error = decoded - prepared.round_trip[scenes]
        outside = psnr_db(error, (canvas.weight == 0).float())
        whole = psnr_db(error)
        change = decoded - canvas.unedited
        differences = (change * 127.5).permute(0, 2, 3, 1).float().cpu().numpy()
        for row, difference in enumerate(differences):
            yield Edited(
                difference=difference,
                strength=float(strengths[row]),
                unedited_odds=math.nan,
                achieved_odds=odds[row].item(),
                evaluations=1,
                reached=False,
                outside_psnr_db=outside[row].item(),
                whole_psnr_db=whole[row].item(),
            )

    def _canvas(self, prepared: Prepared, asks: Sequence[Ask]) -> Canvas:
        scenes = torch.tensor([ask.scene for ask in asks], device=self.device)
        return Canvas(
            image=prepared.image[scenes],
            latents=prepared.inversion.redrawn[scenes],
            unedited=prepared.reconstruction[scenes],
            weight=self._tensor(np.stack([ask.weight for ask in asks])[:, None]),
            raised=self._tensor(np.stack([ask.raised for ask in asks])),
            lowered=self._tensor(np.stack([ask.lowered for ask in asks])),
        )

    def _controls(self, maps: Sequence[tuple[NDArray, Map]]) -> Tensor:
        return self._tensor(np.stack([np.stack(pair) for pair in maps]))

    def _tensor(self, values: NDArray) -> Tensor:
        return torch.from_numpy(np.asarray(values, np.float32)).to(self.device)

    def _split(self, tensor: Tensor) -> tuple[Tensor, ...]:
        return tensor.split(self.params.batch_size)


def _chunks(places: Sequence[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(places), size):
        yield list(places[start : start + size])
