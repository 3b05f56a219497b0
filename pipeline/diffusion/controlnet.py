"""The trained ControlNet: where the stage `train` puts it, and the hash that it is known by."""

from __future__ import annotations

from pipeline.errors import InputError
from pipeline.storage.files import file_digest
from pipeline.storage.workspace import Workspace

CONTROLNET = "outputs/training_v3/controlnet"
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
