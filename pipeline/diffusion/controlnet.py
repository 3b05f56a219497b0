"""The trained ControlNet: where the stage `train` puts it, and the hash that it is known by."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.ground.artefacts import CONTROLNET
from pipeline.ground.errors import InputError
from pipeline.ground.files import file_digest
from pipeline.ground.workspace import Workspace

if TYPE_CHECKING:
    from diffusers import ControlNetModel

WEIGHTS = "diffusion_pytorch_model.safetensors"


def weights_digest(workspace: Workspace) -> str:
    """Return the hash of the trained ControlNet, by which MLflow knows it too.

    Raises:
        InputError: there is none.
    """
    weights = workspace.path(CONTROLNET) / WEIGHTS
    if not weights.is_file():
        raise InputError(f"{weights}: there is no trained ControlNet. Run `dvc repro train`.")
    return file_digest(weights)


def load_controlnet(folder: Path, device: str) -> ControlNetModel:
    """Load a trained ControlNet, frozen, laid out to compute fast."""
    from diffusers import ControlNetModel

    from pipeline.diffusion.layout import laid_out

    controlnet = ControlNetModel.from_pretrained(folder).to(device)
    return laid_out(controlnet).eval().requires_grad_(False)
