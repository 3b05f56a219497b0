"""The editor: any number of edits of prepared scenes, in batches, calibrated on the guide."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.attention.odds import attention_log_odds
from pipeline.editing.cache import Cache
from pipeline.editing.calibration import StrengthSearch
from pipeline.editing.colour_maps import colour_maps, levels_of
from pipeline.editing.denoiser import Denoiser
from pipeline.editing.guidance import Canvas, GradientGuidance, GuideView, guide_log_odds
from pipeline.editing.prepare import Map, Mask, Preparation, Prepared, SceneArrays, chunks
from pipeline.editing.redraw import Request, redraw
from pipeline.ground.code import code_digest, versions
from pipeline.ground.errors import InputError
from pipeline.ground.files import digest
from pipeline.pictures.likeness import structure_similarity
from pipeline.pictures.tensors import images_psnr_db, pixels_of

if TYPE_CHECKING:
    from pipeline.attention.models import AttentionModel
    from pipeline.editing.params import EditParams


class Ask(NamedTuple):
    """One edit of a scene.

    Attributes:
        scene: position among the prepared scenes.
        heatmap: H×W in [0, 1], the modified one.
        weight: H×W in [0, 1], where the edit may change the picture (`feathered_region`).
        raised: H×W, where attention is to rise.
        lowered: H×W, at whose cost.
        moves: H×W, where, for each unit of the shift (`moved_region`); for a ControlNet that reads
            the dose.
        shift: requested change of the log odds of attention on `raised` against `lowered`.
        strength: to edit with; None calibrates it.
        sham: the own control, to learn what inverting and redrawing do by themselves: the
            difference is taken from the autoencoder's round trip, not from the same redraw, from
            which it would differ by nothing.
    """

    scene: int
    heatmap: Map
    weight: Map
    raised: Mask
    lowered: Mask
    moves: Map
    shift: float
    strength: float | None = None
    sham: bool = False


class Edited(NamedTuple):
    """What became of one edit.

    Attributes:
        change: of the edited picture minus the unedited reconstruction, which is redrawn from the
            same noise, everywhere, what is kept, float32, as `pipeline.scenes.regions.add_change`
            takes it.
        strength: it was made with.
        unedited_odds: log odds that the guide sees in the original.
        achieved_odds: … and in the edited scene.
        evaluations: redraws made for it.
        reached: whether the guide sees the dose, within 5 % of the share.
        outside_psnr_db: what the model itself did outside the region, before compositing, against
            the autoencoder's round trip.
        whole_psnr_db: the same over the whole frame; for a sham edit, its identity.
        whole_ssim: structure similarity of the whole frame, likewise.
        decoder_fit: R² of the scene's linear decoder (`edit.least_decoder_fit`).
    """

    change: NDArray[np.float32]
    strength: float
    unedited_odds: float
    achieved_odds: float
    evaluations: int
    reached: bool
    outside_psnr_db: float
    whole_psnr_db: float
    whole_ssim: float
    decoder_fit: float


class SceneEditor:
    """Edits scenes with frozen models.

    Args:
        denoiser: backbone and ControlNet.
        guide: the attention model; it calibrates, and guides where the gradient does.
        params: section `edit`.
        models: digest of backbone, ControlNet and guide.
        cache: of inversions and edits.

    Attributes:
        makers: modules whose code makes an edit.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        guide: AttentionModel,
        params: EditParams,
        models: str,
        cache: Cache,
    ) -> None:
        self.denoiser = denoiser
        self.guide = guide
        self.params = params
        self.cache = cache
        self._preparation = Preparation(denoiser, params, models, cache)
        self.makers = (__name__, *self._preparation.makers, *guide.makers)
        self._code = digest(code_digest(*self.makers), str(versions(*self.makers)))
        self._view = GuideView(guide, denoiser.backbone, params.least_decoder_fit, denoiser.half)
        self._gradient = (
            GradientGuidance(self._view, params.gradient_strength, params.gradient_steps)
            if params.gradient_strength
            else None
        )

    def key(self) -> str:
        """Return a digest of the models and of all params that an edit depends on, but code."""
        return editor_key(self._preparation.key, self.params)

    def prepare(self, scenes: Sequence[SceneArrays]) -> Prepared:
        """Encode and invert scenes, as far as the cache does not have that."""
        return self._preparation.prepare(scenes)

    def edit(self, prepared: Prepared, asks: Sequence[Ask]) -> list[Edited]:
        """Return the edits: from the cache where an earlier run or stage made them, else made."""
        keys = [self._ask_key(prepared, ask) for ask in asks]
        kept = [self.cache.get(key) for key in keys]
        results = {place: _unpacked(edit) for place, edit in enumerate(kept) if edit is not None}
        missing = [place for place in range(len(asks)) if place not in results]
        made = self._calibrated(prepared, [asks[place] for place in missing])
        for place, edited in zip(missing, made, strict=True):
            results[place] = edited
            self.cache.put(keys[place], _packed(edited))
        return [results[place] for place in range(len(asks))]

    def _ask_key(self, prepared: Prepared, ask: Ask) -> str:
        maps = b"".join(part.tobytes() for part in ask[1:6])
        return digest(self._code, self.key(), prepared.keys[ask.scene], str(ask[6:]), maps)

    @torch.no_grad()
    def _calibrated(self, prepared: Prepared, asks: Sequence[Ask]) -> list[Edited]:
        """Make edits; those without a strength are calibrated, in at most three rounds."""
        unedited = self._unedited_odds(prepared, asks)
        search = StrengthSearch(
            unedited,
            np.array([ask.shift for ask in asks]),
            self.params.tolerance,
            self.params.strength_limit,
            {place: ask.strength for place, ask in enumerate(asks) if ask.strength is not None},
        )
        results: dict[int, Edited] = {}
        which, strengths = search.proposals()
        while len(which):
            chosen = [asks[place] for place in which]
            goals = unedited[which] + strengths * search.shift[which]
            drawn = self._redraws(prepared, chosen, strengths, goals)
            _refuse_not_finite(drawn)
            better = search.record(which, np.array([edited.achieved_odds for edited in drawn]))
            results |= {
                place: edited
                for place, edited, best in zip(which.tolist(), drawn, better, strict=True)
                if best
            }
            which, strengths = search.proposals()
        return [
            results[place]._replace(
                unedited_odds=float(unedited[place]),
                evaluations=int(search.evaluations[place]),
                reached=bool(search.reached[place]),
            )
            for place in range(len(asks))
        ]

    def _unedited_odds(self, prepared: Prepared, asks: Sequence[Ask]) -> NDArray[np.float64]:
        odds = np.empty(len(asks))
        for places in chunks(range(len(asks)), self.params.batch_size):
            batch = [asks[place] for place in places]
            maps = self.guide.maps(prepared.image[self._scenes(batch)])
            odds[places] = attention_log_odds(maps, *self._sides(batch)).cpu().double().numpy()
        return odds

    def _redraws(
        self,
        prepared: Prepared,
        asks: Sequence[Ask],
        strengths: NDArray[np.float64],
        goals: NDArray[np.float64],
    ) -> list[Edited]:
        """Redraw in batches."""
        made: list[Edited] = []
        for rows in chunks(range(len(asks)), self.params.batch_size):
            batch = [asks[row] for row in rows]
            made += self._redraw(prepared, batch, strengths[rows], goals[rows])
        return made

    def _redraw(
        self,
        prepared: Prepared,
        asks: Sequence[Ask],
        strengths: NDArray[np.float64],
        goals: NDArray[np.float64],
    ) -> Iterator[Edited]:
        """Redraw one batch; strengths scale what is asked for."""
        scenes = self._scenes(asks)
        canvas = self._canvas(prepared, asks)
        gain = np.full_like(strengths, self.params.control_strength)
        if not (self.denoiser.reads_dose or self._gradient):
            gain *= strengths
        request = Request(
            text=prepared.text[scenes],
            own=prepared.own[scenes],
            heatmap=self._maps([ask.heatmap for ask in asks]),
            moves=self._maps([ask.moves for ask in asks]),
            shift=self._preparation.tensor(strengths * [ask.shift for ask in asks]),
            goal=self._preparation.tensor(goals),
            control_gain=self._preparation.tensor(gain),
        )
        inversion = prepared.inversion.take(scenes)
        latents = redraw(
            *(self.denoiser, inversion, canvas, request),
            *(self._preparation.levels, self._view, self._gradient),
        )
        decoded = self.denoiser.backbone.decode(latents)
        kept = canvas.kept(decoded - canvas.unedited)
        odds = guide_log_odds(self.guide, canvas.composite(kept), canvas)
        round_trip = prepared.round_trip[scenes]
        error = decoded - round_trip
        outside = images_psnr_db(error, (canvas.weight == 0).float())
        whole = images_psnr_db(error)
        changes = levels_of(kept)
        before, after = pixels_of(round_trip), pixels_of(decoded)
        for row, change in enumerate(changes):
            yield Edited(
                change=change,
                strength=float(strengths[row]),
                unedited_odds=math.nan,
                achieved_odds=odds[row].item(),
                evaluations=1,
                reached=False,
                outside_psnr_db=outside[row].item(),
                whole_psnr_db=whole[row].item(),
                whole_ssim=float(structure_similarity(before[row], after[row]).mean()),
                decoder_fit=canvas.decoder.fit[row].item(),
            )

    def _canvas(self, prepared: Prepared, asks: Sequence[Ask]) -> Canvas:
        scenes = self._scenes(asks)
        raised, lowered = self._sides(asks)
        sham = torch.tensor([ask.sham for ask in asks], device=scenes.device)[:, None, None, None]
        image = prepared.image[scenes]
        latents = prepared.inversion.redrawn[scenes]
        weight = self._maps([ask.weight for ask in asks])
        window, factor = self.params.colour_window, image.shape[-1] // latents.shape[-1]
        return Canvas(
            image=image,
            unedited=torch.where(
                sham, prepared.round_trip[scenes], prepared.reconstruction[scenes]
            ),
            latents=latents,
            decoded=prepared.reconstruction[scenes],
            decoder=prepared.decoder.take(scenes),
            weight=weight,
            raised=raised,
            lowered=lowered,
            colours=colour_maps(image, weight, window, factor) if window else None,
        )

    def _scenes(self, asks: Sequence[Ask]) -> Tensor:
        """Return the positions of N scenes."""
        return torch.tensor([ask.scene for ask in asks], device=self._preparation.device)

    def _sides(self, asks: Sequence[Ask]) -> tuple[Tensor, Tensor]:
        """Return where attention is to rise, and at whose cost, N×H×W each."""
        sides = zip(*((ask.raised, ask.lowered) for ask in asks), strict=True)
        raised, lowered = (self._preparation.tensor(np.stack(side)) for side in sides)
        return raised, lowered

    def _maps(self, maps: Sequence[Map]) -> Tensor:
        """Return N maps as N×1×H×W."""
        return self._preparation.tensor(np.stack(maps)[:, None])


