"""The batches of a training run."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
from torch.utils.data import DataLoader, Dataset

from pipeline.learning.batches import ShuffledBatches
from pipeline.learning.loading import loader
from pipeline.stages.train.params import TrainParams


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
