"""What a training run shows on its way: pictures of fixed scenes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import lightning.pytorch as pl
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from pipeline.diffusion.precision import autocast
from pipeline.diffusion.predict import controlled
from pipeline.ground.files import write_bytes
from pipeline.learning.generators import generator_for
from pipeline.pictures.reading import encode
from pipeline.pictures.tensors import pixels_of
from pipeline.stages.train.controlnet_module import ControlNetModule

_SAMPLE = 3
# From how far in the noise the scenes are drawn anew, and in how many steps.
_DEPTH = 0.8
_STEPS = 10


class SampleGrids(pl.Callback):
    """Draws fixed scenes from noise at each validation, under their own controls.

    Each picture has one row per scene: the scene, its control (heatmap with the mask's outline),
    and what the model makes of it from `_DEPTH` of the noise.

    Args:
        scenes: encoded scenes.
        count: how many of them, the first ones of different videos.
        folder: where the pictures go, `step_{step}.png`.
        share: called with each picture's path.
    """

    def __init__(
        self, scenes: Dataset[Any], count: int, folder: Path, share: Callable[[Path], None]
    ) -> None:
        self.samples = _first_of_videos(scenes, count)
        self.folder = folder
        self.share = share

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the scenes and write their picture."""
        if trainer.sanity_checking or not trainer.is_global_zero or not self.samples:
            return
        assert isinstance(pl_module, ControlNetModule)
        path = self.folder / f"step_{trainer.global_step:06d}.png"
        write_bytes(path, encode(draw_samples(pl_module, self.samples), "png"))
        self.share(path)


def draw_samples(module: ControlNetModule, samples: list[dict[str, Any]]) -> NDArray[np.uint8]:
    """Return the picture of `SampleGrids`, H×W×3; the scenes are drawn one after the other."""
    generator = generator_for(module.params.seed, _SAMPLE)
    shape = (len(samples), *samples[0]["latents"].shape)
    noises = torch.randn(shape, generator=generator).split(1)
    rows = [_drawn(module, sample, noise) for sample, noise in zip(samples, noises, strict=True)]
    return np.concatenate(rows)


@torch.no_grad()
def _drawn(module: ControlNetModule, sample: dict[str, Any], noise: Tensor) -> NDArray[np.uint8]:
    """Return a scene's row: the scene, its control, what the model makes of it."""
    from diffusers import DDIMScheduler

    device = module.device
    clean, text, control = (
        sample[name][None].to(device) for name in ("latents", "text", "control")
    )
    scheduler = DDIMScheduler.from_config(module.backbone.scheduler_config)
    scheduler.set_timesteps(round(_STEPS / _DEPTH))
    timesteps = scheduler.timesteps[-_STEPS:].to(device)
    latents = scheduler.add_noise(clean, noise.to(device), timesteps[:1])
    with autocast(device, module.params.precision != "32-true"):
        for timestep in timesteps:
            output = controlled(
                module.backbone.unet, module.averaged, latents, timestep[None], text, control
            )
            latents = scheduler.step(output.float(), timestep, latents).prev_sample
    original, drawn = (
        pixels_of(module.backbone.decode(picture).float())[0] for picture in (clean, latents)
    )
    return np.concatenate([original, _control_picture(control[0].cpu().numpy()), drawn], 1)


def _control_picture(control: NDArray[np.float32]) -> NDArray[np.uint8]:
    levels = np.rint(control * 255).astype(np.uint8)
    picture = np.asarray(cv2.applyColorMap(levels[1], cv2.COLORMAP_VIRIDIS))[..., ::-1].copy()
    outlines, _ = cv2.findContours(levels[0], cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, outlines, -1, (255, 255, 255), 1)
    return picture


def _first_of_videos(scenes: Dataset[Any], count: int) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for position in range(len(scenes)):  # type: ignore[arg-type]
        if len(found) == count:
            break
        sample = scenes[position]
        found.setdefault(sample["video_id"], sample)
    return list(found.values())
