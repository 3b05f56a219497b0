"""Observers of people: readouts learned from the recorded gaze of people who saw photographs.

`studies/osie/train_observers.py` trains them; `models/people/README.md` is their card. `people_a`
and `people_b` learned from different people, on different features, by different heads: one may
guide edits where the other judges them.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from pipeline.attention.readout import (
    Backbone,
    Readout,
    ReadoutConfig,
    backbone_file,
    log_densities,
)
from pipeline.ground.errors import InputError
from pipeline.ground.files import digest, file_digest, make_folder, write_text

FOLDER = Path("models/people")
WEIGHTS = "model.safetensors"
CONFIG = "config.json"


class People:
    """Where people would look, as a readout says that was learned from recorded gaze.

    Args:
        folder: as `save_people` writes it; its name is the model's.
        device: of torch.

    Raises:
        ParamsError: the packages that carry its features are not installed.
        InputError: its readout is missing or damaged.
    """

    differentiable = True
    makers = (__name__,)

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        try:
            config = ReadoutConfig.model_validate_json((folder / CONFIG).read_bytes())
            readout = Readout(config)
            readout.load_state_dict(load_file(folder / WEIGHTS))
        except (OSError, ValidationError, SafetensorError, RuntimeError) as error:
            raise InputError(
                f"{folder} holds no observer of people that can be read "
                f"({type(error).__name__}: {str(error).splitlines()[0]}). Run "
                f"`dvc pull {FOLDER}.dvc`, or name another attention model."
            ) from error
        self.name = folder.name
        self._backbone = Backbone(config.backbone, config.blocks).to(device)
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
