"""What the guide, an attention model, says of a picture while it is redrawn, and how to heed it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.diffusion.precision import autocast
from pipeline.editing.models import Guide, LatentModel

_NO_ATTENTION = 1e-9
# Latents around the region that are decoded with it, so that the decoder sees the surroundings.
_MARGIN = 3


@dataclass(frozen=True)
class Canvas:
    """N scenes as the guide sees them during an edit: the original, changed inside a region.

    Attributes:
        image: N×3×H×W in [-1, 1], the originals.
        latents: N×C×h×w of the originals, reconstructed without an edit.
        unedited: N×3×H×W, the decoded `latents`.
        weight: N×1×H×W in [0, 1], how much of a change each pixel takes.
        raised: N×H×W in {0, 1}, where attention is to rise (or to fall).
        lowered: N×H×W in {0, 1}, at whose cost; with `raised` the whole of the comparison.
    """

    image: Tensor
    latents: Tensor
    unedited: Tensor
    weight: Tensor
    raised: Tensor
    lowered: Tensor

    def take(self, scenes: Tensor) -> Canvas:
        """Return the scenes at these positions, which may repeat."""
        return Canvas(*(getattr(self, name)[scenes] for name in self.__dataclass_fields__))

    @property
    def factor(self) -> int:
        """Pixels along each side of one latent."""
        return self.image.shape[-1] // self.latents.shape[-1]

    def latent_weight(self) -> Tensor:
        """Return the region at the size of the latents, N×1×h×w: every latent that it touches."""
        return functional.max_pool2d(self.weight, self.factor)

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
        backbone: whose decoder is used.
        gain: in [0, 1], the part of the distance to cover at each step.
        steps: how many of the last steps it guides.
        half: decode in 16 bits where the device is faster in them.
    """

    guide: Guide
    backbone: LatentModel
    gain: float
    steps: int
    half: bool

    def along(self, canvas: Canvas, goal: Tensor) -> Steering:
        """Return what moves these scenes towards their goals, N log odds."""
        return Steering(self, canvas, goal)

    def decode(self, latents: Tensor) -> Tensor:
        """Return the pictures of latents, float32."""
        with autocast(latents.device, self.half):
            return self.backbone.decode(latents).float()


class Steering:
    """Gradient guidance of N scenes on their way.

    Only a window around each scene's region is decoded: the rest of what the guide sees is fixed.

    Args:
        guidance: how.
        canvas: the scenes.
        goal: N log odds.
    """

    def __init__(self, guidance: GradientGuidance, canvas: Canvas, goal: Tensor) -> None:
        self.guidance = guidance
        self.canvas = canvas
        self.goal = goal
        self._weight = canvas.latent_weight()
        self._windows = _windows(self._weight)
        self._originals = self._cut(canvas.latents)
        with torch.no_grad():
            self._before = guidance.decode(self._originals)

    def move(self, clean: Tensor, own_clean: Tensor) -> Tensor:
        """Return the moved latents.

        Args:
            clean: N×C×h×w, the predicted clean latents of the edit.
            own_clean: N×C×h×w, those of the unedited scene at the same noise level.
        """
        with torch.enable_grad():
            moved = clean.detach().requires_grad_()
            pictures = self._pictures(self._weight * (moved - own_clean))
            odds = log_odds(self.guidance.guide, pictures, self.canvas)
            (slope,) = torch.autograd.grad(odds.sum(), moved)
        slope = slope * self._weight
        steepness = slope.square().flatten(1).sum(1).clamp(min=1e-12)
        length = self.guidance.gain * (self.goal - odds.detach()) / steepness
        return clean + length[:, None, None, None] * slope

    def _pictures(self, change: Tensor) -> Tensor:
        """Return the originals, changed as the latents were, N×3×H×W."""
        canvas, factor = self.canvas, self.canvas.factor
        decoded = self.guidance.decode(self._originals + self._cut(change))
        difference = decoded - self._before
        pictures = canvas.image.clone()
        for n, (y, x) in enumerate(self._windows):
            rows, columns = (slice(s.start * factor, s.stop * factor) for s in (y, x))
            place = (n, slice(None), rows, columns)
            pictures[place] = canvas.image[place] + canvas.weight[place] * difference[n]
        return pictures.clamp(-1, 1)

    def _cut(self, latents: Tensor) -> Tensor:
        return torch.stack([latents[n][:, y, x] for n, (y, x) in enumerate(self._windows)])


def _windows(weight: Tensor) -> list[tuple[slice, slice]]:
    """Return a window around each region of N×1×h×w, all of one size."""
    ranges = [_ranges(weight.amax(dim)[:, 0] > 0) for dim in (3, 2)]
    return list(zip(*ranges, strict=True))


def _ranges(used: Tensor) -> list[slice]:
    """Return N ranges of one length that hold the used places of N×L, with a margin."""
    length = used.shape[1]
    places = torch.arange(length, device=used.device)
    first = torch.where(used, places, length - 1).amin(1)
    last = torch.where(used, places, 0).amax(1)
    size = min(length, int((last - first).max()) + 1 + 2 * _MARGIN)
    starts = (first - _MARGIN).clamp(0, length - size)
    return [slice(start, start + size) for start in starts.tolist()]
