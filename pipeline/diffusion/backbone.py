"""The frozen backbone: the UNet, autoencoder and text encoder of a Stable Diffusion folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pipeline.diffusion.layout import laid_out
from pipeline.ground.errors import InputError, ParamsError, first_line
from pipeline.ground.files import tree_digest
from pipeline.ground.weights import (
    Origin,
    fetch_folder,
    load_pretrained,
    load_processor,
    read_config,
    tokenizer_faults,
)

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

INDEX = "model_index.json"
_PARTS = {
    "scheduler": "",
    "text_encoder": "CLIPTextModel",
    "tokenizer": "CLIPTokenizer",
    "unet": "UNet2DConditionModel",
    "vae": "AutoencoderKL",
}
"""Of a Stable Diffusion, with what their classes' names begin; any noise scheduler will do."""
_SCHEDULER = "scheduler/scheduler_config.json"
_MOST_KEPT = 0.05
"""Of a picture's variance, at the last timestep: Stable Diffusions keep 0.005 or less."""
_SCALES = {"scaling_factor": (1e-3, 1e3), "shift_factor": (-1e3, 1e3)}
"""Of latents, least and most, since 32 bits do not bear all; known ones have 0.1 to 2."""
_PREDICTIONS = ("epsilon", "v_prediction")
# Of a UNet: what else it is to be told beside latents, time and text.
_FURTHER_INPUTS = ("addition_embed_type", "class_embed_type", "encoder_hid_dim_type")
_ORIGIN = Origin(
    "model.backbone",
    "For the demo's, run `dvc checkout models/demo_backbone.dvc` (or `dvc pull`); one's own, copy "
    "whole again, or save with `save_pretrained(folder, safe_serialization=True)`.",
)
# The hub also holds other precisions of the same weights ("….fp16.safetensors"), which nobody needs
# twice.
_FILES = ("*.safetensors", "*.json", "*.txt")
_VARIANTS = ("*.fp16.*", "*.non_ema.*")


