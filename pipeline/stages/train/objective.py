"""The loss of a denoiser on latents: what is predicted, and what each error weighs."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from pipeline.diffusion.noise import (
    Noised,
    add_noise,
    at_latents,
    clean_of_output,
    clean_weight,
    signal_to_noise,
    squared_error,
)
from pipeline.stages.train.params import TrainParams


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
        clean_error = squared_error(clean_of_output(output, noised, self.prediction), clean)
        clean_error = clean_error * clean_weight(noised)
        recon = _mean(clean_error, inside)
        background = _mean(clean_error, 1 - inside)
        total = diffusion + self.params.lambda_recon * recon + self.params.lambda_bg * background
        return Losses(total, diffusion, recon, background)

    def snr_weight(self, noised: Noised) -> Tensor:
        """Return the Min-SNR weight, N×1×1×1 (arXiv 2303.09556, section 3.4; v: its appendix)."""
        gamma = self.params.min_snr_gamma
        if gamma is None:
            return torch.ones_like(noised.signal)
        snr = signal_to_noise(noised)
        divisor = snr if self.prediction == "epsilon" else snr + 1
        return snr.clamp(max=gamma) / divisor


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    """Return the mean over a batch, each sample's places weighted, samples by the mean weight."""
    weight = weight.expand_as(values)
    return (values * weight).sum() / weight.sum().clamp(min=1e-6)
