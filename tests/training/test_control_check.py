import weakref
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import TinyBackbone, tiny_controlnet
from tiny_scenes import TinyScenes
from torch.utils.data import Dataset

from pipeline.training.control_check import control_losses


def scenes(count: int) -> TinyScenes:
    return TinyScenes(count, latents=(3, 6, 4), text=(2, 8))


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
        super().__init__(count, latents=(3, 6, 4), text=(2, 8))
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
