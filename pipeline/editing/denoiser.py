"""The backbone's UNet with the ControlNet as one function: the velocity of noisy latents."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pipeline.diffusion.backbone import Backbone
from pipeline.diffusion.controlnet import reads_dose
from pipeline.diffusion.ddim import Level, velocity_of_output
from pipeline.diffusion.precision import autocast
from pipeline.diffusion.predict import beyond_embedding, controlled

if TYPE_CHECKING:
    from diffusers import ControlNetModel


@dataclass(frozen=True)
class Denoiser:
    """A frozen backbone and the ControlNet that steers it.

    Attributes:
        backbone: on its device, frozen.
        controlnet: on the same device, frozen.
        half: run in 16 bits where the device is faster in them.
        uses_control: without, the ControlNet does not run.
    """

    backbone: Backbone
    controlnet: ControlNetModel
    half: bool = True
    uses_control: bool = True

    @property
    def reads_dose(self) -> bool:
        """Whether the control has a third channel."""
        return reads_dose(self.controlnet)

    @torch.no_grad()
    def embedded(self, control: Tensor) -> Tensor:
        """Return a control's embedding, N×D×h×w, which is the same at every step.

        Args:
            control: N×2×H×W in [0, 1], or N×3×H×W with the dose.
        """
        if not self.uses_control:
            return control
        with autocast(control.device, self.half):
            embedded: Tensor = self.controlnet.controlnet_cond_embedding(control)
        return embedded

    @torch.no_grad()
    def velocity(self, latents: Tensor, level: Level, text: Tensor, control: Tensor) -> Tensor:
        """Return the velocity, N×C×h×w float32.

        Args:
            latents: N×C×h×w.
            level: their noise level.
            text: N×T×D.
            control: embedded.
        """
        device = latents.device
        timestep = torch.full((len(latents),), level.timestep, device=device)
        with autocast(device, self.half):
            controlnet = self._beyond_embedding if self.uses_control else None
            output = controlled(self.backbone.unet, controlnet, latents, timestep, text, control)
        prediction = self.backbone.prediction_type
        return velocity_of_output(output.float(), latents, level, prediction)

    @cached_property
    def _beyond_embedding(self) -> ControlNetModel:
        return beyond_embedding(self.controlnet)
