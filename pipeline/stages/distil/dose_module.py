"""The ControlNet that carries the dose, in training: everything else is frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from pipeline.diffusion.backbone import Backbone
from pipeline.diffusion.controlnet import with_dose_channel
from pipeline.diffusion.noise import squared_error
from pipeline.learning.controlnet_training import ControlNetTraining
from pipeline.learning.dose_loss import (
    Pairs,
    dose_controls,
    draw_pairs,
    noised_pairs,
    own_prediction,
    predicted_change,
)
from pipeline.learning.generators import generator_for
from pipeline.learning.params import DistilParams

if TYPE_CHECKING:
    from diffusers import ControlNetModel

Batch = dict[str, Tensor]
# What the generator of a draw is for.
_TRAIN, _VAL = 0, 1


class DoseModule(ControlNetTraining):
    """A ControlNet of three channels on a frozen backbone, taught by a frozen one of two.

    Args:
        backbone: frozen.
        frozen: the ControlNet that it begins as, and whose prediction its target builds on.
        params: section `distil`.
    """

    params: DistilParams

    def __init__(self, backbone: Backbone, frozen: ControlNetModel, params: DistilParams) -> None:
        super().__init__(backbone, with_dose_channel(frozen), params)
        # No submodule of this one: its weights are in no checkpoint.
        self._frozen = [frozen]
        self.schedule = backbone.noise_scheduler().alphas_cumprod

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of a batch; its random numbers depend on seed and batch alone."""
        loss = self._loss(self.controlnet, batch, (_TRAIN, batch_idx))
        self.log("train/loss", loss, batch_size=len(batch["text"]))
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log the averaged weights' loss; changes and noise are the same at every validation."""
        for draw in range(self.params.val_draws):
            loss = self._loss(self.averaged, batch, (_VAL, batch_idx, draw))
            self.log("val/loss", loss, batch_size=len(batch["text"]))

    def on_fit_start(self) -> None:
        """Bring the frozen parts, which are no submodules, to the device."""
        for model in (self.backbone.unet, *self._frozen):
            model.to(self.device)

    def _loss(self, controlnet: ControlNetModel, batch: Batch, purpose: tuple[int, ...]) -> Tensor:
        params, prediction = self.params, self.backbone.prediction_type
        generator = generator_for(params.seed, *purpose)
        pairs: Pairs = draw_pairs(batch, params.largest_shift, generator, params.on_the_way)
        noised = noised_pairs(pairs, self.schedule, params.depth, prediction, generator)
        wanted = dose_controls(pairs, pairs.shift, pairs.left)
        (frozen,) = self._frozen
        unet = self.backbone.unet
        own = own_prediction(unet, frozen, pairs, noised, prediction)
        predicted = predicted_change(unet, controlnet, own, pairs, wanted, noised, prediction)
        counts = 1 + params.region_weight * pairs.weight
        # By scene: a background has ten times the places of a product.
        error = (squared_error(predicted, pairs.change) * counts).mean((1, 2, 3))
        return (error / counts.mean((1, 2, 3))).mean()