@dataclass(frozen=True)
class Backbone:
    """Frozen models on one device."""

    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer
    scheduler_config: dict[str, Any]
    """The noise schedule and what the UNet predicts."""
    digest: str
    """Hash of all files that the models were read from."""

    @property
    def prediction_type(self) -> str:
        """`epsilon` or `v_prediction`."""
        return str(self.scheduler_config["prediction_type"])

    @property
    def factor(self) -> int:
        """Pixels along each side of one latent."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    def check_size(self, image_size: tuple[int, int]) -> None:
        """Refuse a size, (height, width) in pixels, that pictures do not come back with.

        Raises:
            ParamsError: it is no multiple of what the autoencoder shrinks them by.
        """
        nearest = [max(1, round(side / self.factor)) * self.factor for side in image_size]
        if tuple(nearest) != image_size:
            raise ParamsError(
                f"image_size is {list(image_size)}: this backbone's autoencoder needs multiples of "
                f"{self.factor}. The nearest is {nearest}."
            )

    def encode_images(self, images: Tensor) -> Tensor:
        """Return the latents, N×C×h×w, of N×3×H×W images in [-1, 1]: the posterior's mode.

        They are scaled as the UNet expects them.
        """
        mode = self.vae.encode(images.to(self.vae.dtype)).latent_dist.mode()
        return (mode - self._shift) * self.vae.config.scaling_factor

    def decode(self, latents: Tensor) -> Tensor:
        """Return the images, N×3×H×W (in [-1, 1] but for overshoot), differentiably."""
        unscaled = latents.to(self.vae.dtype) / self.vae.config.scaling_factor + self._shift
        return self.vae.decode(unscaled).sample

    def encode_texts(self, texts: list[str]) -> Tensor:
        """Return the embeddings, N×T×D, of N texts; longer ones than the model takes are cut."""
        encoded = self.tokenizer(
            texts,
            padding="max_length",
            truncation=True,
            max_length=self.tokenizer.model_max_length,
        )
        tokens = torch.tensor(encoded["input_ids"], device=self.text_encoder.device)
        return self.text_encoder(tokens).last_hidden_state

    def noise_scheduler(self) -> DDPMScheduler:
        """Return a scheduler that adds noise as the UNet knows it."""
        from diffusers import DDPMScheduler

        return DDPMScheduler.from_config(self.scheduler_config)

    @property
    def _shift(self) -> float:
        return self.vae.config.shift_factor or 0.0


def load_backbone(location: str, root: Path, *, device: str = "cpu") -> Backbone:
    """Load a backbone, frozen, in 32 bits.

    Raises:
        InputError: there is none, or none of a kind that is supported; or a file is damaged, or
            does not fit the others.
    """
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    folder = backbone_folder(location, root)
    unet, vae = (
        load_pretrained(kind, folder / part, _ORIGIN, torch_dtype=torch.float32)
        for part, kind in (("unet", UNet2DConditionModel), ("vae", AutoencoderKL))
    )
    text_encoder = load_pretrained(
        CLIPTextModel,
        folder / "text_encoder",
        _ORIGIN,
        dtype=torch.float32,
        # Told in words of ours.
        ignore_mismatched_sizes=True,
    )
    tokenizer = load_processor(CLIPTokenizer, folder / "tokenizer", _ORIGIN)
    scheduler = {"prediction_type": "epsilon", **read_config(folder / _SCHEDULER, _ORIGIN)}
    backbone = Backbone(unet, vae, text_encoder, tokenizer, scheduler, backbone_digest(folder))
    if misfits := list(_misfits(backbone)):
        raise _ORIGIN.fault(folder, f"is no Stable Diffusion that works: {'; '.join(misfits)}")
    for model in (unet, vae, text_encoder):
        model.to(device).eval().requires_grad_(False)
    vae.to(memory_format=torch.channels_last)
    laid_out(unet)
    return backbone


def _misfits(backbone: Backbone) -> Iterator[str]:
    """Yield what is wrong with a part, or does not fit the others."""
    unet, vae, text = (
        model.config for model in (backbone.unet, backbone.vae, backbone.text_encoder)
    )
    if not unet.in_channels == unet.out_channels == vae.latent_channels:
        channels = f"{unet.in_channels} and {unet.out_channels}, not {vae.latent_channels}"
        yield f"unet takes and gives {channels} channels, as the vae's latents have"
    if unet.cross_attention_dim != text.hidden_size:
        widths = f"{unet.cross_attention_dim}, text_encoder makes {text.hidden_size}"
        yield f"unet reads embeddings of {widths}"
    if further := [name for name in _FURTHER_INPUTS if unet.get(name)]:
        yield f"unet is to be told more than latents, time and text ({further[0]})"
    for name, (least, most) in _SCALES.items():
        value = 0 if vae.get(name) is None else vae[name]
        if type(value) not in (int, float) or not least <= value <= most:
            yield f"vae/config.json has {name} {value!r}: a number from {least:g} to {most:g} works"
    for fault in tokenizer_faults(backbone.tokenizer, text):
        yield f"tokenizer {fault}"
    if backbone.prediction_type not in _PREDICTIONS:
        known = " and ".join(_PREDICTIONS)
        yield f"{_SCHEDULER} has prediction_type {backbone.prediction_type}; known are {known}"
    if found := _schedule_fault(backbone):
        yield f"{_SCHEDULER} describes no noise schedule: {found}"


def _schedule_fault(backbone: Backbone) -> str | None:
    try:
        kept = backbone.noise_scheduler().alphas_cumprod
    # Whatever a setting of another type or size comes to in diffusers.
    except Exception as error:
        return f"{type(error).__name__}: {first_line(error)}"
    if not (len(kept) > 1 and bool((kept.diff() < 0).all()) and kept[0] < 1 and kept[-1] > 0):
        return "what is kept of a picture must fall from step to step, in (0, 1)"
    if kept[-1] > _MOST_KEPT:
        return (
            f"its {len(kept)} timesteps end with {kept[-1]:.2g} of a picture kept, and must end "
            f"in noise ({_MOST_KEPT} or less)"
        )
    return None


def backbone_folder(location: str, root: Path) -> Path:
    """Return a backbone's folder: below the root, or the local copy of the hub's.

    Raises:
        InputError: it is neither, or a kind of model that is not supported.
    """
    wanted = [INDEX, *(f"{part}/{pattern}" for part in _PARTS for pattern in _FILES)]
    folder = fetch_folder(location, root, "model.backbone", wanted, _VARIANTS)
    index = folder / INDEX
    if not index.is_file():
        raise InputError(
            f"model.backbone: {folder} has no {INDEX}, so it is no diffusers folder. For the "
            "demo's, run `dvc pull models/demo_backbone.dvc`."
        )
    parts = read_config(index, _ORIGIN)
    if "text_encoder_2" in parts:
        raise InputError(
            f"model.backbone: {folder} has two text encoders ({parts.get('_class_name')}), as SDXL "
            "has, which is not supported yet. Name a Stable Diffusion 1.5 or 2 instead."
        )
    missing = [part for part in _PARTS if not parts.get(part) or not (folder / part).is_dir()]
    if missing:
        raise InputError(
            f"model.backbone: {folder} lacks {', '.join(missing)}. Copy the model as a whole: in "
            f"diffusers' layout it has {', '.join(_PARTS)}."
        )
    for part, kind in _PARTS.items():
        found = parts[part][-1] if isinstance(parts[part], list) else parts[part]
        if not str(found).startswith(kind):
            raise _ORIGIN.fault(index, f"says that {part} is a {found}: only {kind} is supported")
    return folder


def backbone_digest(folder: Path) -> str:
    """Return the hash of the parts' weights, configurations and vocabularies."""
    return tree_digest(folder, backbone_files(folder))


def backbone_files(folder: Path) -> list[Path]:
    """Return the weights, configurations and vocabularies of the parts: no pickle is among them."""
    return sorted(
        path
        for part in _PARTS
        for pattern in _FILES
        for path in (folder / part).glob(pattern)
        if not any(path.match(variant) for variant in _VARIANTS)
    )
