"""Models with random weights, small enough to run in a test, of the real classes."""

from typing import Any

import torch
from diffusers import ControlNetModel, DDPMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional

from pipeline.editing.denoiser import Denoiser


class TinyBackbone:
    """A UNet with random weights on an autoencoder that averages 4×4 pixels."""

    digest = "tiny"

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.prediction_type = "v_prediction"
        self.unet = UNet2DConditionModel(
            in_channels=3,
            out_channels=3,
            block_out_channels=(16, 16),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            layers_per_block=1,
            cross_attention_dim=8,
            attention_head_dim=4,
            norm_num_groups=4,
        )
        self.unet.eval().requires_grad_(False)

    def encode_images(self, images: Tensor) -> Tensor:
        return functional.avg_pool2d(images, 4)

    def decode(self, latents: Tensor) -> Tensor:
        return functional.interpolate(latents, scale_factor=4)

    def encode_texts(self, texts: list[str]) -> Tensor:
        return torch.ones(len(texts), 2, 8)

    def noise_scheduler(self) -> DDPMScheduler:
        return DDPMScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)


class NoiseOfVelocity(nn.Module):
    """A UNet that predicts the noise where another predicts the velocity, and means the same."""

    def __init__(self, unet: UNet2DConditionModel, alphas_cumprod: Tensor) -> None:
        super().__init__()
        self.unet = unet
        self.alphas_cumprod = alphas_cumprod

    def forward(self, latents: Tensor, timestep: Tensor, **conditions: Any) -> Any:
        alphas = self.alphas_cumprod[timestep][:, None, None, None]
        output = self.unet(latents, timestep, **conditions)
        output.sample = alphas.sqrt() * output.sample + (1 - alphas).sqrt() * latents
        return output


class BrightnessGuide:
    """Attention goes where it is bright."""

    name = digest = "bright"
    differentiable = True
    makers = ()

    def maps(self, images: Tensor) -> Tensor:
        return torch.sigmoid(4 * images.mean(1))


def tiny_controlnet(backbone: TinyBackbone) -> ControlNetModel:
    """Return a ControlNet whose residuals are not zero."""
    controlnet = ControlNetModel.from_unet(
        backbone.unet,
        conditioning_channels=2,
        conditioning_embedding_out_channels=(4, 8, 8),
    )
    generator = torch.Generator().manual_seed(1)
    for block in (*controlnet.controlnet_down_blocks, controlnet.controlnet_mid_block):
        torch.nn.init.normal_(block.weight, std=0.05, generator=generator)
    torch.nn.init.normal_(
        controlnet.controlnet_cond_embedding.conv_out.weight, std=0.5, generator=generator
    )
    return controlnet.eval().requires_grad_(False)


def tiny_denoiser() -> Denoiser:
    """Return a denoiser in full precision, so that tests can be strict."""
    backbone = TinyBackbone()
    return Denoiser(backbone, tiny_controlnet(backbone), half=False)
