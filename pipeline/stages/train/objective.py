"""The loss of a denoiser on latents: what is predicted, and what each error weighs."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.stages.train.params import TrainParams


class Noised(NamedTuple):
    """Latents with noise at their timesteps, and what the model should answer.

    Attributes:
        latents: N×C×h×w, noisy.
        timesteps: N.
        target: N×C×h×w, noise or velocity.
        signal: N×1×1×1, the clean latents' factor in the noisy ones.
        noise_level: N×1×1×1, the noise's.
    """

    latents: Tensor
    timesteps: Tensor
    target: Tensor
    signal: Tensor
    noise_level: Tensor


class Losses(NamedTuple):
    """Parts of the loss, each a scalar; `total` is what is minimised."""

    total: Tensor
    diffusion: Tensor
    recon: Tensor
    background: Tensor


class Objective:
    """The loss on latents of one noise schedule.

    Args:
        alphas_cumprod: the schedule, one value per timestep.
        prediction: `epsilon` or `v_prediction`, what the model answers with.
        params: section `train`.
    """

    def __init__(self, alphas_cumprod: Tensor, prediction: str, params: TrainParams) -> None:
        self.alphas_cumprod = alphas_cumprod
        self.prediction = prediction
        self.params = params

    def draw_timesteps(self, count: int, generator: torch.Generator) -> Tensor:
        """Return N random timesteps (on the CPU)."""
        even = torch.rand(count, generator=generator)
        last = len(self.alphas_cumprod)
        return (last * even**self.params.timestep_skew).long().clamp(max=last - 1)

    def noised(self, clean: Tensor, noise: Tensor, timesteps: Tensor) -> Noised:
        """Add noise, N×C×h×w, to clean latents at N timesteps."""
        return add_noise(clean, noise, timesteps, self.alphas_cumprod, self.prediction)

    def losses(self, output: Tensor, noised: Noised, clean: Tensor, mask: Tensor) -> Losses:
        """Return the losses of a batch.

        Args:
            output: N×C×h×w, the model's answer.
            noised: what it was asked.
            clean: N×C×h×w.
            mask: N×1×H×W in [0, 1], the keyword.
        """
        inside = at_latents(mask, clean)
        # Weights of timesteps multiply and are not divided out again: in a batch of one sample they
        # would come to nothing.
        error = squared_error(output, noised.target) * self.snr_weight(noised)
        diffusion = _mean(error, 1 + self.params.mask_weight * inside)
        clean_error = squared_error(self.clean_prediction(output, noised), clean)
        clean_error = clean_error * clean_weight(noised)
        recon = _mean(clean_error, inside)
        background = _mean(clean_error, 1 - inside)
        total = diffusion + self.params.lambda_recon * recon + self.params.lambda_bg * background
        return Losses(total, diffusion, recon, background)

    def clean_prediction(self, output: Tensor, noised: Noised) -> Tensor:
        """Return the clean latents that the model's answer amounts to."""
        if self.prediction == "epsilon":
            return (noised.latents - noised.noise_level * output) / noised.signal
        return noised.signal * noised.latents - noised.noise_level * output

    def snr_weight(self, noised: Noised) -> Tensor:
        """Return the Min-SNR weight, N×1×1×1 (arXiv 2303.09556, section 3.4; v: its appendix)."""
        gamma = self.params.min_snr_gamma
        if gamma is None:
            return torch.ones_like(noised.signal)
        snr = signal_to_noise(noised)
        divisor = snr if self.prediction == "epsilon" else snr + 1
        return snr.clamp(max=gamma) / divisor


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


def add_noise(
    clean: Tensor, noise: Tensor, timesteps: Tensor, alphas_cumprod: Tensor, prediction: str
) -> Noised:
    """Return clean latents, N×C×h×w, with noise at N timesteps, and what a model should answer."""
    kept = alphas_cumprod.to(clean.device)[timesteps.to(clean.device)][:, None, None, None]
    signal, level = kept.sqrt(), (1 - kept).sqrt()
    target = noise if prediction == "epsilon" else signal * noise - level * clean
    return Noised(signal * clean + level * noise, timesteps, target, signal, level)


def squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Return the mean over channels of the squared difference, N×1×h×w float32."""
    return (output.float() - target.float()).square().mean(1, keepdim=True)


def at_latents(mask: Tensor, latents: Tensor) -> Tensor:
    """Return a mask, N×1×H×W, as the covered part of each of the latents' places, N×1×h×w."""
    height, width = latents.shape[-2:]
    return functional.adaptive_avg_pool2d(mask, (height, width))


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    """Return the mean over a batch, each sample's places weighted, samples by the mean weight."""
    weight = weight.expand_as(values)
    return (values * weight).sum() / weight.sum().clamp(min=1e-6)
