"""How both learners use Lightning: quiet, deterministic, and going on where a killed run was."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pipeline.ground.errors import InputError, ParamsError
from pipeline.ground.files import replacing
from pipeline.ground.weights import not_finite

LAST = "last.ckpt"
"""What a resumed run goes on from."""
BEST = "best.ckpt"
_LOSS = "val/loss"
# Batches: for whoever looks, the device has to finish.
_LOOK_EVERY = 10
_NO_CONCERN = (
    # Encoded scenes and small pictures are read faster than they are used.
    "does not have many workers",
    "number of training batches",
    "treespec, LeafSpec",
    # Batches know where they are to begin.
    "your dataloader is not resumable",
    # It is: it holds what a resumed run needs.
    "exists and is not empty",
)


class StreamedCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint straight to its file, whole or not at all.

    It is as large as all that is trained, its average and the optimizer. Lightning's own puts it
    together in memory first: 5.7 GB for Stable Diffusion 1.5.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Save to a local file."""
        # Given a path, PyTorch would hide what the disk says.
        with replacing(Path(path)) as temporary, temporary.open("wb") as file:
            torch.save(checkpoint, file)


class Curve(pl.Callback):
    """Losses on the way; part of the checkpoint, so that a resumed run goes on with those it had.

    When a row is added, and what is in it, is the learner's own.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def state_dict(self) -> dict[str, Any]:
        """Return the rows so far."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the rows of the run that was interrupted."""
        self.rows = state_dict["rows"]


class Diverging(pl.Callback):
    """Ends a training whose numbers are no longer finite, before such weights are written.

    All processes of a training end it together; one alone would leave the others waiting for it.

    Raises:
        ParamsError: it diverges.
    """

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Look at some of the losses."""
        # In 16 bits of small range an overflow is no divergence: its step is left out.
        if (batch_idx + 1) % _LOOK_EVERY == 0 and trainer.precision != "16-mixed":
            self._refuse(trainer, pl_module, "train/loss", not torch.isfinite(outputs["loss"]))

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look at the validation's loss."""
        if _LOSS in trainer.callback_metrics:
            loss = trainer.callback_metrics[_LOSS]
            self._refuse(trainer, pl_module, _LOSS, not torch.isfinite(loss))

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Look at the weights: they can be past saving where no loss has shown it yet."""
        self._look_at_weights(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look at the last weights."""
        self._look_at_weights(trainer, pl_module)

    def _look_at_weights(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        name = not_finite(module)
        self._refuse(trainer, module, name or "a weight", name is not None)

    def _refuse(
        self, trainer: pl.Trainer, module: pl.LightningModule, what: str, bad: bool
    ) -> None:
        if not trainer.strategy.reduce_boolean_decision(bad, all=False):
            return
        params: Any = module.params
        raise ParamsError(
            f"{params.name}: the training diverges: at step {trainer.global_step} {what} is "
            f"not finite. Its weights are not used. Lower {params.name}.learning_rate, which is "
            f"{params.learning_rate:g}, and run it again."
        )


def fit(
    module: pl.LightningModule,
    train: Any,
    val: Any,
    folder: Path,
    callbacks: Sequence[pl.Callback],
    *,
    patience: int | None,
    saved: dict[str, Any],
    **options: Any,
) -> pl.Trainer:
    """Train to the end, from the last checkpoint in a folder where there is one.

    Then free what only training needs, 4 GB with Stable Diffusion 1.5: gradients and moments.

    `train` is a loader, or a data module for both. The folder holds `LAST` and `BEST`, with what
    callbacks note; `saved` tells `ModelCheckpoint` when. Patience counts validations without a
    lower `val/loss` until training stops; it is None where nothing is validated, and whatever was
    saved last is the best.

    Raises:
        ParamsError: the training diverges.
    """
    # Notes on hardware, and an advertisement.
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
    stopping = [] if patience is None else [EarlyStopping(_LOSS, patience=patience)]
    keeping = ModelCheckpoint(
        folder,
        Path(BEST).stem,
        monitor=_LOSS if stopping else None,
        save_last=True,
        enable_version_counter=False,
        **saved,
    )
    trainer = pl.Trainer(
        accelerator="auto",
        deterministic="warn",
        num_sanity_val_steps=0,
        # In this order: a checkpoint is to hold what the others have noted.
        callbacks=[Diverging(), *callbacks, *stopping, keeping],
        plugins=[StreamedCheckpoints()],
        default_root_dir=folder,
        enable_model_summary=False,
        **options,
    )
    last = str(folder / LAST) if (folder / LAST).is_file() else None
    with warnings.catch_warnings():
        for words in _NO_CONCERN:
            warnings.filterwarnings("ignore", f".*{words}.*")
        trainer.fit(module, train, val, ckpt_path=last, weights_only=True)
    module.zero_grad()
    for optimizer in trainer.optimizers:
        optimizer.state.clear()
    return trainer


def averaged(model: nn.Module, decay: float) -> AveragedModel:
    """Return a frozen copy that follows a model's weights, at first faster than by `decay`."""

    def average(copies: Any, current: Any, count: Tensor | int) -> None:
        steps = int(count)
        get_ema_multi_avg_fn(min(decay, (1 + steps) / (10 + steps)))(copies, current, count)

    return AveragedModel(model, multi_avg_fn=average).requires_grad_(False)


def adamw(
    weights: Iterable[nn.Parameter],
    *,
    learning_rate: float,
    weight_decay: float,
    warmup_steps: int,
    steps: int,
) -> Any:
    """Return what Lightning is to optimise with: AdamW, a linear warm-up, then a cosine to 0."""
    optimizer = torch.optim.AdamW(
        weights, lr=learning_rate, betas=(0.9, 0.99), weight_decay=weight_decay
    )

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / (warmup_steps + 1)
        done = (step - warmup_steps) / (steps - warmup_steps)
        return 0.5 + 0.5 * math.cos(math.pi * min(done, 1))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def open_checkpoint(path: Path) -> dict[str, Any]:
    """Return a checkpoint, mapped: only what is used of it is read.

    Raises:
        InputError: it is damaged.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        return dict(content)
    except (RuntimeError, UnpicklingError, EOFError, ValueError, TypeError) as error:
        raise InputError(
            f"{path} is damaged ({type(error).__name__}), so the training cannot go on from it. "
            f"Delete the folder {path.parent}, then run the same command again: it begins anew."
        ) from error


def resume_step(path: Path) -> int:
    """Return the optimizer step of a checkpoint, 0 where there is none."""
    return int(open_checkpoint(path)["global_step"]) if path.is_file() else 0


def load_best(module: pl.LightningModule, folder: Path) -> None:
    """Take the weights of the best checkpoint in a folder."""
    module.load_state_dict(open_checkpoint(folder / BEST)["state_dict"])
