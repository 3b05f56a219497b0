"""A trained ControlNet: the hash that it is known by, and how it is loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.ground.errors import InputError
from pipeline.ground.files import file_digest

if TYPE_CHECKING:
    from diffusers import ControlNetModel

WEIGHTS = "diffusion_pytorch_model.safetensors"
_FIRST_WEIGHT = "controlnet_cond_embedding.conv_in.weight"
WITH_DOSE = 3
"""Channels of a control that says how far attention is to move: `[mask, heatmap, dose]`."""


def weights_digest(folder: Path) -> str:
    """Return the hash of a trained ControlNet, by which MLflow knows it too.

    Raises:
        InputError: there is none.
    """
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise InputError(f"{weights}: there is no trained ControlNet. Run `dvc repro train`.")
    return file_digest(weights)


def conditioning_channels(folder: Path) -> int:
    """Return how many channels a trained ControlNet's control has.

    Raises:
        InputError: there is none.
    """
    weights_digest(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return int(config["conditioning_channels"])


def load_controlnet(folder: Path, device: str) -> ControlNetModel:
    """Load a trained ControlNet, frozen, laid out to compute fast."""
    from diffusers import ControlNetModel

    from pipeline.diffusion.layout import laid_out

    controlnet = ControlNetModel.from_pretrained(folder).to(device)
    return laid_out(controlnet).eval().requires_grad_(False)


def with_dose_channel(controlnet: ControlNetModel) -> ControlNetModel:
    """Return a copy of a ControlNet of `[mask, heatmap]` that reads a third channel.

    What it reads there changes nothing yet: the channel's weights are 0.
    """
    import torch

    # Not the private entries: one is the path that it was read from.
    config = {name: value for name, value in controlnet.config.items() if name[0] != "_"}
    widened = type(controlnet).from_config({**config, "conditioning_channels": WITH_DOSE})
    state = controlnet.state_dict()
    weight = state[_FIRST_WEIGHT]
    state[_FIRST_WEIGHT] = torch.cat([weight, torch.zeros_like(weight[:, :1])], 1)
    widened.load_state_dict(state)
    widened.to(weight.device)
    return widened


def reads_dose(controlnet: ControlNetModel) -> bool:
    """Return whether a ControlNet reads the third channel, `[mask, heatmap, dose]`."""
    return int(controlnet.config.conditioning_channels) == WITH_DOSE
