"""Which videos are for training, validation and test: a stable hash of the id, nothing else."""

from __future__ import annotations

import hashlib

from schemas.valid_scenes import Split

TRAIN: Split = "train"
VAL: Split = "val"
TEST: Split = "test"


def split_of(video_id: str) -> Split:
    """Return "train" (70 %), "val" (10 %) or "test" (20 %).

    It depends on the id alone, so adding videos never moves old ones.
    """
    position = int.from_bytes(hashlib.sha256(video_id.encode()).digest()[:8], "big") / 2**64
    if position < 0.7:
        return TRAIN
    return VAL if position < 0.8 else TEST
