"""Whether a ControlNet reads its control: its loss with the true heatmap, another's, and none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, StackDataset, Subset

from pipeline.diffusion.backbone import Backbone
from pipeline.diffusion.noise import add_noise, at_latents, squared_error
from pipeline.diffusion.precision import autocast
from pipeline.diffusion.predict import controlled
from pipeline.learning.generators import generator_for

if TYPE_CHECKING:
    from diffusers import ControlNetModel

Losses = NDArray[np.float64]
_CHECK = 2


class ControlLosses(NamedTuple):
    """Mean squared error of the prediction inside the mask, one value per scene."""

    video_ids: list[str]
    true: Losses
    """With the scene's own heatmap."""
    shuffled: Losses
    """With that of another scene, half the data away; the mask stays."""
    zero: Losses
    """With an empty heatmap."""

    def increase(self) -> float:
        """Return by how much shuffled heatmaps raise the mean loss, relative to the true ones."""
        return float(self.shuffled.mean() / self.true.mean() - 1)


@torch.no_grad()
def control_losses(
    backbone: Backbone,
    controlnet: ControlNetModel,
    scenes: Dataset[Any],
    *,
    batch_size: int,
    draws: int = 4,
    seed: int = 0,
) -> ControlLosses:
    """Measure the losses at fixed noise and timesteps, the same for all three heatmaps.

    The scenes are encoded ones, two at least; each is drawn several noises and timesteps, which are
    spread evenly over the schedule. The size of batches changes no result beyond rounding.
    """
    device = controlnet.device
    schedule = backbone.noise_scheduler().alphas_cumprod
    count = len(scenes)  # type: ignore[arg-type]  # Torch's Dataset does not say that it has one.
    half_away = Subset(scenes, [(place + count // 2) % count for place in range(count)])
    pairs = StackDataset(own=scenes, another=half_away)
    sums: dict[str, list[Tensor]] = {"true": [], "shuffled": [], "zero": []}
    video_ids: list[str] = []
    for pair in DataLoader(pairs, batch_size=batch_size):
        batch = pair["own"]
        positions = range(len(video_ids), len(video_ids) + len(batch["latents"]))
        video_ids += batch["video_id"]
        mask, own = batch["control"][:, :1], batch["control"][:, 1:]
        arms = {"true": own, "shuffled": pair["another"]["control"][:, 1:], "zero": own * 0}
        losses = {name: torch.zeros(len(own)) for name in arms}
        for draw in range(draws):
            noise, offset = _drawn(batch["latents"].shape[1:], positions, draw, seed)
            timesteps = ((draw + offset) / draws * len(schedule)).long()
            timesteps = timesteps.clamp(max=len(schedule) - 1)
            clean = batch["latents"].to(device)
            noised = add_noise(
                clean, noise.to(device), timesteps.to(device), schedule, backbone.prediction_type
            )
            inside = at_latents(mask.to(device), clean)
            for name, heatmap in arms.items():
                control = torch.cat([mask, heatmap], 1).to(device)
                with autocast(device):
                    output = controlled(
                        backbone.unet,
                        controlnet,
                        noised.latents,
                        noised.timesteps,
                        batch["text"].to(device),
                        control,
                    )
                error = squared_error(output, noised.target) * inside
                per_scene = error.sum((1, 2, 3)) / inside.sum((1, 2, 3)).clamp(min=1e-6)
                losses[name] += per_scene.cpu() / draws
        for name, values in losses.items():
            sums[name].append(values)
    found = {name: torch.cat(values).double().numpy() for name, values in sums.items()}
    return ControlLosses(video_ids, **found)


def _drawn(shape: torch.Size, positions: range, draw: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return each scene's noise, N×C×h×w, and a number in [0, 1), N.

    They depend on the scene's position, not on the batch that it comes in.
    """
    generators = [generator_for(seed, _CHECK, position, draw) for position in positions]
    noise = [torch.randn(shape, generator=generator) for generator in generators]
    offset = [torch.rand(1, generator=generator) for generator in generators]
    return torch.stack(noise), torch.cat(offset)
