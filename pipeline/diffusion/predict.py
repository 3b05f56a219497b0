"""The UNet, with a ControlNet beside it or without, as one function."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from torch import Tensor, nn

if TYPE_CHECKING:
    from diffusers import ControlNetModel, UNet2DConditionModel


def controlled(
    unet: UNet2DConditionModel,
    controlnet: ControlNetModel | None,
    latents: Tensor,
    timesteps: Tensor,
    text: Tensor,
    control: Tensor,
) -> Tensor:
    """Return what the UNet predicts, N×C×h×w.

    Args:
        unet: of the backbone.
        controlnet: its residuals are added to the UNet's; None leaves the UNet alone.
        latents: N×C×h×w, noisy.
        timesteps: N.
        text: N×T×D, the keywords' embeddings.
        control: N×2×H×W in [0, 1], mask and heatmap, or N×3×H×W with the dose; embedded already for
            a ControlNet that does not embed.
    """
    if controlnet is None:
        return unet(latents, timesteps, encoder_hidden_states=text).sample
    down, middle = controlnet(
        latents,
        timesteps,
        encoder_hidden_states=text,
        controlnet_cond=control,
        return_dict=False,
    )
    return unet(
        latents,
        timesteps,
        encoder_hidden_states=text,
        down_block_additional_residuals=down,
        mid_block_additional_residual=middle,
    ).sample


def beyond_embedding(controlnet: ControlNetModel) -> ControlNetModel:
    """Return the ControlNet, sharing all weights, that takes its control embedded, N×D×h×w."""
    rest = copy.copy(controlnet)
    rest._modules = {**controlnet._modules, "controlnet_cond_embedding": nn.Identity()}
    return rest
