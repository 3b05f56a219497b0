"""Observers of people: readouts learned from the recorded gaze of people who saw photographs.

`studies/osie/train_observers.py` trains them; `models/people/README.md` is their card. `people_a`
and `people_b` learned from different people, on different features, by different heads: one may
guide edits where the other judges them.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from pipeline.attention.readout import (
    Backbone,
    Readout,
    ReadoutConfig,
    backbone_file,
    log_densities,
)
from pipeline.ground.files import digest, file_digest, make_folder, write_text
from pipeline.ground.weights import CONFIG, Origin, read_own_config, read_weights

FOLDER = Path("models/people")
WEIGHTS = "model.safetensors"


class People:
    """Where people would look, as a readout says that was learned from recorded gaze.

    Args:
        folder: as `save_people` writes it; its name is the model's.
        device: of torch.
        parameter: that names it.

    Raises:
        ParamsError: the packages that carry its features are not installed.
        InputError: its readout is missing or damaged, or does not fit its features.
    """

    differentiable = True
    makers = (__name__,)

    def __init__(
        self, folder: Path, device: str = "cpu", parameter: str = "attention_model"
    ) -> None:
        origin = Origin(parameter, f"Run `dvc pull {FOLDER}.dvc`, or name another attention model.")
        config = read_own_config(ReadoutConfig, folder / CONFIG, origin)
        readout = Readout(config)
        read_weights(readout, folder / WEIGHTS, origin)
        self.name = folder.name
        self._backbone = Backbone(config.backbone, config.blocks).to(device)
        features = self._backbone(torch.zeros(1, 3, 32, 32, device=device))
        if (found := tuple(block.shape[1] for block in features)) != config.channels:
            raise origin.fault(
                folder / CONFIG, f"reads channels {config.channels}, its blocks have {found}"
            )
        self._readout = readout.to(device).eval().requires_grad_(False)
        self.digest = digest(
            file_digest(folder / CONFIG),
            file_digest(folder / WEIGHTS),
            file_digest(backbone_file(config.backbone)),
        )

    def maps(self, images: Tensor) -> Tensor:
        """Return attention, N×H×W, > 0, its mean 1, of N×3×H×W images in [-1, 1]."""
        pixels = images.shape[-2] * images.shape[-1]
        return log_densities(self._backbone, self._readout, images).exp() * pixels


def save_people(readout: Readout, folder: Path) -> None:
    """Write a readout where `People` reads it."""
    make_folder(folder)
    state = {
        name: value.detach().cpu().contiguous() for name, value in readout.state_dict().items()
    }
    save_file(state, folder / WEIGHTS)
    write_text(folder / CONFIG, readout.config.model_dump_json(indent=1) + "\n")
