"""The backbone's UNet with the ControlNet as one function: the velocity of noisy latents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pipeline.diffusion.controlled import controlled
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
            output = controlled(
                self.backbone.unet,
                self.controlnet,
                latents,
                timestep,
                text,
                control,
                self.control_scale,
            )
        prediction = self.backbone.prediction_type
        return velocity_of_output(output.float(), latents, level, prediction)
