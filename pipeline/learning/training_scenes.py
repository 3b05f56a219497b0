"""The scenes of a training run: encoded already, or as files that the frozen models encode."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch.utils.data import Dataset, Subset

from pipeline.diffusion.backbone import Backbone
from pipeline.ground.errors import InputError
from pipeline.ground.files import digest
from pipeline.learning.dataset import VideoSceneDatasetV3
from pipeline.learning.encoded import EncodedScenes
from pipeline.scenes.split import TRAIN, VAL


class TrainingScenes(NamedTuple):
    """What a run reads."""

    train: Dataset[Any]
    val: EncodedScenes | EncodedOnTheFly
    unconditional_text: torch.Tensor


def encoded_scenes(folder: Path, backbone: Backbone, size: tuple[int, int]) -> TrainingScenes:
    """Return the scenes that the stage encode wrote.

    Raises:
        InputError: there are none, or of another backbone or size.
    """
    train, val = EncodedScenes(folder, TRAIN, flipped=True), EncodedScenes(folder, VAL)
    if (train.backbone, train.manifest["image_size"]) != (backbone.digest, list(size)):
        raise InputError(
            f"{folder} was encoded by another backbone or at another image_size. Run "
            "`dvc repro encode`."
        )
    return TrainingScenes(train, val, train.unconditional_text)


def raw_scenes(
    table: Path, root: Path, backbone: Backbone, size: tuple[int, int]
) -> TrainingScenes:
    """Return the scenes as files, for training that calls the frozen parts at every step."""
    scenes = VideoSceneDatasetV3(table, image_size=size, normalize_heatmap=False, root=root)
    splits = scenes.splits
    train, val = (
        scenes.of_videos(video for video, part in splits.items() if part == side)
        for side in (TRAIN, VAL)
    )
    encoded = EncodedOnTheFly(val, backbone)
    return TrainingScenes(train, encoded, encoded.text(""))


def fixed_sample(scenes: EncodedScenes | EncodedOnTheFly, count: int) -> Dataset[Any]:
    """Return `count` of the scenes, or all of fewer, in their order: those of the lowest hashes.

    They depend on the scenes' names alone. Scenes that come or go change the sample by themselves.
    """
    return Subset(scenes, fixed_places(scenes.table, count))


def fixed_places(table: pd.DataFrame, count: int) -> list[int]:
    """Return where in a table the `count` scenes of the lowest hashes of their names stand."""
    names = zip(table["video_id"], table["scene_number"], strict=True)
    hashes = [digest(str(video), str(number)) for video, number in names]
    return sorted(np.argsort(hashes)[:count].tolist())


class EncodedOnTheFly(Dataset[dict[str, Any]]):
    """Scenes as `EncodedScenes` gives them, through the frozen models each time they are taken."""

    def __init__(self, scenes: VideoSceneDatasetV3, backbone: Backbone) -> None:
        self.scenes = scenes
        self.table = scenes.table
        self.backbone = backbone

    def __len__(self) -> int:
        return len(self.scenes)

    @torch.no_grad()
    def __getitem__(self, position: int) -> dict[str, Any]:
        """Return a sample, on the CPU."""
        sample = self.scenes[position]
        image = sample["image"][None].to(self.backbone.vae.device)
        named = ("control", "keyword", "video_id", "scene_number")
        return {
            "latents": self.backbone.encode_images(image)[0].float().cpu(),
            "text": self.text(sample["keyword"]),
            **{name: sample[name] for name in named},
        }

    @torch.no_grad()
    def text(self, keyword: str) -> torch.Tensor:
        """Return a keyword's embedding, T×D."""
        return self.backbone.encode_texts([keyword])[0].float().cpu()
