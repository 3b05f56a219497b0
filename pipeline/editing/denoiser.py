"""The backbone's UNet with the ControlNet as one function: the velocity of noisy latents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pipeline.editing.ddim import Level, velocity_of_output
from pipeline.editing.models import LatentModel, half_precision

if TYPE_CHECKING:
    from diffusers import ControlNetModel


@dataclass(frozen=True)
class Denoiser:
    """A frozen backbone and the ControlNet that steers it.

    Attributes:
        backbone: on its device, frozen.
        controlnet: on the same device, frozen.
        half: run in 16 bits.
        control_scale: of the ControlNet's residuals; 0 leaves them out.
    """

    backbone: LatentModel
    controlnet: ControlNetModel
    half: bool = True
    control_scale: float = 1.0

    @torch.no_grad()
    def velocity(self, latents: Tensor, level: Level, text: Tensor, control: Tensor) -> Tensor:
        """Return the velocity, N×C×h×w float32.

        Args:
            latents: N×C×h×w.
            level: their noise level.
            text: N×T×D.
            control: N×2×H×W in [0, 1].
        """
        device = latents.device
        timestep = torch.full((len(latents),), level.timestep, device=device)
        with torch.autocast(device.type, half_precision(device), enabled=self.half):
            residuals = self._residuals(latents, timestep, text, control)
            output = self.backbone.unet(latents, timestep, encoder_hidden_states=text, **residuals)
        prediction = self.backbone.prediction_type
        return velocity_of_output(output.sample.float(), latents, level, prediction)

    def _residuals(
        self, latents: Tensor, timestep: Tensor, text: Tensor, control: Tensor
    ) -> dict[str, Any]:
        if self.control_scale == 0:
            return {}
        down, middle = self.controlnet(
            latents,
            timestep,
            encoder_hidden_states=text,
            controlnet_cond=control,
            conditioning_scale=self.control_scale,
            return_dict=False,
        )
        return {
            "down_block_additional_residuals": down,
            "mid_block_additional_residual": middle,
        }