def editor_key(preparation: str, params: EditParams) -> str:
    """Return a digest of all that an edit depends on besides its scene, what is asked, and code.

    Args:
        preparation: `preparation_key`.
        params: section `edit`.
    """
    used = params.model_dump_json(exclude={"videos", "batch_size", "cache_gb"})
    return digest(preparation, used)


def _packed(edited: Edited) -> dict[str, Tensor]:
    numbers = torch.tensor([float(value) for value in edited[1:]], dtype=torch.float64)
    return {"change": torch.from_numpy(edited.change), "numbers": numbers}


def _unpacked(kept: dict[str, Tensor]) -> Edited:
    strength, unedited, achieved, evaluations, reached, *likeness = kept["numbers"].tolist()
    return Edited(
        kept["change"].numpy(),
        strength,
        unedited,
        achieved,
        int(evaluations),
        bool(reached),
        *likeness,
    )


def _refuse_not_finite(drawn: Sequence[Edited]) -> None:
    """Refuse what models of finite weights draw where their arithmetic overflows.

    Raises:
        InputError: a change, or what the guide sees of it, is not finite.
    """
    if not all(np.isfinite(e.achieved_odds) and np.isfinite(e.change).all() for e in drawn):
        raise InputError(
            "edit: what the models draw is not finite, though their weights are. One of "
            "edit.controlnet, model.backbone and edit.guide is damaged or wrong, or needs "
            "edit.half_precision: false. Nothing of it is kept; earlier edits are."
        )
