"""The learned predictor as an attention model: a folder with weights and what they fit in."""

from __future__ import annotations

from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from pipeline.attention.network import AttentionNetwork
from pipeline.attention.network_config import NetworkConfig
from pipeline.ground.errors import InputError
from pipeline.ground.files import digest, file_digest, make_folder, write_text

WEIGHTS = "model.safetensors"
CONFIG = "config.json"


class Predictor:
    """Attention as a network predicts it that was trained on recorded heatmaps.

    Its folder is as `save_predictor` writes it.

    Raises:
        InputError: the folder holds no such model, or a damaged one.
    """

    name = "predictor"
    differentiable = True
    makers = (__name__,)

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        try:
            config = NetworkConfig.model_validate_json((folder / CONFIG).read_bytes())
            network = AttentionNetwork(config)
            network.load_state_dict(load_file(folder / WEIGHTS))
        except (OSError, ValidationError, SafetensorError, RuntimeError) as error:
            raise InputError(
                f"{folder} holds no attention model that can be read "
                f"({type(error).__name__}: {str(error).splitlines()[0]}). Run "
                "`dvc repro attention_model`, or name another model."
            ) from error
        self._network = network.to(device).eval().requires_grad_(False)
        self.digest = digest(file_digest(folder / CONFIG), file_digest(folder / WEIGHTS))

    def maps(self, images: Tensor) -> Tensor:
        """Return attention, N×H×W, > 0, its mean 1, of N×3×H×W images in [-1, 1]."""
        pixels = images.shape[-2] * images.shape[-1]
        found: Tensor = self._network(images).exp() * pixels
        return found


def save_predictor(network: AttentionNetwork, folder: Path) -> list[Path]:
    """Write a network where `Predictor` reads it; return the files."""
    make_folder(folder)
    state = {
        name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()
    }
    save_file(state, folder / WEIGHTS)
    write_text(folder / CONFIG, network.config.model_dump_json(indent=1) + "\n")
    return [folder / WEIGHTS, folder / CONFIG]


def parameters_of(network: torch.nn.Module) -> int:
    """Return the number of weights."""
    return sum(weights.numel() for weights in network.parameters())
