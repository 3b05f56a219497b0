"""What the guide, an attention model, says of a picture while it is redrawn, and how to heed it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.editing.models import Guide, LatentModel, half_precision

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


class GradientGuidance:
    """Moves predicted clean latents so that the guide's log odds come nearer to a goal.

    The direction is that of steepest descent of the squared distance to the goal, inside the
    region. Its length is Newton's: with a gain of 1 the goal would be met if the guide were linear.
    So the gain means the same for every scene and model. The guide looks at the original changed by
    what the edit's prediction has more than the unedited one's at the same noise level; a
    prediction is blurred at high noise, a difference of two is not.

    Only a window around each scene's region is decoded: the rest of what the guide sees is fixed.

    Args:
        guide: a differentiable attention model.
        backbone: whose decoder is used.
        gain: in [0, 1], the part of the distance to cover at each step.
        half: decode in half precision.
    """

    def __init__(self, guide: Guide, backbone: LatentModel, gain: float, half: bool) -> None:
        self.guide = guide
        self.backbone = backbone
        self.gain = gain
        self.half = half

    def move(self, clean: Tensor, own_clean: Tensor, canvas: Canvas, goal: Tensor) -> Tensor:
        """Return the moved latents.

        Args:
            clean: N×C×h×w, the predicted clean latents of the edit.
            own_clean: N×C×h×w, those of the unedited scene at the same noise level.
            canvas: the scenes.
            goal: N, log odds.
        """
        weight = canvas.latent_weight()
        with torch.enable_grad():
            moved = clean.detach().requires_grad_()
            pictures = self._pictures(weight * (moved - own_clean), canvas, _windows(weight))
            odds = log_odds(self.guide, pictures, canvas)
            (slope,) = torch.autograd.grad(odds.sum(), moved)
        slope = slope * weight
        steepness = slope.square().flatten(1).sum(1).clamp(min=1e-12)
        length = self.gain * (goal - odds.detach()) / steepness
        return clean + length[:, None, None, None] * slope

    def _pictures(
        self, change: Tensor, canvas: Canvas, windows: list[tuple[slice, slice]]
    ) -> Tensor:
        """Return the originals, changed as the latents were, N×3×H×W."""
        factor = canvas.factor
        originals = torch.stack([canvas.latents[n][:, y, x] for n, (y, x) in enumerate(windows)])
        changes = torch.stack([change[n][:, y, x] for n, (y, x) in enumerate(windows)])
        device = change.device
        with torch.autocast(device.type, half_precision(device), enabled=self.half):
            with torch.no_grad():
                before = self.backbone.decode(originals)
            difference = (self.backbone.decode(originals + changes) - before).float()
        pictures = canvas.image.clone()
        for n, (y, x) in enumerate(windows):
            rows, columns = (slice(s.start * factor, s.stop * factor) for s in (y, x))
            place = (n, slice(None), rows, columns)
            pictures[place] = canvas.image[place] + canvas.weight[place] * difference[n]
        return pictures.clamp(-1, 1)


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
