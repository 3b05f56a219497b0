"""What a training by steps shows on its way: a bar with its end, and the curve of its losses."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
import numpy as np
from lightning.pytorch.callbacks import TQDMProgressBar

from pipeline.learning.fitting import Curve


class Progress(TQDMProgressBar):
    """Lightning's bar, which knows its end (and so an ETA) also where a run resumes."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Tell the bar where it begins and ends."""
        super().on_train_start(trainer, pl_module)
        bar = self.train_progress_bar
        bar.initial = trainer.global_step * trainer.accumulate_grad_batches
        bar.reset(int(trainer.num_training_batches))


class StepCurve(Curve):
    """Collects the losses at each validation.

    Args:
        every: optimizer steps between rows where nothing is validated.
    """

    def __init__(self, every: int) -> None:
        super().__init__()
        self.every = every
        self._since: list[float] = []

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Note a training loss."""
        # Lightning has divided it by the batches of a step.
        self._since.append(outputs["loss"].item() * trainer.accumulate_grad_batches)
        batches = self.every * trainer.accumulate_grad_batches
        if not trainer.enable_validation and (batch_idx + 1) % batches == 0:
            self._add_row(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add a row: the step, the mean training loss since the last row, the validation loss."""
        if not trainer.sanity_checking:
            self._add_row(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add a row for the steps since the last one where nothing is validated."""
        if not trainer.enable_validation and self._since:
            self._add_row(trainer)

    def _add_row(self, trainer: pl.Trainer) -> None:
        row = {"step": float(trainer.global_step)}
        if self._since:
            row["train_loss"] = float(np.mean(self._since))
        if "val/loss" in trainer.callback_metrics:
            row["val_loss"] = float(trainer.callback_metrics["val/loss"])
        self.rows.append(row)
        self._since = []
