"""The UNet and its text encoder, trained together on the drawn scenes' latents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import trange
from transformers import CLIPTextModel, CLIPTokenizer

from demo.backbone.drawn_scenes import NO_KEYWORD, DrawnScenes
from demo.backbone.text import tokenize
from demo.backbone.training import step_generator
from pipeline.diffusion.precision import autocast
from pipeline.ground.files import replacing
from pipeline.pictures.resizing import resize
from pipeline.pictures.tensors import tensor_of

KEYWORD_DROPOUT = 0.1
# The product covers a twentieth of the frame, and it is what edits are about.
PRODUCT_WEIGHT = 4.0
_ENCODED_AT_ONCE = 32
TIMESTEP_BANDS = ((0, 100), (100, 300), (300, 500), (500, 700), (700, 1000))


class KeywordUNet(nn.Module):
    """A UNet with the text encoder that it is conditioned by.

    Attributes:
        unet: Predicts v (Salimans & Ho 2022, arXiv 2202.00512).
        text_encoder: Its keys and values.
    """

    def __init__(
        self, latent_size: tuple[int, int], latent_channels: int, channels: Sequence[int],
        text_encoder: CLIPTextModel,
    ) -> None:  # fmt: skip
        super().__init__()
        upper = len(channels) - 1
        self.unet = UNet2DConditionModel(
            sample_size=latent_size,
            in_channels=latent_channels,
            out_channels=latent_channels,
            block_out_channels=tuple(channels),
            # Attention on the lowest level alone: one level up it takes a third of the time.
            down_block_types=(*["DownBlock2D"] * upper, "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", *["UpBlock2D"] * upper),
            layers_per_block=1,
            cross_attention_dim=text_encoder.config.hidden_size,
            attention_head_dim=4,
            norm_num_groups=16,
        )
        self.text_encoder = text_encoder

    def forward(self, noisy: Tensor, timesteps: Tensor, tokens: Tensor) -> Tensor:
        """Predict v, B×C×h×w, from noisy latents, B timesteps and B×L tokens."""
        context = self.text_encoder(tokens).last_hidden_state
        return self.unet(noisy, timesteps, encoder_hidden_states=context).sample


@dataclass(frozen=True)
class LatentScenes:
    """Scenes as the UNet sees them.

    Attributes:
        latents: N×C×h×w float16, scaled.
        masks: N×h×w uint8, 255 times the product's share of each latent cell.
        tokens: N×L int64, of the keywords.
        no_tokens: 1×L int64, of no keyword.
    """

    latents: NDArray[np.float16]
    masks: NDArray[np.uint8]
    tokens: Tensor
    no_tokens: Tensor


def make_noise_scheduler() -> DDIMScheduler:
    """Return the noise schedule of Stable Diffusion 1.5, for v."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )


def load_or_encode(
    path: Path, autoencoder: AutoencoderKL, tokenizer: CLIPTokenizer, scenes: DrawnScenes
) -> LatentScenes:
    """Return the scenes' latents, memory-mapped from `path`; encode them unless they are there.

    They are the posteriors' modes, scaled as the pipelines do; bfloat16's error is a fraction of
    the posterior's own deviation.
    """
    factor = 2 ** (len(autoencoder.config.block_out_channels) - 1)
    count, height, width, _ = scenes.images.shape
    size = (height // factor, width // factor)
    if not path.exists():
        shape = (count, autoencoder.config.latent_channels, *size)
        with replacing(path) as temporary:
            latents = open_memmap(temporary, "w+", np.float16, shape)
            for start in trange(0, count, _ENCODED_AT_ONCE, desc="encoding scenes"):
                batch = slice(start, start + _ENCODED_AT_ONCE)
                with torch.no_grad(), autocast(torch.device("cpu")):
                    posterior = autoencoder.encode(tensor_of(scenes.images[batch])).latent_dist
                scaled = posterior.mode().float() * autoencoder.config.scaling_factor
                latents[batch] = scaled.numpy()
    masks = np.stack([resize(mask, size) for mask in scenes.masks])
    return LatentScenes(
        latents=np.load(path, mmap_mode="r"),
        masks=masks,
        tokens=tokenize(tokenizer, scenes.keywords),
        no_tokens=tokenize(tokenizer, [NO_KEYWORD]),
    )


class DiffusionLoss:
    """The v-prediction loss of a step's batch, heavier on the product."""

    def __init__(
        self, model: KeywordUNet, scenes: LatentScenes, batch_size: int, seed: int
    ) -> None:
        self.model, self.scenes, self.batch_size, self.seed = model, scenes, batch_size, seed
        self.scheduler = make_noise_scheduler()

    def __call__(self, step: int) -> Tensor:
        """Return the loss of step `step`; all that is random follows from it and the seed."""
        random = step_generator(self.seed, step)
        scenes, size = self.scenes, self.batch_size
        numbers = torch.randint(len(scenes.latents), (size,), generator=random)
        latents, weights = gather(scenes, numbers)
        dropped = torch.rand(size, generator=random) < KEYWORD_DROPOUT
        tokens = torch.where(dropped[:, None], scenes.no_tokens, scenes.tokens[numbers])
        timesteps = torch.randint(1000, (size,), generator=random)
        noise = torch.randn(latents.shape, generator=random)
        squares = v_errors(self.model, self.scheduler, latents, noise, timesteps, tokens)
        return (squares * weights).sum() / weights.sum()


def gather(scenes: LatentScenes, numbers: Tensor) -> tuple[Tensor, Tensor]:
    """Return the numbered scenes' latents, and their loss weights B×h×w."""
    chosen = numbers.numpy()
    masks = torch.from_numpy(scenes.masks[chosen]) / 255
    return torch.from_numpy(scenes.latents[chosen]).float(), 1 + PRODUCT_WEIGHT * masks


def v_errors(
    model: KeywordUNet, scheduler: DDIMScheduler, latents: Tensor, noise: Tensor,
    timesteps: Tensor, tokens: Tensor,
) -> Tensor:  # fmt: skip
    """Return the squared error of v, mean over channels: B×h×w float32."""
    noisy = scheduler.add_noise(latents, noise, timesteps)
    with autocast(torch.device("cpu")):
        predicted = model(noisy, timesteps, tokens)
    target = scheduler.get_velocity(latents, noise, timesteps)
    return (predicted.float() - target).square().mean(dim=1)


@torch.no_grad()
def validation_loss(
    model: KeywordUNet, scenes: LatentScenes, batch_size: int
) -> dict[tuple[int, int], float]:
    """Return the unweighted loss in each of `TIMESTEP_BANDS`, at fixed noise and timesteps."""
    scheduler = make_noise_scheduler()
    losses = {}
    for band in TIMESTEP_BANDS:
        random = step_generator(band[0], 0)
        errors = []
        for start in range(0, len(scenes.latents), batch_size):
            numbers = torch.arange(start, min(start + batch_size, len(scenes.latents)))
            latents, _ = gather(scenes, numbers)
            timesteps = torch.randint(*band, (len(numbers),), generator=random)
            noise = torch.randn(latents.shape, generator=random)
            tokens = scenes.tokens[numbers]
            errors.append(v_errors(model, scheduler, latents, noise, timesteps, tokens).mean())
        losses[band] = float(torch.stack(errors).mean())
    return losses
