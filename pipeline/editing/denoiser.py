"""The backbone's UNet with the ControlNet as one function: the velocity of noisy latents."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.diffusion.precision import autocast
from pipeline.editing.ddim import Level, velocity_of_output
from pipeline.editing.models import LatentModel

if TYPE_CHECKING:
    from diffusers import ControlNetModel


class Guided(NamedTuple):
    """Control guidance: another control inside a region, exaggerated or weakened.

    Attributes:
        wanted: the modified control, embedded (`Denoiser.embedded`).
        gain: N; 0 ignores it, 1 follows it plainly.
        region: N×1×h×w in [0, 1], where; elsewhere the own control holds.
    """

    wanted: Tensor
    gain: Tensor
    region: Tensor


@dataclass(frozen=True)
class Denoiser:
    """A frozen backbone and the ControlNet that steers it.

    Attributes:
        backbone: on its device, frozen.
        controlnet: on the same device, frozen.
        half: run in 16 bits where the device is faster in them.
        uses_control: without, the ControlNet does not run.
    """

    backbone: LatentModel
    controlnet: ControlNetModel
    half: bool = True
    uses_control: bool = True

    @torch.no_grad()
    def embedded(self, control: Tensor) -> Tensor:
        """Return a control's embedding, N×D×h×w, which is the same at every step.

        Args:
            control: N×2×H×W in [0, 1].
        """
        if not self.uses_control:
            return control
        with autocast(control.device, self.half):
            embedded: Tensor = self.controlnet.controlnet_cond_embedding(control)
        return embedded

    @torch.no_grad()
    def velocity(
        self,
        latents: Tensor,
        level: Level,
        text: Tensor,
        control: Tensor,
        guided: Guided | None = None,
    ) -> Tensor:
        """Return the velocity, N×C×h×w float32.

        Args:
            latents: N×C×h×w.
            level: their noise level.
            text: N×T×D.
            control: the scenes' own, embedded.
            guided: towards another control.
        """
        device = latents.device
        timestep = torch.full((len(latents),), level.timestep, device=device)
        with autocast(device, self.half):
            residuals: list[Tensor] = []
            if self.uses_control:
                residuals = self._residuals(latents, timestep, text, control)
                if guided is not None and guided.gain.any():
                    wanted = self._residuals(latents, timestep, text, guided.wanted)
                    residuals = [
                        _towards(*pair, guided) for pair in zip(residuals, wanted, strict=True)
                    ]
            output = self.backbone.unet(
                latents,
                timestep,
                encoder_hidden_states=text,
                down_block_additional_residuals=residuals[:-1] or None,
                mid_block_additional_residual=residuals[-1] if residuals else None,
            ).sample
        prediction = self.backbone.prediction_type
        return velocity_of_output(output.float(), latents, level, prediction)

    def _residuals(
        self, latents: Tensor, timestep: Tensor, text: Tensor, control: Tensor
    ) -> list[Tensor]:
        """Return what the ControlNet adds to the UNet's down blocks and, last, its middle."""
        down, middle = self._beyond_embedding(
            latents,
            timestep,
            encoder_hidden_states=text,
            controlnet_cond=control,
            return_dict=False,
        )
        return [*down, middle]

    @cached_property
    def _beyond_embedding(self) -> ControlNetModel:
        """The ControlNet, sharing all weights, that takes its control embedded."""
        rest = copy.copy(self.controlnet)
        rest._modules = {**rest._modules, "controlnet_cond_embedding": nn.Identity()}
        return rest


def _towards(own: Tensor, wanted: Tensor, guided: Guided) -> Tensor:
    """Return residuals between (or beyond) those of two controls, inside the region alone."""
    region = functional.adaptive_max_pool2d(guided.region, own.shape[-2:])
    return own + guided.gain[:, None, None, None] * region * (wanted - own)
