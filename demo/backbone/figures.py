"""What the backbone can do: pictures from keywords, and the way to noise and back."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image
from torch import Tensor

from demo.backbone.autoencoder import round_trip_psnr
from demo.backbone.diffusion import (
    KeywordUNet,
    LatentScenes,
    make_noise_scheduler,
    validation_loss,
)
from demo.backbone.drawn_scenes import DrawnScenes
from pipeline.ground.files import replacing
from pipeline.pictures.tensors import images_psnr_db, pixels_of, tensor_of

STEPS = 25
FIGURE_SCENES = 32
INVERSION_DEPTH = 700


def walk(model: KeywordUNet, latents: Tensor, tokens: Tensor, timesteps: Sequence[int]) -> Tensor:
    """Take latents from the first timestep to the last by DDIM, towards noise or from it.

    Song, Meng & Ermon 2020, arXiv 2010.02502, equation 12 with sigma 0.
    """
    alphas = make_noise_scheduler().alphas_cumprod
    for now, then in pairwise(timesteps):
        signal, noise = alphas[now].sqrt(), (1 - alphas[now]).sqrt()
        v = model(latents, torch.full((len(latents),), now), tokens)
        clean, direction = signal * latents - noise * v, noise * latents + signal * v
        latents = alphas[then].sqrt() * clean + (1 - alphas[then]).sqrt() * direction
    return latents


def decode(autoencoder: AutoencoderKL, latents: Tensor) -> Tensor:
    """Decode scaled latents to N×3×H×W in [-1, 1]."""
    return autoencoder.decode(latents / autoencoder.config.scaling_factor).sample.clamp(-1, 1)


@torch.no_grad()
def inversion_psnr(
    autoencoder: AutoencoderKL, model: KeywordUNet, images: np.ndarray, tokens: Tensor
) -> float:
    """Return the mean PSNR in dB of inverted and redrawn images, against their own round trip.

    N×H×W×3 uint8 images go to timestep `INVERSION_DEPTH` in `STEPS` steps and back.
    """
    posterior = autoencoder.encode(tensor_of(images)).latent_dist
    latents = posterior.mode() * autoencoder.config.scaling_factor
    up = np.linspace(0, INVERSION_DEPTH, STEPS + 1).astype(int).tolist()
    redrawn = walk(model, walk(model, latents, tokens, up), tokens, up[::-1])
    error = decode(autoencoder, redrawn) - decode(autoencoder, latents)
    return float(images_psnr_db(error).mean())


@torch.no_grad()
def write_samples(
    path: Path, autoencoder: AutoencoderKL, model: KeywordUNet, tokens: Tensor, rows: int = 3
) -> None:
    """Write a sheet of pictures drawn from noise, one column for each row of `tokens`."""
    config = model.unet.config
    shape = (rows * len(tokens), config.in_channels, *config.sample_size)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    down = np.linspace(999, 0, STEPS + 1).astype(int).tolist()
    pictures = decode(autoencoder, walk(model, noise, tokens.repeat(rows, 1), down))
    pixels = np.split(pixels_of(pictures), rows)
    sheet = np.concatenate([np.concatenate(list(row), axis=1) for row in pixels])
    with replacing(path) as temporary:
        Image.fromarray(sheet).save(temporary, "png")


def measure(
    autoencoder: AutoencoderKL,
    model: KeywordUNet,
    held_out: DrawnScenes,
    unseen: LatentScenes,
    batch_size: int,
) -> dict[str, str]:
    """Return the figures of the card, all on scenes that no part has seen."""
    few = slice(0, FIGURE_SCENES)
    round_trip = round_trip_psnr(autoencoder, held_out.images[few])
    inversion = inversion_psnr(autoencoder, model, held_out.images[few], unseen.tokens[few])
    figures = {
        "Autoencoder, round trip": f"{round_trip:.1f} dB PSNR",
        f"DDIM inversion to t = {INVERSION_DEPTH} in {STEPS} steps and back, against the round "
        "trip": f"{inversion:.1f} dB PSNR",
    }
    for (low, high), value in validation_loss(model, unseen, batch_size).items():
        figures[f"Loss of v, timesteps {low} to {high}"] = f"{value:.4f}"
    return figures
