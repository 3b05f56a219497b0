"""A trained ControlNet: the hash that it is known by, and how it is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.ground.errors import InputError
from pipeline.ground.files import file_digest

if TYPE_CHECKING:
    from diffusers import ControlNetModel

WEIGHTS = "diffusion_pytorch_model.safetensors"


def weights_digest(folder: Path) -> str:
    """Return the hash of a trained ControlNet, by which MLflow knows it too.

    Raises:
        InputError: there is none.
    """
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise InputError(f"{weights}: there is no trained ControlNet. Run `dvc repro train`.")
    return file_digest(weights)


def load_controlnet(folder: Path, device: str) -> ControlNetModel:
    """Load a trained ControlNet, frozen, laid out to compute fast."""
    from diffusers import ControlNetModel

    from pipeline.diffusion.layout import laid_out

    controlnet = ControlNetModel.from_pretrained(folder).to(device)
    return laid_out(controlnet).eval().requires_grad_(False)
