"""Finding CLIPSeg's folder, here or on the model hub, without loading anything of it."""

from __future__ import annotations

from pathlib import Path

from pipeline.ground.errors import InputError
from pipeline.ground.files import digest
from pipeline.ingest.inputs import content_digests

# Weights as safetensors alone: loading a pickle runs whatever its maker put into it.
_FILES = ("*.safetensors", "*.json", "*.txt")


def fetch_model(model: str, root: Path) -> Path:
    """Return the folder of a model: a folder below `root`, or the local copy of a hub id.

    Raises:
        InputError: it is no folder, and the hub has none or cannot be reached.
    """
    from huggingface_hub import snapshot_download

    folder = root / model
    if folder.is_dir():
        return folder
    try:
        return Path(snapshot_download(model, allow_patterns=list(_FILES)))
    except (OSError, ValueError) as error:
        raise InputError(
            f"keyword_masks.model: {model!r} is no folder here, and the model hub gives none "
            f"({type(error).__name__}). With a network: `hf download {model}`, once. Without: copy "
            "the model's folder here (safetensors) and name it, or set keyword_masks.source to "
            "annotations or folder."
        ) from error


def model_digest(folder: Path) -> str:
    """Return the hash of a model's weights, configuration and vocabulary."""
    paths = sorted(path for pattern in _FILES for path in folder.glob(pattern))
    return digest(*(path.name for path in paths), *content_digests(paths))
