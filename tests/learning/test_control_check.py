import weakref
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel
from tiny_models import TinyBackbone, tiny_controlnet
from tiny_scenes import TinyScenes
from torch.utils.data import Dataset, default_collate

from pipeline.diffusion.noise import squared_error
from pipeline.diffusion.predict import controlled
from pipeline.learning.control_check import control_losses
from pipeline.stages.train.objective import Objective
from pipeline.stages.train.params import TrainParams

SHAPES: dict[str, Any] = {"latents": (3, 6, 4), "text": (2, 8)}


def scenes(count: int) -> TinyScenes:
    return TinyScenes(count, **SHAPES)


class FlatScenes(TinyScenes):
    """Scenes whose latents are their heatmaps, so that a model can know them from these."""

    def __getitem__(self, position: int) -> dict[str, Any]:
        sample = super().__getitem__(position)
        level = torch.rand(1, generator=torch.Generator().manual_seed(position))
        sample["control"][1] = level
        return {**sample, "latents": (4 * level - 2).expand(self.latents).clone()}


class Exchanged(Dataset[dict[str, Any]]):
    """Scenes, each under the heatmap of the one half the data away."""

    def __init__(self, scenes: TinyScenes) -> None:
        self.scenes = scenes

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, position: int) -> dict[str, Any]:
        mask = self.scenes[position]["control"][:1]
        other = self.scenes[(position + len(self) // 2) % len(self)]["control"][1:]
        return {**self.scenes[position], "control": torch.cat([mask, other])}


class Watched(TinyScenes):
    """Scenes that count how many of their controls are in memory."""

    def __init__(self, count: int) -> None:
        super().__init__(count, **SHAPES)
        self.given: list[weakref.ref[Any]] = []
        self.most = 0

    def __getitem__(self, position: int) -> dict[str, Any]:
        sample = super().__getitem__(position)
        # Lives as long as any view of the tensor does.
        memory = sample["control"].numpy().copy()
        self.given.append(weakref.ref(memory))
        self.most = max(self.most, sum(each() is not None for each in self.given))
        return {**sample, "control": torch.from_numpy(memory)}


@pytest.mark.parametrize("count", [4, 5])
def test_the_other_heatmap_is_that_of_the_scene_half_the_data_away(count: int) -> None:
    backbone = TinyBackbone()
    controlnet = tiny_controlnet(backbone)
    found = control_losses(backbone, controlnet, scenes(count), draws=1, batch_size=2)
    exchanged = control_losses(
        backbone, controlnet, Exchanged(scenes(count)), draws=1, batch_size=2
    )
    np.testing.assert_allclose(found.shuffled, exchanged.true, rtol=1e-6)
    assert not np.allclose(found.shuffled, found.true, rtol=1e-6)


def test_no_more_controls_are_in_memory_than_two_batches_need() -> None:
    backbone = TinyBackbone()
    watched = Watched(24)
    control_losses(backbone, tiny_controlnet(backbone), watched, draws=1, batch_size=2)
    assert watched.most <= 8


def test_the_noise_is_the_scenes_own_whatever_the_batch() -> None:
    backbone = TinyBackbone()
    controlnet = tiny_controlnet(backbone)
    one, three, all_ = (
        control_losses(backbone, controlnet, scenes(5), draws=2, batch_size=size)
        for size in (1, 3, 5)
    )
    for arm in ("true", "shuffled", "zero"):
        np.testing.assert_allclose(getattr(one, arm), getattr(all_, arm), rtol=1e-4)
        np.testing.assert_allclose(getattr(three, arm), getattr(all_, arm), rtol=1e-4)
    assert one.video_ids == three.video_ids == list(scenes(5).table["video_id"])


def test_a_controlnet_that_adds_nothing_cannot_tell_heatmaps_apart() -> None:
    backbone = TinyBackbone()
    fresh = ControlNetModel.from_unet(
        backbone.unet, conditioning_channels=2, conditioning_embedding_out_channels=(4, 8, 8)
    )
    found = control_losses(backbone, fresh, scenes(4), draws=2, batch_size=4)
    assert (found.true == found.shuffled).all()
    assert (found.true == found.zero).all()
    assert found.increase() == 0


def test_one_that_has_learned_to_read_its_heatmap_misses_it() -> None:
    backbone = TinyBackbone()
    controlnet = tiny_controlnet(backbone).requires_grad_(True)
    flat = FlatScenes(6, **SHAPES)
    batch = default_collate([flat[place] for place in range(6)])
    objective = Objective(backbone.noise_scheduler().alphas_cumprod, "v_prediction", TrainParams())
    optimizer = torch.optim.AdamW(controlnet.parameters(), lr=5e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(150):
        timesteps = objective.draw_timesteps(6, generator)
        noise = torch.randn(batch["latents"].shape, generator=generator)
        noised = objective.noised(batch["latents"], noise, timesteps)
        output = controlled(
            backbone.unet, controlnet, noised.latents, timesteps, batch["text"], batch["control"]
        )
        optimizer.zero_grad()
        squared_error(output, noised.target).mean().backward()
        optimizer.step()
    found = control_losses(backbone, controlnet, flat, batch_size=6)
    assert found.increase() > 0.1
    assert found.zero.mean() > found.true.mean()


def test_the_same_seed_gives_the_same_losses() -> None:
    backbone = TinyBackbone()
    controlnet = tiny_controlnet(backbone)
    first, again, other = (
        control_losses(backbone, controlnet, scenes(3), draws=1, batch_size=3, seed=seed)
        for seed in (5, 5, 6)
    )
    assert (first.true == again.true).all()
    assert (first.true != other.true).all()


def test_the_loss_is_the_mean_inside_the_mask() -> None:
    """Where all is noise and the model answers 0, its error is the clean latents squared."""
    backbone = TinyBackbone()
    torch.nn.init.zeros_(backbone.unet.conv_out.weight)
    torch.nn.init.zeros_(backbone.unet.conv_out.bias)
    backbone.noise_scheduler = lambda: SimpleNamespace(alphas_cumprod=torch.zeros(10))
    mask = torch.zeros(1, 8, 8)
    mask[:, :4, :4] = 1  # all of the first latent
    mask[:, :4, 4:6] = 1  # half of the second
    scene = {
        "latents": torch.tensor([[1.0, 2.0], [3.0, 4.0]]).expand(3, 2, 2),
        "control": torch.cat([mask, torch.rand(1, 8, 8)]),
        "text": torch.zeros(2, 8),
        "video_id": "7",
    }
    found = control_losses(backbone, tiny_controlnet(backbone), [scene, scene], batch_size=2)
    assert found.true == pytest.approx([(1 * 1 + 0.5 * 4) / 1.5] * 2)
