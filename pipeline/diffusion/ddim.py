"""Deterministic diffusion steps (DDIM), written as rotations of latents and their velocity.

With a noise level `phi` such that the latents are `x = cos(phi)*clean + sin(phi)*noise`, and the
velocity `v = cos(phi)*noise - sin(phi)*clean`, a DDIM step without added noise is the rotation
`x' = cos(phi - phi')*x - sin(phi - phi')*v` (Song et al. 2021, arXiv 2010.02502; velocity:
Salimans & Ho 2022, arXiv 2202.00512).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Level(NamedTuple):
    """A noise level: the model's timestep and its angle, 0 for a clean picture."""

    timestep: int
    angle: float


def noise_levels(alphas_cumprod: Tensor, depth: float, steps: int) -> list[Level]:
    """Return `steps + 1` levels, from the clean picture up to `depth`, evenly spaced in angle.

    Evenly spaced in time, the first step would turn furthest, and an inversion loses most there.
    Where the schedule has fewer timesteps than that, there are fewer levels.

    Args:
        alphas_cumprod: the backbone's noise schedule, one value per timestep.
        depth: how far into the noise, as a fraction of the timesteps, in (0, 1].
        steps: of the way.
    """
    angles = torch.arccos(alphas_cumprod.double().sqrt())
    last = round(depth * (len(angles) - 1))
    wanted = angles[last] * torch.arange(1, steps + 1) / steps
    timesteps = (angles[:, None] - wanted).abs().argmin(0).unique().tolist()
    return [Level(0, 0.0), *(Level(timestep, angles[timestep].item()) for timestep in timesteps)]


def step(latents: Tensor, velocity: Tensor, start: Level, end: Level) -> Tensor:
    """Return the latents at level `end`, given those and their velocity at level `start`."""
    turn = start.angle - end.angle
    return math.cos(turn) * latents - math.sin(turn) * velocity


def step_back(latents: Tensor, velocity_at_start: Tensor, start: Level, end: Level) -> Tensor:
    """Return the latents at `start` from which `step` leads to `latents` at `end`."""
    turn = start.angle - end.angle
    return (latents + math.sin(turn) * velocity_at_start) / math.cos(turn)


def clean_prediction(latents: Tensor, velocity: Tensor, level: Level) -> Tensor:
    """Return the clean latents that the model sees in noisy ones."""
    return math.cos(level.angle) * latents - math.sin(level.angle) * velocity


def velocity_of_clean(latents: Tensor, clean: Tensor, level: Level) -> Tensor:
    """Return the velocity of latents whose `clean_prediction` this is; at no clean level."""
    return (math.cos(level.angle) * latents - clean) / math.sin(level.angle)


def velocity_change(clean_change: Tensor, level: Level) -> Tensor:
    """Return what must be added to a velocity, so that its `clean_prediction` changes so.

    The level is not the clean one.
    """
    return -clean_change / math.sin(level.angle)


def velocity_of_output(output: Tensor, latents: Tensor, level: Level, prediction: str) -> Tensor:
    """Turn a model's output into a velocity; `prediction` is its scheduler's prediction type."""
    if prediction == "epsilon":
        return (output - math.sin(level.angle) * latents) / math.cos(level.angle)
    return output
