"""Redrawing inverted scenes under a modified control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.diffusion.ddim import Level, clean_prediction, step, velocity_change
from pipeline.editing.denoiser import Denoiser
from pipeline.editing.guidance import Canvas, GradientGuidance
from pipeline.editing.inversion import Inversion


@dataclass(frozen=True)
class Request:
    """What N redraws are to follow.

    Attributes:
        text: N×T×D of the keywords.
        own: N×2×H×W, the scenes' own controls; N×3×H×W where the ControlNet reads the dose.
        wanted: of the same shape, the modified controls.
        goal: N, log odds that the guide is to see; read where the gradient guides.
        control_gain: N, of control guidance: 0 ignores the modified control, 1 follows it plainly.
    """

    text: Tensor
    own: Tensor
    wanted: Tensor
    goal: Tensor
    control_gain: Tensor


@torch.no_grad()
def redraw(
    denoiser: Denoiser,
    inversion: Inversion,
    canvas: Canvas,
    request: Request,
    levels: Sequence[Level],
    gradient: GradientGuidance | None = None,
) -> Tensor:
    """Return the redrawn latents, N×C×h×w.

    Args:
        denoiser: the model that made the inversions.
        inversion: of the scenes.
        canvas: the scenes.
        request: what to draw.
        levels: those of the inversion.
        gradient: gradient guidance, off if not given.
    """
    control = denoiser.embedded(request.own)
    if denoiser.uses_control:
        # Control guidance: towards the wanted control and beyond, inside the region alone.
        gain = request.control_gain[:, None, None, None] * canvas.latent_weight()
        change = gain * (denoiser.embedded(request.wanted) - control)
        # In the embedding's own precision, or the network would run in another than the inversion.
        control = control + change.to(control.dtype)
    latents = inversion.noisy
    for index in range(len(levels) - 1, 0, -1):
        start, end = levels[index], levels[index - 1]
        velocity = denoiser.velocity(latents, start, request.text, control)
        if gradient is not None and index <= gradient.steps:
            clean = clean_prediction(latents, velocity, start)
            own_clean = inversion.clean[:, index - 1]
            correction = gradient.correction(clean, own_clean, canvas, request.goal)
            velocity = velocity + velocity_change(correction, start)
        latents = step(latents, velocity, start, end)
    return latents
