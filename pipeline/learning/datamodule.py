"""`VideoSceneDataModuleV3`: a scene table as training and validation batches for Lightning."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Set
from functools import cached_property
from typing import Any, NamedTuple

import lightning.pytorch as pl
import torch
from torch.utils.data import DataLoader

from pipeline.ground.errors import InputError, UnknownVideoError
from pipeline.ground.places import SCENES
from pipeline.learning.dataset import PathLike, VideoSceneDatasetV3
from pipeline.learning.loading import loader
from pipeline.scenes.split import TRAIN, VAL
from pipeline.scenes.table import as_video_id


class Parts(NamedTuple):
    """Video ids of each side, sorted; no video is in both."""

    train: list[str]
    val: list[str]


class VideoSceneDataModuleV3(pl.LightningDataModule):
    """Scenes split by video: the videos named here, else the table's `split`, else a ranking.

    Args:
        valid_scenes_file: the scene table, as in `VideoSceneDatasetV3`.
        train_videos: to train on; by default what is not for validation.
        val_videos: to validate on; by default what is not for training.
        train_val_split: part of the videos to train on where the table does not say.
        batch_size: scenes per batch.
        num_workers: processes that read scenes.
        image_size: (height, width).
        normalize_heatmap: as in `VideoSceneDatasetV3`.
        root: what relative paths in the table are relative to.
        seed: of the ranking, and of the order in training.

    Raises:
        InputError: the table is missing or lacks a column; or, in `setup`, videos are named that it
            does not have, or on both sides, or there are too few for two sides.
    """

    def __init__(
        self,
        valid_scenes_file: PathLike = SCENES,
        train_videos: Iterable[str | int] | None = None,
        val_videos: Iterable[str | int] | None = None,
        train_val_split: float = 0.8,
        batch_size: int = 4,
        num_workers: int = 4,
        image_size: tuple[int, int] = (512, 512),
        normalize_heatmap: bool = True,
        root: PathLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not 0 < train_val_split < 1:
            raise ValueError(f"train_val_split must be between 0 and 1, found {train_val_split}")
        self.train_videos = None if train_videos is None else _ids(train_videos)
        self.val_videos = None if val_videos is None else _ids(val_videos)
        self.train_val_split = train_val_split
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.seed = seed
        self.scenes = VideoSceneDatasetV3(
            valid_scenes_file,
            image_size=image_size,
            normalize_heatmap=normalize_heatmap,
            root=root,
        )

    def setup(self, stage: str | None = None) -> None:
        """Choose the videos of each side; without it that happens when a side is first used."""
        _ = self._parts

    @cached_property
    def _parts(self) -> Parts:
        return choose_parts(
            self.scenes.splits, self.train_videos, self.val_videos, self.train_val_split, self.seed
        )

    @cached_property
    def train_dataset(self) -> VideoSceneDatasetV3:
        """The scenes to train on."""
        return self.scenes.of_videos(self._parts.train)

    @cached_property
    def val_dataset(self) -> VideoSceneDatasetV3:
        """The scenes to validate on."""
        return self.scenes.of_videos(self._parts.val)

    def train_dataloader(self) -> DataLoader[Any]:
        """Return the training batches, in a new order each epoch."""
        generator = torch.Generator().manual_seed(self.seed)
        return self._loader(self.train_dataset, shuffle=True, generator=generator)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the validation batches, in the table's order."""
        return self._loader(self.val_dataset)

    def _loader(self, scenes: VideoSceneDatasetV3, **options: Any) -> DataLoader[Any]:
        return loader(scenes, self.num_workers, batch_size=self.batch_size, **options)


def _ids(video_ids: Iterable[str | int]) -> list[str]:
    return sorted({as_video_id(video_id) for video_id in video_ids})


def choose_parts(
    splits: Mapping[str, str | None],
    train_videos: list[str] | None,
    val_videos: list[str] | None,
    train_fraction: float,
    seed: int,
) -> Parts:
    """Return the videos to train and to validate on; `splits` has all, None where nothing splits.

    Named videos win, and a side that is not named gets what the table or the ranking gives it of
    the others. The ranking is by hash, and never touches a video that the table holds for testing.

    Raises:
        InputError: see `VideoSceneDataModuleV3`.
    """
    named = {*(train_videos or ()), *(val_videos or ())}
    if named:
        _check_named(splits.keys(), train_videos or [], val_videos or [])
    free = {video: part for video, part in splits.items() if video not in named}
    train, val = (sorted(v for v, part in free.items() if part == side) for side in (TRAIN, VAL))
    usable = sorted(free) if None in splits.values() else [*train, *val]
    if train_videos is None and val_videos is None:
        parts = Parts(train, val) if train and val else _ranked(usable, train_fraction, seed)
    elif train_videos is None:
        parts = Parts(train or usable, val_videos or [])
    else:
        parts = Parts(train_videos, (val or usable) if val_videos is None else val_videos)
    if not all(parts):
        raise InputError(
            f"{len(parts.train)} videos to train and {len(parts.val)} to validate on; each side "
            "needs at least one. Add videos, or name those of each side."
        )
    return parts


def _check_named(known: Set[str], train: list[str], val: list[str]) -> None:
    if missing := sorted({*train, *val} - known):
        raise UnknownVideoError(
            f"the scene table has no video {missing[0]!r} ({len(missing)} of the named ones are "
            "missing). Ids are texts: check how they were read."
        )
    if both := sorted({*train} & {*val}):
        raise InputError(
            f"video {both[0]!r} is named for training and for validation; name it for one of them."
        )


def _ranked(videos: list[str], train_fraction: float, seed: int) -> Parts:
    def rank(video: str) -> bytes:
        return hashlib.sha256(f"{seed} {video}".encode()).digest()

    ranking = sorted(videos, key=rank)
    count = min(max(1, round(len(videos) * train_fraction)), max(1, len(videos) - 1))
    return Parts(sorted(ranking[:count]), sorted(ranking[count:]))
