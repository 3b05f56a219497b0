"""Training of the predictor on recorded heatmaps: deterministic, and it goes on after a kill."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from pipeline.attention.network import AttentionNetwork
from pipeline.learning.fitting import Curve, fit, load_best
from pipeline.pictures.tensors import tensor_of
from pipeline.scenes.pixels import read_scene
from pipeline.stages.attention_model.params import AttentionModelParams

LOG = logging.getLogger(__name__)

Batch = dict[str, Tensor]
_WARMUP_STEPS = 20
_CLIP_NORM = 1.0


class RecordedScenes(Dataset[dict[str, Tensor]]):
    """Scenes of a table with their heatmaps, decoded when taken.

    A sample has `image`, 3×H×W in [-1, 1]; `heatmap`, H×W, its sum 1; `mask`, H×W in {0, 1}.

    Args:
        table: rows of the scene table.
        root: what its paths are relative to.
        size: (height, width).
    """

    def __init__(self, table: pd.DataFrame, root: Path, size: tuple[int, int]) -> None:
        self.table = table
        self.rows = table.to_dict("records")
        self.root = root
        self.size = size

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, position: int) -> dict[str, Tensor]:
        """Return one sample.

        Raises:
            InputError: a file is missing or unreadable.
        """
        scene = read_scene(self.rows[position], self.root, self.size)
        heatmap = torch.tensor(scene.heatmap).float()
        return {
            "image": tensor_of(scene.image[None])[0],
            "heatmap": heatmap / heatmap.sum(),
            "mask": (torch.tensor(scene.mask) > 0).float(),
        }


class PredictorModule(pl.LightningModule):
    """The network under training: the divergence of its density from the recorded one."""

    def __init__(self, params: AttentionModelParams, steps: int) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(params.seed)
            self.network = AttentionNetwork(params.network)
        self.params = params
        self.steps = steps

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Return the loss of a batch, some of its scenes flipped left to right."""
        # Drawn for this step alone, so that a resumed run draws what an uninterrupted one draws.
        seed = self.params.seed * 1_000_003 + self.global_step
        draws = torch.rand(len(batch["image"]), generator=torch.Generator().manual_seed(seed))
        flipped = (draws < 0.5).to(self.device)
        image, heatmap = (
            torch.where(flipped.reshape(-1, *[1] * (x.ndim - 1)), x.flip(-1), x)
            for x in (batch["image"], batch["heatmap"])
        )
        loss = divergence(self.network(image), heatmap)
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(image))
        return loss

    def validation_step(self, batch: Batch, index: int) -> None:
        """Log the loss of a batch of the val split."""
        loss = divergence(self.network(batch["image"]), batch["heatmap"])
        self.log("val/loss", loss, batch_size=len(batch["image"]))

    def configure_optimizers(self) -> Any:
        """Return AdamW and its schedule; the classical part, of few weights, moves faster."""
        context = list(self.network.context.parameters())
        inside = {id(weights) for weights in context}
        classical = [w for w in self.network.parameters() if id(w) not in inside]
        rate = self.params.learning_rate
        optimizer = torch.optim.AdamW(
            [
                {"params": classical, "lr": 3 * rate, "weight_decay": 0.0},
                {"params": context, "lr": rate, "weight_decay": self.params.weight_decay},
            ]
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def _rate(self, step: int) -> float:
        falling = 0.5 + 0.5 * math.cos(math.pi * min(1.0, step / self.steps))
        return min(1.0, (step + 1) / _WARMUP_STEPS) * falling


class EpochCurve(Curve):
    """Collects the losses of each epoch."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note the epoch's losses."""
        losses = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.rows.append({"epoch": float(trainer.current_epoch), **losses})
        shown = ", ".join(f"{name} {value:.4f}" for name, value in losses.items())
        LOG.info("attention_model: epoch %d of %d: %s", len(self.rows), trainer.max_epochs, shown)


def divergence(log_density: Tensor, heatmap: Tensor) -> Tensor:
    """Return the mean KL divergence, in nats, of predicted from recorded densities, N×H×W each."""
    recorded = torch.xlogy(heatmap, heatmap) - heatmap * log_density
    return recorded.sum((1, 2)).mean()


def train(
    params: AttentionModelParams, scenes: RecordedScenes, val: RecordedScenes, state: Path
) -> tuple[AttentionNetwork, list[dict[str, float]]]:
    """Train; return the network of the best epoch, and the losses of every epoch.

    Args:
        params: section `attention_model`.
        scenes: to train on, at least one.
        val: to stop early on; without any, the last epoch is the best.
        state: folder of what a run that was killed needs to go on.
    """
    sampler: DistributedSampler[Any] = DistributedSampler(
        scenes, num_replicas=1, rank=0, seed=params.seed
    )
    batches = DataLoader(scenes, params.batch_size, sampler=sampler)
    module = PredictorModule(params, params.epochs * len(batches))
    curve = EpochCurve()
    fit(
        module,
        batches,
        DataLoader(val, params.batch_size) if len(val) else None,
        state,
        [curve],
        patience=params.patience if len(val) else None,
        saved={"save_on_train_epoch_end": True},
        devices=1,
        max_epochs=params.epochs,
        gradient_clip_val=_CLIP_NORM,
        logger=False,
        enable_progress_bar=False,
    )
    load_best(module, state)
    return module.network.cpu().eval(), curve.rows
