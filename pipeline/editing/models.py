"""The models of an edit, as far as editing uses them: what they must be able to do."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor


class Guide(Protocol):
    """An attention model, differentiable where the gradient is to guide."""

    differentiable: bool
    digest: str

    def maps(self, images: Tensor) -> Tensor:
        """Return attention, N×H×W, >= 0, of N×3×H×W in [-1, 1]."""
        ...


class LatentModel(Protocol):
    """A frozen latent-diffusion backbone (`pipeline.diffusion.backbone.Backbone`)."""

    unet: Any
    prediction_type: str
    digest: str

    def encode_images(self, images: Tensor) -> Tensor:
        """Return the latents, N×C×h×w, of N×3×H×W in [-1, 1]."""
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """Return the images, N×3×H×W, differentiably."""
        ...

    def encode_texts(self, texts: list[str]) -> Tensor:
        """Return the embeddings of N texts, N×T×D."""
        ...

    def noise_scheduler(self) -> Any:
        """Return a scheduler with the noise schedule `alphas_cumprod`."""
        ...


def half_precision(device: torch.device) -> torch.dtype:
    """Return the 16-bit type that is fast on the device."""
    return torch.bfloat16 if device.type == "cpu" else torch.float16
