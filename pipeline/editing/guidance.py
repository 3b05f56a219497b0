"""What the guide, an attention model, says of a picture while it is redrawn, and how to heed it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.attention.odds import attention_log_odds
from pipeline.diffusion.backbone import Backbone
from pipeline.diffusion.precision import autocast
from pipeline.editing.colour_maps import ColourMaps, change_by
from pipeline.editing.linear_decoder import LinearDecoder

if TYPE_CHECKING:
    from pipeline.attention.models import AttentionModel


@dataclass(frozen=True)
class Canvas:
    """N scenes as the guide sees them during an edit: the original, changed inside a region.

    Attributes:
        image: N×3×H×W in [-1, 1], the originals.
        unedited: N×3×H×W, the originals, reconstructed without an edit.
        latents: N×C×h×w of the reconstruction.
        decoded: N×3×H×W, the decoded `latents`.
        decoder: what a change of them does to the picture.
        weight: N×1×H×W in [0, 1], how much of a change each pixel takes.
        raised: N×H×W in {0, 1}, where attention is to rise (or to fall).
        lowered: N×H×W in {0, 1}, at whose cost; with `raised` the whole of the comparison.
        colours: for the maps of colours that a change is kept to; None keeps all of it.
    """

    image: Tensor
    unedited: Tensor
    latents: Tensor
    decoded: Tensor
    decoder: LinearDecoder
    weight: Tensor
    raised: Tensor
    lowered: Tensor
    colours: ColourMaps | None = None

    def latent_weight(self) -> Tensor:
        """Return the region at the size of the latents, N×1×h×w: every latent that it touches."""
        return functional.max_pool2d(self.weight, self.image.shape[-1] // self.latents.shape[-1])

    def take(self, scenes: Tensor) -> Canvas:
        """Return the scenes at these positions."""
        parts: dict[str, Any] = {
            name: part[scenes] if isinstance(part, Tensor) else part.take(scenes)
            for name, part in vars(self).items()
            if part is not None
        }
        return Canvas(**parts)

    def kept(self, change: Tensor) -> Tensor:
        """Return what an edit keeps of a change of the pictures, N×3×H×W.

        It is N×12×h×w, maps of their colours, or the change itself.
        """
        if self.colours is None:
            return change
        return self.colours.fitted(change, self.image, self.weight)

    def composite(self, kept: Tensor) -> Tensor:
        """Return the originals with what was kept of a change added inside the region."""
        change = kept if self.colours is None else change_by(kept, self.image)
        return (self.image + self.weight * change).clamp(-1, 1)


def guide_log_odds(guide: AttentionModel, pictures: Tensor, canvas: Canvas) -> Tensor:
    """Return the log odds of attention that the guide sees, N values (`attention_log_odds`)."""
    return attention_log_odds(guide.maps(pictures), canvas.raised, canvas.lowered)


@dataclass(frozen=True)
class GuideView:
    """What the guide sees of a change of the latents while a scene is redrawn.

    It looks at the original changed by what the edit has more than the unedited scene at the same
    noise level: a prediction is blurred at high noise, a difference of two is not. What the change
    does to the picture tells the scene's linear decoder or, where that fits too badly, the decoder
    itself.

    Attributes:
        guide: an attention model.
        backbone: whose decoder it is.
        least_fit: R² from which on the linear decoder is trusted.
        half: decode in 16 bits where the device is faster in them.
    """

    guide: AttentionModel
    backbone: Backbone
    least_fit: float
    half: bool

    def groups(self, canvas: Canvas) -> list[Tensor]:
        """Return the positions of the scenes to look at together.

        Those of linear decoders, and each other one alone, as the decoder takes much memory, and a
        gradient through it more.
        """
        linear = canvas.decoder.fit >= self.least_fit
        return [part for part in (linear.nonzero()[:, 0], *(~linear).nonzero()) if len(part)]

    def log_odds(self, change: Tensor, canvas: Canvas) -> Tensor:
        """Return the log odds of the scenes with their latents changed in the region, N values.

        Args:
            change: N×C×h×w.
            canvas: the scenes.
        """
        groups = self.groups(canvas)
        odds = [self._seen(change[part], canvas.take(part)) for part in groups]
        return torch.cat(odds)[torch.cat(groups).argsort()]

    def _seen(self, change: Tensor, canvas: Canvas) -> Tensor:
        change = canvas.latent_weight() * change
        if canvas.decoder.fit[0] >= self.least_fit:
            seen = canvas.decoder.picture_change(change)
        else:
            with autocast(change.device, self.half):
                seen = self.backbone.decode(canvas.latents + change).float() - canvas.decoded
        return guide_log_odds(self.guide, canvas.composite(canvas.kept(seen)), canvas)


@dataclass(frozen=True)
class GradientGuidance:
    """Moves predicted clean latents so that the guide's log odds come nearer to a goal.

    The direction is that of steepest descent of the squared distance to the goal, inside the
    region. Its length is Newton's: with a gain of 1 the goal would be met if the guide were linear.
    So the gain means the same for every scene and model.

    Attributes:
        view: of a differentiable guide.
        gain: in [0, 1], the part of the distance to cover at each step.
        steps: how many of the last steps it guides.
    """

    view: GuideView
    gain: float
    steps: int

    def correction(self, clean: Tensor, own_clean: Tensor, canvas: Canvas, goal: Tensor) -> Tensor:
        """Return by how much the predicted clean latents are to be moved, N×C×h×w.

        Args:
            clean: N×C×h×w, the predicted clean latents of the edit.
            own_clean: N×C×h×w, those of the unedited scene at the same noise level.
            canvas: the scenes.
            goal: N log odds.
        """
        slope, odds = torch.empty_like(clean), torch.empty_like(goal)
        for scenes in self.view.groups(canvas):
            with torch.enable_grad():
                moved = clean[scenes].detach().requires_grad_()
                seen = self.view.log_odds(moved - own_clean[scenes], canvas.take(scenes))
                (slope[scenes],) = torch.autograd.grad(seen.sum(), moved)
            odds[scenes] = seen.detach()
        slope *= canvas.latent_weight()
        steepness = slope.square().flatten(1).sum(1).clamp(min=1e-12)
        length = self.gain * (goal - odds) / steepness
        return length[:, None, None, None] * slope
