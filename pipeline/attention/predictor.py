"""The learned predictor as an attention model: a folder with weights and what they fit in."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from pipeline.attention.network import AttentionNetwork
from pipeline.attention.network_config import NetworkConfig
from pipeline.ground.files import digest, file_digest, make_folder, write_text
from pipeline.ground.weights import CONFIG, Origin, read_own_config, read_weights

WEIGHTS = "model.safetensors"


class Predictor:
    """Attention as a network predicts it that was trained on recorded heatmaps.

    Its folder is as `save_predictor` writes it. Messages name the parameter that names it.

    Raises:
        InputError: the folder holds no such model, or a damaged one.
    """

    name = "predictor"
    differentiable = True
    makers = (__name__,)

    def __init__(
        self, folder: Path, device: str = "cpu", parameter: str = "attention_model"
    ) -> None:
        origin = Origin(
            parameter,
            "Restore the predictor with `dvc checkout`, or delete it and run `dvc repro "
            "attention_model`; or name another model.",
        )
        network = AttentionNetwork(read_own_config(NetworkConfig, folder / CONFIG, origin))
        read_weights(network, folder / WEIGHTS, origin)
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
