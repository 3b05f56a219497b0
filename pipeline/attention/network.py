"""The learned predictor's network: centre-surround energies, weighed by a small convolutional net.

It starts as a classical model (energies as in `pipeline.attention.centre_surround`, a Gaussian
centre bias) whose colours, scales, sharpness and bias are learned with the rest, so that a few
hundred scenes are enough. The maps are densities, as heatmaps of fixations are: what is salient,
mixed with a little of everywhere, blurred as the heatmaps were.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.attention.blur import at_area, blur, resized
from pipeline.attention.network_config import NetworkConfig

# Energy that noise of the camera and of the codec has, in units of squared contrast.
_NOISE = 1e-4
_OPPONENTS = ((1 / 3, 1 / 3, 1 / 3), (1, -1, 0), (-0.5, -0.5, 1))


class AttentionNetwork(nn.Module):
    """Images to log densities of attention."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.colours = nn.Conv2d(3, config.colours, 1, bias=False)
        with torch.no_grad():
            self.colours.weight.mul_(0.3)
            self.colours.weight[:3, :, 0, 0] = torch.tensor(_OPPONENTS)
        side = math.sqrt(config.area_px)
        octaves = torch.arange(config.scales) * math.log(2.0)
        self.log_centres = nn.Parameter(math.log(0.012 * side) + octaves)
        self.log_ratios = nn.Parameter(torch.full((config.scales,), math.log(3.0)))
        energies = config.colours * config.scales
        self.log_weights = nn.Parameter(torch.full((energies,), -math.log(energies)))
        self.log_baseline = nn.Parameter(torch.tensor(math.log(1e-3)))
        self.sharpness = nn.Parameter(torch.tensor(1.0))
        self.centre_bias = nn.Parameter(torch.tensor([-1.0, -1.0]))
        self.uniform = nn.Parameter(torch.tensor(-3.0))
        self.log_blur = nn.Parameter(torch.tensor(math.log(0.05 * side)))
        last = nn.Conv2d(config.width, 1, 1)
        # At first the classical part stands alone.
        nn.init.zeros_(last.weight)
        self.context = nn.Sequential(
            nn.Conv2d(energies, config.width, 1),
            nn.SiLU(),
            *_convolution(config.width, 1),
            *_convolution(config.width, 2),
            *_convolution(config.width, 4),
            last,
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return log densities, N×H×W (their exponentials sum to 1), of N×3×H×W in [-1, 1]."""
        height, width = images.shape[-2:]
        small = at_area((images + 1) / 2, self.config.area_px)
        energies = self._energies(small)
        weights = self.log_weights.exp()[None, :, None, None]
        contrast = (energies * weights).sum(1, keepdim=True) + self.log_baseline.exp()
        logits = self.sharpness * contrast.log() + self.context((energies + _NOISE).log())
        logits = logits + self._bias(small.shape[-2:], small.device)
        salient = functional.softmax(logits.flatten(1), 1).reshape(logits.shape)
        share = torch.sigmoid(self.uniform)
        density = (1 - share) * salient + share / salient[0].numel()
        density = blur(density, self.log_blur.exp())
        full = resized(density, (height, width))[:, 0].clamp(min=1e-12)
        return (full / full.sum((1, 2), keepdim=True)).log()

    def _energies(self, small: Tensor) -> Tensor:
        """Return squared centre-surround differences, N×(scales·colours)×h×w."""
        channels = self.colours(small)
        centres = self.log_centres.exp()
        surrounds = (self.log_centres + self.log_ratios).exp()
        return torch.cat(
            [
                (blur(channels, c) - blur(channels, s)).square()
                for c, s in zip(centres, surrounds, strict=True)
            ],
            dim=1,
        )

    def _bias(self, size: torch.Size, device: torch.device) -> Tensor:
        down, across = (torch.linspace(-1, 1, length, device=device) for length in size)
        squares = self.centre_bias[0] * down[:, None] ** 2 + self.centre_bias[1] * across**2
        return squares[None, None]


def _convolution(width: int, dilation: int) -> tuple[nn.Module, ...]:
    # A repeated border: zeros beyond it would be a contrast.
    padded = nn.Conv2d(
        width, width, 3, padding=dilation, dilation=dilation, padding_mode="replicate"
    )
    return padded, nn.SiLU()
