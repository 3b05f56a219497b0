"""Redrawing inverted scenes under a modified control."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.diffusion.ddim import (
    Level,
    clean_prediction,
    step,
    velocity_change,
    velocity_of_clean,
)
from pipeline.editing.denoiser import Denoiser
from pipeline.editing.guidance import Canvas, GradientGuidance, GuideView
from pipeline.editing.inversion import Inversion


@dataclass(frozen=True)
class Request:
    """What N redraws are to follow.

    Attributes:
        text: N×T×D of the keywords.
        own: N×2×H×W, the scenes' own controls; N×3×H×W where the ControlNet reads the dose.
        heatmap: N×1×H×W, the modified ones.
        moves: N×1×H×W, where attention moves, for each unit of its change (`moved_region`).
        shift: N, of the log odds that the guide sees.
        goal: N, the log odds that it is to see then.
        control_gain: N, of control guidance: 0 ignores the modified control, 1 follows it plainly.
    """

    text: Tensor
    own: Tensor
    heatmap: Tensor
    moves: Tensor
    shift: Tensor
    goal: Tensor
    control_gain: Tensor


@torch.no_grad()
def redraw(
    denoiser: Denoiser,
    inversion: Inversion,
    canvas: Canvas,
    request: Request,
    levels: Sequence[Level],
    view: GuideView,
    gradient: GradientGuidance | None = None,
) -> Tensor:
    """Return the redrawn latents, N×C×h×w.

    A ControlNet that reads the dose is asked, before each step, for what is left of it: what has
    been made is in the noisy latents, and the guide looks at it.

    Args:
        denoiser: the model that made the inversions.
        inversion: of the scenes.
        canvas: the scenes.
        request: what to draw.
        levels: those of the inversion.
        view: what the guide sees of a change.
        gradient: gradient guidance, off if not given.
    """
    wanted = _WantedControl(denoiser, canvas, request)
    control = wanted.embedded(request.shift)
    own_latents = latents = inversion.noisy
    for index in range(len(levels) - 1, 0, -1):
        start, end = levels[index], levels[index - 1]
        own_clean = inversion.clean[:, index - 1]
        if denoiser.uses_control and denoiser.reads_dose and index < len(levels) - 1:
            made = (latents - own_latents) / math.cos(start.angle)
            control = wanted.embedded(request.goal - view.log_odds(made, canvas))
        velocity = denoiser.velocity(latents, start, request.text, control)
        if gradient is not None and index <= gradient.steps:
            clean = clean_prediction(latents, velocity, start)
            correction = gradient.correction(clean, own_clean, canvas, request.goal)
            velocity = velocity + velocity_change(correction, start)
        latents = step(latents, velocity, start, end)
        own_velocity = velocity_of_clean(own_latents, own_clean, start)
        own_latents = step(own_latents, own_velocity, start, end)
    return latents


class _WantedControl:
    """The embedded control, changed inside the region alone."""

    def __init__(self, denoiser: Denoiser, canvas: Canvas, request: Request) -> None:
        self._denoiser = denoiser
        self._request = request
        # Control guidance: towards the wanted control and beyond.
        self._gain = request.control_gain[:, None, None, None] * canvas.latent_weight()
        self._own = denoiser.embedded(request.own)

    def embedded(self, left: Tensor) -> Tensor:
        """Return it, N×D×h×w, as it asks for what is left of the shift, N."""
        if not self._denoiser.uses_control:
            return self._own
        request = self._request
        wanted = [request.own[:, :1], request.heatmap]
        if self._denoiser.reads_dose:
            wanted.append(left[:, None, None, None] * request.moves)
        change = self._gain * (self._denoiser.embedded(torch.cat(wanted, 1)) - self._own)
        # In the embedding's own precision, or the network would run in another than the inversion.
        return self._own + change.to(self._own.dtype)
