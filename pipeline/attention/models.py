"""The door to attention models: what all of them can do, and how a name becomes one."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Protocol

from torch import Tensor

from pipeline.ground.errors import ParamsError

CENTRE_SURROUND = "centre_surround"
SPECTRAL_RESIDUAL = "spectral_residual"
MEDIAATTENTION = ("mediaattention:ads", "mediaattention:unisal", "mediaattention:spectral")
NAMES = (CENTRE_SURROUND, SPECTRAL_RESIDUAL, *MEDIAATTENTION)
"""The models that need no training here. `mediaattention` is a package of its own, which fetches
the weights of `ads` and `unisal` when first used."""


class AttentionModel(Protocol):
    """Says where people would look in a picture."""

    @property
    def name(self) -> str:
        """What it is called in params, tables and heatmap files."""
        ...

    @property
    def differentiable(self) -> bool:
        """Whether gradients flow from the maps to the images."""
        ...

    @property
    def digest(self) -> str:
        """A hash of all that its maps depend on besides the images."""
        ...

    def maps(self, images: Tensor) -> Tensor:
        """Return attention, N×H×W, finite and >= 0, of N×3×H×W images in [-1, 1]."""
        ...


@cache
def load_attention_model(location: str, root: Path, device: str = "cpu") -> AttentionModel:
    """Return a model of `NAMES`, or the predictor in a folder; loaded once per process.

    Args:
        location: a name, or a folder that the stage attention_model wrote, below `root`.
        root: the data root.
        device: of torch.

    Raises:
        ParamsError: there is no such model, or its package is not installed.
        InputError: its weights cannot be had or read.
    """
    if location == CENTRE_SURROUND:
        from pipeline.attention.centre_surround import CentreSurround

        return CentreSurround()
    if location == SPECTRAL_RESIDUAL:
        from pipeline.attention.spectral_residual import SpectralResidual

        return SpectralResidual()
    if location in MEDIAATTENTION:
        from pipeline.attention.media import MediaAttention

        return MediaAttention(location)
    if (root / location).is_dir():
        from pipeline.attention.predictor import Predictor

        return Predictor(root / location, device)
    raise ParamsError(
        f"{location!r} is no attention model: name one of {', '.join(NAMES)}, or a folder below "
        f"{root} that the stage attention_model has written."
    )
