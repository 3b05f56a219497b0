"""Latents with noise: what a model is asked, what it should answer, and how far off it is."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.nn import functional


class Noised(NamedTuple):
    """Latents, N×C×h×w, with noise at N timesteps, and what the model should answer."""

    latents: Tensor
    timesteps: Tensor
    target: Tensor
    """Noise or velocity."""
    signal: Tensor
    """N×1×1×1, the clean latents' factor in the noisy ones."""
    noise_level: Tensor
    """N×1×1×1, the noise's."""


def add_noise(
    clean: Tensor, noise: Tensor, timesteps: Tensor, alphas_cumprod: Tensor, prediction: str
) -> Noised:
    """Return clean latents, N×C×h×w, with noise at N timesteps, and what a model should answer."""
    kept = alphas_cumprod.to(clean.device)[timesteps.to(clean.device)][:, None, None, None]
    signal, level = kept.sqrt(), (1 - kept).sqrt()
    target = noise if prediction == "epsilon" else signal * noise - level * clean
    return Noised(signal * clean + level * noise, timesteps, target, signal, level)


def clean_of_output(output: Tensor, noised: Noised, prediction: str) -> Tensor:
    """Return the clean latents that a model's answer amounts to."""
    if prediction == "epsilon":
        return (noised.latents - noised.noise_level * output) / noised.signal
    return noised.signal * noised.latents - noised.noise_level * output


def signal_to_noise(noised: Noised) -> Tensor:
    """Return the squared ratio of the factors of clean latents and noise, N×1×1×1."""
    return (noised.signal / noised.noise_level).square()


def clean_weight(noised: Noised) -> Tensor:
    """Return what the clean latents' error counts, N×1×1×1: min(SNR, 1).

    A squared error of predicted noise is 1/SNR times as large in the clean latents: 200 times and
    more where almost all is noise, and nothing can be known of them. So weighted, it is at most the
    prediction's own. The same for v, whose error does not grow.
    """
    return signal_to_noise(noised).clamp(max=1)


def squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Return the mean over channels of the squared difference, N×1×h×w float32."""
    return (output.float() - target.float()).square().mean(1, keepdim=True)


def at_latents(mask: Tensor, latents: Tensor) -> Tensor:
    """Return a mask, N×1×H×W, as the covered part of each of the latents' places, N×1×h×w."""
    height, width = latents.shape[-2:]
    return functional.adaptive_avg_pool2d(mask, (height, width))
