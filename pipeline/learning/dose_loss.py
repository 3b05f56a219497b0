"""What a ControlNet that carries the dose is taught: the change that a ladder makes, and no other.

Its control is `[mask, heatmap, dose]`: the wanted heatmap, and a third channel that says how far
attention is to move and where, in log odds, 0 under the scene's own control. An 8-bit map whose
maximum is on the product already cannot say "more"; the third channel can.

From a noisy scene the target is what the frozen ControlNet, which reads `[mask, heatmap]`, predicts
as clean under the scene's own control, *plus* the difference of the ladder's latents. The frozen
prediction is a control variate: all that is uncertain about the scene at that noise is in both, and
what is left to learn is the change. The control changes inside the region alone, as an edit's does.

An edit makes its change in steps, and before each it is measured how far attention has moved
(`pipeline.editing.redraw`). So the third channel asks for what is *left*: some scenes come with a
part of their change made, or with too much of it. Without that, the network had to guess from a
dull product whether it was dull by nature or dulled by the step before, and did half of what it was
asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pipeline.diffusion.backbone import Backbone
from pipeline.diffusion.noise import Noised, add_noise, clean_of_output, squared_error
from pipeline.diffusion.precision import autocast
from pipeline.diffusion.predict import beyond_embedding, controlled
from pipeline.learning.generators import generator_for

if TYPE_CHECKING:
    from diffusers import ControlNetModel, UNet2DConditionModel

_CHECK = 4
# Scenes of a check; the draws depend on it.
_AT_A_TIME = 8
# Part of the draws that change the product; the rest are halved between background and halves.
_PRODUCT = 0.8
_NO_SHIFT = 1e-6
# How much of its change a scene on the way has at most: an edit's steps may go too far, too.
_TOO_FAR = 1.25


class Pairs(NamedTuple):
    """N scenes, each with one change of it.

    Attributes:
        clean: N×C×h×w, the scenes' latents, with what was done of the change already.
        change: N×C×h×w, what is still to be added to them.
        shift: N, of the log odds, which all of the change makes.
        left: N, what of the shift is still to be made.
        moves: N×1×H×W, where attention moves (`moved_region`).
        weight: N×1×h×w in [0, 1], where the change may be.
        own: N×2×H×W, the scenes' own mask and heatmap.
        text: N×T×D.
    """

    clean: Tensor
    change: Tensor
    shift: Tensor
    left: Tensor
    moves: Tensor
    weight: Tensor
    own: Tensor
    text: Tensor


def draw_pairs(
    batch: dict[str, Tensor], largest: float, generator: torch.Generator, on_the_way: float = 0.0
) -> Pairs:
    """Draw a ladder and a place between its rungs for each scene of a batch of `Ladders`.

    Eight in ten draws are of the product's ladder. Shifts are even within what the ladder reaches
    and `largest`; the latents between two rungs are interpolated.

    Args:
        batch: of `Ladders`.
        largest: shift that is asked for.
        generator: of the draws.
        on_the_way: part of the draws in which the scene has some of its change already, up to a
            quarter too much: so an edit's later steps see it.
    """
    count, kinds = batch["shifts"].shape[:2]
    uniform = torch.rand(5, count, generator=generator)
    kind = torch.where(uniform[0] < _PRODUCT, 0, 1 + (uniform[1] * (kinds - 1)).long())
    rows = torch.arange(count)
    shifts = batch["shifts"][rows, kind].cpu()
    ascending, scene_rung = _ascending(shifts)
    low, high = ascending[:, 0].clamp(min=-largest), ascending[:, -1].clamp(max=largest)
    shift = low + uniform[2] * (high - low)
    made = shift * torch.where(uniform[3] < on_the_way, uniform[4] * _TOO_FAR, 0)
    made = made.clamp(ascending[:, 0], ascending[:, -1])
    latents = batch["latents"][rows, kind]
    scene, weight = latents[:, scene_rung], batch["weights"][rows, kind]
    # Where rungs shift nothing, several of them are at 0.
    clean, changed = (
        torch.where((at == 0).to(scene.device)[:, None, None, None], scene, part)
        for at in (made, shift)
        for part in [scene + weight * (_between(latents, ascending, at) - scene)]
    )
    return Pairs(
        clean=clean,
        change=changed - clean,
        shift=shift.to(clean.device),
        left=(shift - made).to(clean.device),
        moves=batch["moves"][rows, kind][:, None],
        weight=weight,
        own=batch["control"],
        text=batch["text"],
    )


def _ascending(shifts: Tensor) -> tuple[Tensor, int]:
    """Return shifts that fall nowhere from rung to rung, N×K, and which rung is the scene.

    Where the guide sees less of a higher rung, that counts as no step, outwards from the scene.
    """
    scene = int((shifts == 0).all(0).nonzero()[0])
    below = shifts[:, : scene + 1].flip(1).cummin(1).values.flip(1)
    above = shifts[:, scene:].cummax(1).values
    return torch.cat([below[:, :-1], above], 1), scene


def _between(latents: Tensor, shifts: Tensor, wanted: Tensor) -> Tensor:
    """Return what a ladder is at a shift of the log odds: between two rungs, or the last one.

    Args:
        latents: N×K×C×h×w.
        shifts: N×K, ascending.
        wanted: N.
    """
    last = shifts.shape[1] - 1
    above = torch.searchsorted(shifts, wanted[:, None])[:, 0].clamp(1, last)
    rows = torch.arange(len(shifts))
    low, high = shifts[rows, above - 1], shifts[rows, above]
    part = ((wanted - low) / (high - low).clamp(min=_NO_SHIFT)).clamp(0, 1)
    below = latents[rows, above - 1]
    return below + part.to(below)[:, None, None, None] * (latents[rows, above] - below)


def dose_controls(pairs: Pairs, shift: Tensor, left: Tensor) -> Tensor:
    """Return the controls that ask for a shift, N×3×H×W.

    The heatmap is multiplied by the factor that the shift stands for where attention moves, then
    scaled to what it summed up to and capped at 1.

    Args:
        pairs: the scenes.
        shift: N, all of it.
        left: N, what is still to be made of it.
    """
    mask, heatmap = pairs.own[:, :1], pairs.own[:, 1:]
    raised = heatmap * (pairs.moves * shift[:, None, None, None]).exp()
    total, before = (values.sum((1, 2, 3), keepdim=True) for values in (raised, heatmap))
    wanted = (raised * before / total.clamp(min=1e-6)).clamp(max=1)
    return torch.cat([mask, wanted, pairs.moves * left[:, None, None, None]], 1)


@torch.no_grad()
def own_prediction(
    unet: UNet2DConditionModel,
    frozen: ControlNetModel,
    pairs: Pairs,
    noised: Noised,
    prediction: str,
) -> Tensor:
    """Return what the frozen ControlNet predicts as clean under the scenes' own controls, N×C×h×w.

    Args:
        unet: of the backbone.
        frozen: reads two channels.
        pairs: the scenes.
        noised: the scenes with noise.
        prediction: what the UNet answers with.
    """
    answer = controlled(unet, frozen, noised.latents, noised.timesteps, pairs.text, pairs.own)
    return clean_of_output(answer.float(), noised, prediction)


def predicted_change(
    unet: UNet2DConditionModel,
    controlnet: ControlNetModel,
    own_clean: Tensor,
    pairs: Pairs,
    wanted: Tensor,
    noised: Noised,
    prediction: str,
) -> Tensor:
    """Return how the clean prediction changes from the own control to the wanted one, N×C×h×w.

    Args:
        unet: of the backbone.
        controlnet: reads three channels.
        own_clean: N×C×h×w, `own_prediction`.
        pairs: the scenes.
        wanted: N×3×H×W, the controls that ask for a change.
        noised: the scenes with noise.
        prediction: what the UNet answers with.
    """
    embed = controlnet.controlnet_cond_embedding
    own = embed(torch.cat([pairs.own, torch.zeros_like(pairs.moves)], 1))
    control = own + pairs.weight * (embed(wanted) - own)
    asked = noised.latents, noised.timesteps, pairs.text
    answer = controlled(unet, beyond_embedding(controlnet), *asked, control)
    return clean_of_output(answer.float(), noised, prediction) - own_clean


def change_error(predicted: Tensor, pairs: Pairs) -> Tensor:
    """Return the mean squared error of each scene's change in its region, N."""
    error = squared_error(predicted, pairs.change) * pairs.weight
    return error.sum((1, 2, 3)) / pairs.weight.sum((1, 2, 3)).clamp(min=1e-6)


