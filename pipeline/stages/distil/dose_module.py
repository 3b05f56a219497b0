"""The ControlNet that carries the dose, in training: everything else is frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lightning.pytorch as pl
from torch import Tensor

from pipeline.diffusion.backbone import Backbone
from pipeline.diffusion.controlnet import with_dose_channel
from pipeline.diffusion.layout import laid_out
from pipeline.diffusion.noise import squared_error
from pipeline.learning.dose_loss import (
    Pairs,
    dose_controls,
    draw_pairs,
    noised_pairs,
    predicted_change,
)
from pipeline.learning.fitting import adamw, averaged
from pipeline.learning.generators import generator_for
from pipeline.learning.params import DistilParams

if TYPE_CHECKING:
    from diffusers import ControlNetModel

Batch = dict[str, Tensor]
# What the generator of a draw is for.
_TRAIN, _VAL = 0, 1


class DoseModule(pl.LightningModule):
    """A ControlNet of three channels on a frozen backbone, taught by a frozen one of two.

    Args:
        backbone: frozen.
        frozen: the ControlNet that it begins as, and whose prediction its target builds on.
        params: section `distil`.
    """

    def __init__(self, backbone: Backbone, frozen: ControlNetModel, params: DistilParams) -> None:
        super().__init__()
        self.backbone = backbone
        # No submodule of this one: its weights are in no checkpoint.
        self._frozen = [frozen]
        self.params = params
        self.controlnet = laid_out(with_dose_channel(frozen).float())
        self.controlnet.requires_grad_(True).train()
        self.average = averaged(self.controlnet, params.ema_decay)
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

    @property
    def averaged(self) -> ControlNetModel:
        """The ControlNet with the averaged weights: what is kept."""
        module: Any = self.average.module
        controlnet: ControlNetModel = module
        return controlnet

    def configure_optimizers(self) -> Any:
        """Return AdamW with a linear warm-up and a cosine to 0."""
        params = self.params
        return adamw(
            self.controlnet.parameters(),
            learning_rate=params.learning_rate,
            weight_decay=params.weight_decay,
            warmup_steps=params.warmup_steps,
            steps=params.steps,
        )

    def on_fit_start(self) -> None:
        """Bring the frozen parts, which are no submodules, to the device."""
        for model in (self.backbone.unet, *self._frozen):
            model.to(self.device)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Make a step and average the weights: before any checkpoint of it is written."""
        super().optimizer_step(*args, **kwargs)
        self.average.update_parameters(self.controlnet)

    def _loss(self, controlnet: ControlNetModel, batch: Batch, purpose: tuple[int, ...]) -> Tensor:
        params, prediction = self.params, self.backbone.prediction_type
        generator = generator_for(params.seed, *purpose)
        pairs: Pairs = draw_pairs(batch, params.largest_shift, generator, params.on_the_way)
        noised = noised_pairs(pairs, self.schedule, params.depth, prediction, generator)
        wanted = dose_controls(pairs.own, pairs.moves, pairs.shift)
        (frozen,) = self._frozen
        unet = self.backbone.unet
        predicted = predicted_change(unet, controlnet, frozen, pairs, wanted, noised, prediction)
        counts = 1 + params.region_weight * pairs.weight
        # By scene: a background has ten times the places of a product.
        error = (squared_error(predicted, pairs.change) * counts).mean((1, 2, 3))
        return (error / counts.mean((1, 2, 3))).mean()
