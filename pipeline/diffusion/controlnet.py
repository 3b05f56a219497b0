"""A trained ControlNet: the hash that it is known by, and how it is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.ground.errors import InputError
from pipeline.ground.files import file_digest
from pipeline.ground.weights import CONFIG, Origin, load_pretrained, read_config

if TYPE_CHECKING:
    from diffusers import ControlNetModel

    from pipeline.diffusion.backbone import Backbone

WEIGHTS = "diffusion_pytorch_model.safetensors"
_FIRST_WEIGHT = "controlnet_cond_embedding.conv_in.weight"
WITH_DOSE = 3
"""Channels of a control that says how far attention is to move: `[mask, heatmap, dose]`."""
_ORIGIN = Origin(
    "the trained ControlNet",
    "Restore its folder with `dvc checkout`, or delete it and run `dvc repro` to train it anew.",
)
# Of its configuration, all else of which it must have as the UNet that it was made for: what
# diffusers would apply to pictures, or not at all.
_AS_MADE = {"controlnet_conditioning_channel_order": "rgb", "global_pool_conditions": False}


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
        InputError: there is none, or another kind of ControlNet.
    """
    weights_digest(folder)
    channels = read_config(folder / CONFIG, _ORIGIN).get("conditioning_channels")
    if channels not in (WITH_DOSE - 1, WITH_DOSE):
        raise _ORIGIN.fault(
            folder / CONFIG,
            f"has conditioning_channels {channels!r}: controls have 2, mask and heatmap, or 3",
        )
    return int(channels)


def load_controlnet(folder: Path, backbone: Backbone) -> ControlNetModel:
    """Load a trained ControlNet, frozen, laid out to compute fast, to where the backbone is.

    Raises:
        InputError: there is none, it is damaged, or it was trained for another backbone.
    """
    from diffusers import ControlNetModel

    from pipeline.diffusion.layout import laid_out

    conditioning_channels(folder)
    controlnet = load_pretrained(ControlNetModel, folder, _ORIGIN)
    own, unet = controlnet.config, backbone.unet.config
    shared = sorted(name for name in own.keys() & unet.keys() if name[0] != "_")
    if other := [name for name in shared if _plain(own[name]) != _plain(unet[name])]:
        raise _ORIGIN.fault(
            folder,
            f"was trained for another backbone: {other[0]} is {own[other[0]]}, the backbone's "
            f"{unet[other[0]]}",
        )
    for name, wanted in _AS_MADE.items():
        if own[name] != wanted:
            raise _ORIGIN.fault(
                folder / CONFIG, f"has {name} {own[name]!r}: ours are made with {wanted!r}"
            )
    halvings = len(own.conditioning_embedding_out_channels) - 1
    if 2**halvings != backbone.factor:
        raise _ORIGIN.fault(
            folder, f"shrinks controls by {2**halvings}, the backbone's latents {backbone.factor}"
        )
    return laid_out(controlnet.to(backbone.unet.device)).eval().requires_grad_(False)


def _plain(value: Any) -> Any:
    """Return a setting as JSON has it, which knows no tuples."""
    return list(value) if isinstance(value, tuple) else value


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
