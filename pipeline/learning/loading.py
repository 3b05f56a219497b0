"""Loaders of scenes whose files are read by worker processes."""

from __future__ import annotations

from typing import Any

import cv2
from torch.utils.data import DataLoader, Dataset

from pipeline.ground.memory import keep_freed_memory


def loader(scenes: Dataset[Any], num_workers: int, **options: Any) -> DataLoader[Any]:
    """Return batches of scenes, which `num_workers` processes read; with 0, this one does."""
    if num_workers:
        # Before the workers fork, and for good: a fork of a process whose OpenCV runs threads
        # waits for them for ever. The workers fill the cores anyway.
        cv2.setNumThreads(1)
    return DataLoader(
        scenes,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        worker_init_fn=_start_worker,
        **options,
    )


def _start_worker(_: int) -> None:
    keep_freed_memory()
