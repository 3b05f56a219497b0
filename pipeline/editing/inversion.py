"""Inverting a scene: the noise from which the model, under the scene's own control, draws it again.

DDIM inversion assumes that the velocity at the end of a step is the one at its start, and the
error adds up. Here each step is solved instead: its end is the fixed point whose own velocity
leads back to the start (AIDI, Pan et al. 2023, arXiv 2309.04907; ReNoise, Garibi et al. 2024,
arXiv 2403.14602), approached with Anderson acceleration, as in AIDI. The velocity at the fixed
point is the first guess of the next step's, so a step costs as many evaluations as it has
refinements, and none more.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.diffusion.ddim import Level, clean_prediction, step, step_back
from pipeline.editing.denoiser import Denoiser

# Of the last step, that is added to it: a factor over 2/3 from miss to miss is not believed.
_LARGEST_PART = 2.0


@dataclass(frozen=True)
class Inversion:
    """N inverted scenes.

    Attributes:
        noisy: N×C×h×w, the latents at the deepest level.
        clean: N×S×C×h×w, what the redraw under the unchanged control predicts as clean at each of
            the S levels above 0, from the first to the deepest. An edit's own predictions are
            compared with these.
        redrawn: N×C×h×w, what that redraw comes back with: the unedited reconstruction, from which
            an edit's difference is taken.
    """

    noisy: Tensor
    clean: Tensor
    redrawn: Tensor

    def take(self, scenes: Tensor) -> Inversion:
        """Return the inversions at these positions, which may repeat."""
        return Inversion(self.noisy[scenes], self.clean[scenes], self.redrawn[scenes])


@torch.no_grad()
def invert(
    denoiser: Denoiser,
    latents: Tensor,
    text: Tensor,
    control: Tensor,
    levels: Sequence[Level],
    refinements: int,
) -> Inversion:
    """Invert N scenes, and draw them again under their own control.

    Args:
        denoiser: the model.
        latents: N×C×h×w of the scenes.
        text: N×T×D of their keywords.
        control: N×2×H×W, their own; N×3×H×W where the ControlNet reads the dose.
        levels: from the clean picture to the deepest.
        refinements: evaluations of the model for each step, >= 1; 1 is plain DDIM inversion, up
            to where the velocity is taken.
    """
    control = denoiser.embedded(control)
    velocity = denoiser.velocity(latents, levels[1], text, control)
    for start, end in itertools.pairwise(levels):
        guesses, answers = [velocity], list[Tensor]()
        for _ in range(refinements):
            noisier = step_back(latents, guesses[-1], end, start)
            answers.append(denoiser.velocity(noisier, end, text, control))
            guesses.append(_accelerated(guesses, answers))
        velocity = guesses[-1]
        latents = step_back(latents, velocity, end, start)
    clean, redrawn = _redrawn(denoiser, latents, text, control, levels)
    return Inversion(latents, clean, redrawn)


def _accelerated(guesses: Sequence[Tensor], answers: Sequence[Tensor]) -> Tensor:
    """Return the next guess of a fixed point, each N×C×h×w: Anderson's, from the last two answers.

    Where the difference between guess and answer shrinks by one factor throughout, it is the limit.
    Where it does not shrink, there is nothing left to learn but rounding: the answer stays.
    """
    if len(answers) < 2:
        return answers[-1]
    missed, missed_before = (answers[at] - guesses[at] for at in (-1, -2))
    change = missed - missed_before
    shrinks = _square(missed) < _square(missed_before)
    part = (missed * change).flatten(1).sum(1) / _square(change).clamp(min=1e-30)
    part = torch.where(shrinks, part, 0).clamp(-_LARGEST_PART, _LARGEST_PART)
    return answers[-1] - part[:, None, None, None] * (answers[-1] - answers[-2])


def _square(values: Tensor) -> Tensor:
    return values.square().flatten(1).sum(1)


def _redrawn(
    denoiser: Denoiser, latents: Tensor, text: Tensor, control: Tensor, levels: Sequence[Level]
) -> tuple[Tensor, Tensor]:
    """Return what is predicted as clean at each level above 0, N×S×C×h×w, and the redraw."""
    clean = []
    for end, start in reversed(list(itertools.pairwise(levels))):
        velocity = denoiser.velocity(latents, start, text, control)
        clean.append(clean_prediction(latents, velocity, start))
        latents = step(latents, velocity, start, end)
    return torch.stack(clean[::-1], 1), latents
