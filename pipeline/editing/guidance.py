"""What the guide, an attention model, says of a picture while it is redrawn, and how to heed it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.editing.linear_decoder import picture_change, pixels_per_latent
from pipeline.editing.models import Guide

_NO_ATTENTION = 1e-9


@dataclass(frozen=True)
class Canvas:
    """N scenes as the guide sees them during an edit: the original, changed inside a region.

    Attributes:
        image: N×3×H×W in [-1, 1], the originals.
        unedited: N×3×H×W, the originals, reconstructed without an edit.
        decoder: N×3f²×9C, what a change of their latents does to them (`linear_decoder`).
        weight: N×1×H×W in [0, 1], how much of a change each pixel takes.
        raised: N×H×W in {0, 1}, where attention is to rise (or to fall).
        lowered: N×H×W in {0, 1}, at whose cost; with `raised` the whole of the comparison.
    """

    image: Tensor
    unedited: Tensor
    decoder: Tensor
    weight: Tensor
    raised: Tensor
    lowered: Tensor

    def latent_weight(self) -> Tensor:
        """Return the region at the size of the latents, N×1×h×w: every latent that it touches."""
        return functional.max_pool2d(self.weight, pixels_per_latent(self.decoder))

    def composite(self, decoded: Tensor) -> Tensor:
        """Return the originals with the decoded pictures' difference added inside the region."""
        return (self.image + self.weight * (decoded - self.unedited)).clamp(-1, 1)


def log_odds(guide: Guide, pictures: Tensor, canvas: Canvas) -> Tensor:
    """Return the log of attention on `raised` over attention on `lowered`, N values.

    With the keyword's region against all the rest, this is the logit of its attention share.
    """
    maps = guide.maps(pictures)
    raised = (maps * canvas.raised).sum((1, 2))
    lowered = (maps * canvas.lowered).sum((1, 2))
    return torch.log(raised + _NO_ATTENTION) - torch.log(lowered + _NO_ATTENTION)


@dataclass(frozen=True)
class GradientGuidance:
    """Moves predicted clean latents so that the guide's log odds come nearer to a goal.

    The direction is that of steepest descent of the squared distance to the goal, inside the
    region. Its length is Newton's: with a gain of 1 the goal would be met if the guide were linear.
    So the gain means the same for every scene and model. The guide looks at the original changed by
    what the edit's prediction has more than the unedited one's at the same noise level; a
    prediction is blurred at high noise, a difference of two is not.

    Attributes:
        guide: a differentiable attention model.
        gain: in [0, 1], the part of the distance to cover at each step.
        steps: how many of the last steps it guides.
    """

    guide: Guide
    gain: float
    steps: int

    def moved(self, clean: Tensor, own_clean: Tensor, canvas: Canvas, goal: Tensor) -> Tensor:
        """Return the moved latents.

        Args:
            clean: N×C×h×w, the predicted clean latents of the edit.
            own_clean: N×C×h×w, those of the unedited scene at the same noise level.
            canvas: the scenes.
            goal: N log odds.
        """
        weight = canvas.latent_weight()
        with torch.enable_grad():
            moved = clean.detach().requires_grad_()
            change = picture_change(canvas.decoder, weight * (moved - own_clean))
            pictures = (canvas.image + canvas.weight * change).clamp(-1, 1)
            odds = log_odds(self.guide, pictures, canvas)
            (slope,) = torch.autograd.grad(odds.sum(), moved)
        slope = slope * weight
        steepness = slope.square().flatten(1).sum(1).clamp(min=1e-12)
        length = self.gain * (goal - odds.detach()) / steepness
        return clean + length[:, None, None, None] * slope
