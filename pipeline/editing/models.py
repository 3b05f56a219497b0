"""The models of an edit, as far as editing uses them: what they must be able to do."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor


class Guide(Protocol):
    """An attention model, differentiable where the gradient is to guide."""

    @property
    def differentiable(self) -> bool:
        """Whether gradients flow from the maps to the images."""
        ...

    @property
    def digest(self) -> str:
        """A hash of all that its maps depend on besides the images."""
        ...

    def maps(self, images: Tensor) -> Tensor:
        """Return attention, N×H×W, >= 0, of N×3×H×W in [-1, 1]."""
        ...


class LatentModel(Protocol):
    """A frozen latent-diffusion backbone (`pipeline.diffusion.backbone.Backbone`)."""

    @property
    def unet(self) -> Any:
        """A UNet2DConditionModel."""
        ...

    @property
    def prediction_type(self) -> str:
        """`epsilon` or `v_prediction`."""
        ...

    @property
    def digest(self) -> str:
        """A hash of the weights."""
        ...

    def encode_images(self, images: Tensor) -> Tensor:
        """Return the latents, N×C×h×w, of N×3×H×W in [-1, 1]."""
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """Return the images, N×3×H×W."""
        ...

    def encode_texts(self, texts: list[str]) -> Tensor:
        """Return the embeddings of N texts, N×T×D."""
        ...

    def noise_scheduler(self) -> Any:
        """Return a scheduler with the noise schedule `alphas_cumprod`."""
        ...
