"""The frozen backbone: the UNet, autoencoder and text encoder of a Stable Diffusion folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pipeline.diffusion.layout import laid_out, summing_alike, two_threads_at_least
from pipeline.ground.errors import InputError, ParamsError
from pipeline.ground.files import tree_digest

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

INDEX = "model_index.json"
_PARTS = ("scheduler", "text_encoder", "tokenizer", "unet", "vae")
# Weights as safetensors alone: loading a pickle runs whatever its maker put into it. The hub also
# holds other precisions of the same weights ("….fp16.safetensors"), which nobody needs twice.
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

        They are scaled as the UNet expects them. On a processor one thread gives the same as two.
        """
        with two_threads_at_least():
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
        InputError: there is none, or none of a kind that is supported.
    """
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    folder = backbone_folder(location, root)
    options = {"torch_dtype": torch.float32, "use_safetensors": True, "local_files_only": True}
    try:
        scheduler = json.loads((folder / "scheduler/scheduler_config.json").read_text())
        unet = UNet2DConditionModel.from_pretrained(folder / "unet", **options)
        vae = AutoencoderKL.from_pretrained(folder / "vae", **options)
        text_encoder = CLIPTextModel.from_pretrained(
            folder / "text_encoder",
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
        )
        tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
    except (OSError, ValueError) as error:
        raise InputError(
            f"model.backbone: {folder} is no Stable Diffusion with safetensors weights: {error}. "
            "For the demo's, run `dvc pull models/demo_backbone.dvc`; of one's own, save it with "
            "`save_pretrained(folder, safe_serialization=True)`."
        ) from error
    for model in (unet, vae, text_encoder):
        model.to(device).eval().requires_grad_(False)
    vae.to(memory_format=torch.channels_last)
    summing_alike(vae)
    scheduler.setdefault("prediction_type", "epsilon")
    return Backbone(
        laid_out(unet), vae, text_encoder, tokenizer, scheduler, backbone_digest(folder)
    )


def backbone_folder(location: str, root: Path) -> Path:
    """Return a backbone's folder: below the root, or the local copy of the hub's.

    Raises:
        InputError: it is neither, or a kind of model that is not supported.
    """
    folder = root / location
    if not folder.is_dir():
        folder = _from_hub(location)
    index = folder / INDEX
    if not index.is_file():
        raise InputError(
            f"model.backbone: {folder} has no {INDEX}, so it is no diffusers folder. For the "
            "demo's, run `dvc pull models/demo_backbone.dvc`."
        )
    parts = json.loads(index.read_text())
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


def _from_hub(location: str) -> Path:
    from huggingface_hub import snapshot_download

    wanted = [INDEX, *(f"{part}/{pattern}" for part in _PARTS for pattern in _FILES)]
    try:
        return Path(
            snapshot_download(location, allow_patterns=wanted, ignore_patterns=list(_VARIANTS))
        )
    except (OSError, ValueError) as error:
        raise InputError(
            f"model.backbone: {location!r} is no folder here, and the model hub gives none "
            f"({type(error).__name__}). With a network: `hf download {location}`, once. Without: "
            "copy the model's folder to models/ and name it. For the demo's, run "
            "`dvc pull models/demo_backbone.dvc`."
        ) from error
