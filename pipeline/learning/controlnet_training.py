"""What both trainings of a ControlNet share: it is trained, and its average is what is kept."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
from diffusers import ControlNetModel

from pipeline.diffusion.backbone import Backbone
from pipeline.diffusion.layout import laid_out
from pipeline.learning.fitting import adamw, averaged


class ControlNetTraining(pl.LightningModule):
    """A ControlNet under training on a frozen backbone.

    Checkpoints hold the ControlNet and its average, not the backbone.

    Args:
        backbone: frozen.
        controlnet: to train, in 32 bits from here on.
        params: the section, with what `adamw` and `averaged` are to be told.
    """

    params: Any

    def __init__(self, backbone: Backbone, controlnet: ControlNetModel, params: Any) -> None:
        super().__init__()
        self.backbone = backbone
        self.params = params
        self.controlnet = laid_out(controlnet.float())
        self.controlnet.requires_grad_(True).train()
        self.average = averaged(self.controlnet, params.ema_decay)

    @property
    def averaged(self) -> ControlNetModel:
        """The ControlNet with the averaged weights: what is kept."""
        module = self.average.module
        assert isinstance(module, ControlNetModel)
        return module

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

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Make a step and average the weights: before any checkpoint of it is written."""
        super().optimizer_step(*args, **kwargs)
        self.average.update_parameters(self.controlnet)
