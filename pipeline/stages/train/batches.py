"""Which scenes a step trains on: a function of the seed and the step alone.

So a run that was killed continues with the batches it would have had.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
import numpy as np
from torch.utils.data import DataLoader, Dataset, Sampler

from pipeline.learning.loading import loader
from pipeline.stages.train.params import TrainParams


@dataclass(eq=False)
class ShuffledBatches(Sampler[list[int]]):
    """Batches of positions: one permutation of the data after another, cut across their borders.

    There are `batches` in all, of `batch_size` for each of the processes, which share each
    permutation out; this one's begin with the one numbered `first`.
    """

    length: int
    batch_size: int
    batches: int
    first: int = 0
    rank: int = 0
    world_size: int = 1
    seed: int = 0

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the batches from the first one on."""
        epoch, order = -1, np.empty(0, int)
        for batch in range(self.first, self.batches):
            start = (batch * self.world_size + self.rank) * self.batch_size
            positions = []
            for place in range(start, start + self.batch_size):
                if place // self.length != epoch:
                    epoch = place // self.length
                    order = np.random.default_rng([self.seed, epoch]).permutation(self.length)
                positions.append(int(order[place % self.length]))
            yield positions


class Batches(pl.LightningDataModule):
    """The batches of a training run from an optimizer step on; `val` may be empty."""

    def __init__(
        self, train: Dataset[Any], val: Dataset[Any], params: TrainParams, first_step: int
    ) -> None:
        super().__init__()
        self.train = train
        self.val = val
        self.params = params
        self.first_step = first_step

    def train_dataloader(self) -> DataLoader[Any]:
        """Return all batches of the run as one epoch."""
        assert self.trainer is not None
        batches = ShuffledBatches(
            len(self.train),  # type: ignore[arg-type]
            self.params.batch_size,
            self.params.steps * self.params.accumulate,
            self.first_step * self.params.accumulate,
            self.trainer.global_rank,
            self.trainer.world_size,
            self.params.seed,
        )
        return loader(self.train, self.params.num_workers, batch_sampler=batches)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the validation samples in order."""
        # Scenes that were not encoded go through the frozen models as they are taken: no forked
        # process could do that on a GPU.
        workers = self.params.num_workers if self.params.use_encoded else 0
        return loader(self.val, workers, batch_size=self.params.batch_size)