def noised_pairs(
    pairs: Pairs, alphas_cumprod: Tensor, depth: float, prediction: str, generator: torch.Generator
) -> Noised:
    """Add noise to the scenes, at timesteps that are spread evenly over the angles up to `depth`.

    The angle of a noise level is `arccos(sqrt(alphas_cumprod))`; an edit's steps are even in it.
    """
    angles = torch.arccos(alphas_cumprod.double().sqrt())
    last = angles[round(depth * (len(angles) - 1))]
    drawn = torch.rand(len(pairs.clean), generator=generator, dtype=torch.float64) * last
    timesteps = torch.searchsorted(angles, drawn).clamp(max=len(angles) - 1)
    noise = torch.randn(pairs.clean.shape, generator=generator).to(pairs.clean)
    return add_noise(
        pairs.clean, noise, timesteps.to(pairs.clean.device), alphas_cumprod, prediction
    )


class DoseLosses(NamedTuple):
    """The mean squared error of the change in the region, one value per scene."""

    true: NDArray[np.float64]
    """With the control that asks for the change."""
    shuffled: NDArray[np.float64]
    """With that of the same map, but for the shift that another scene is asked for."""
    zero: NDArray[np.float64]
    """With the scene's own control: what doing nothing would score."""


@torch.no_grad()
def dose_losses(
    backbone: Backbone,
    controlnet: ControlNetModel,
    frozen: ControlNetModel,
    scenes: Dataset[Any],
    *,
    depth: float,
    largest: float,
    draws: int,
    seed: int = 0,
) -> DoseLosses:
    """Measure whether a ControlNet draws the change that it is asked for, in scenes' ladders.

    Args:
        backbone: frozen, on the ControlNets' device.
        controlnet: to examine, of three channels.
        frozen: of two, which it learned from.
        scenes: `Ladders`, two at least.
        depth: of the noise, `distil.depth`.
        largest: shift that is asked for, `distil.largest_shift`.
        draws: changes and noises per scene, the same for all three controls.
        seed: of them.
    """
    schedule = backbone.noise_scheduler().alphas_cumprod
    unet, prediction = backbone.unet, backbone.prediction_type
    rows: list[list[Tensor]] = []
    for place, batch in enumerate(DataLoader(scenes, batch_size=_AT_A_TIME)):
        batch = {name: values.to(controlnet.device) for name, values in batch.items()}
        sums = torch.zeros(3, len(batch["text"]), dtype=torch.float64)
        for draw in range(draws):
            generator = generator_for(seed, _CHECK, place, draw)
            pairs = draw_pairs(batch, largest, generator)
            noised = noised_pairs(pairs, schedule, depth, prediction, generator)
            with autocast(controlnet.device):
                own = own_prediction(unet, frozen, pairs, noised, prediction)
            # The scene's own shift, then its neighbour's.
            for arm in (0, 1):
                wanted = dose_controls(pairs, pairs.shift.roll(arm), pairs.left.roll(arm))
                with autocast(controlnet.device):
                    predicted = predicted_change(
                        unet, controlnet, own, pairs, wanted, noised, prediction
                    )
                sums[arm] += change_error(predicted, pairs).cpu().double()
            sums[2] += change_error(torch.zeros_like(pairs.change), pairs).cpu().double()
        rows.append([*(sums / draws)])
    true, shuffled, zero = (torch.cat(parts).numpy() for parts in zip(*rows, strict=True))
    return DoseLosses(true, shuffled, zero)
