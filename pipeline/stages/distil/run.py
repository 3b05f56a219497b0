"""One distillation: ladders, module and trainer, from nothing or from a checkpoint."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
import torch
from torch.utils.data import DataLoader

from pipeline.diffusion.backbone import Backbone
from pipeline.diffusion.precision import training_precision
from pipeline.ground.files import write_text
from pipeline.ground.tables import write_table
from pipeline.learning.batches import ShuffledBatches
from pipeline.learning.dose_loss import dose_losses
from pipeline.learning.fitting import LAST, fit, load_best, resume_step
from pipeline.learning.ladders import Ladders
from pipeline.learning.params import DistilParams
from pipeline.learning.progress import Progress, StepCurve
from pipeline.stages.distil.dose_module import DoseModule

if TYPE_CHECKING:
    from diffusers import ControlNetModel

LOG = logging.getLogger(__name__)


class Distilled(NamedTuple):
    """What a run gave."""

    controlnet: ControlNetModel
    """With the averaged weights of the best validation."""
    metrics: dict[str, float]
    curve: list[dict[str, float]]


def distil(
    backbone: Backbone,
    frozen: ControlNetModel,
    params: DistilParams,
    train: Ladders,
    val: Ladders | None,
    folder: Path,
) -> Distilled:
    """Train to the end, from where an interrupted run was.

    Args:
        backbone: frozen.
        frozen: the ControlNet to begin with.
        params: section `distil`.
        train: ladders to learn from.
        val: to choose the weights by, and for the figures; without, the last weights are kept.
        folder: for checkpoints.
    """
    first_step = resume_step(folder / LAST)
    if first_step:
        LOG.info("distil: goes on at step %d of %d.", first_step, params.steps)
    module = DoseModule(backbone, frozen, params)
    curve = StepCurve(params.val_every)
    batches = ShuffledBatches(
        len(train), params.batch_size, params.steps, first_step, seed=params.seed
    )
    fit(
        module,
        DataLoader(train, batch_sampler=batches),
        DataLoader(val, params.batch_size) if val else None,
        folder,
        [curve, Progress(refresh_rate=10)],
        patience=params.steps if val else None,
        saved={} if val else {"every_n_train_steps": params.val_every},
        devices=1,
        precision=training_precision(),
        max_steps=params.steps,
        max_epochs=1,
        gradient_clip_val=params.clip_norm,
        val_check_interval=min(params.val_every, params.steps),
        limit_val_batches=None if val else 0,
        logger=False,
        log_every_n_steps=10,
    )
    module.to(backbone.unet.device)
    if val:
        load_best(module, folder)
    controlnet = module.averaged.eval()
    metrics = {"steps": float(params.steps)}
    if val:
        losses = dose_losses(
            backbone,
            controlnet,
            frozen,
            val,
            depth=params.depth,
            largest=params.largest_shift,
            draws=params.val_draws,
            seed=params.seed,
        )
        true, shuffled, zero = (values.mean() for values in losses)
        metrics |= {
            "val_loss": float(true),
            "explained": float(1 - true / zero),
            "shuffle_loss_increase": float(shuffled / true - 1),
            "zero_loss_increase": float(zero / true - 1),
        }
    return Distilled(controlnet, metrics, curve.rows)


def write_distilled(
    distilled: Distilled, controlnet: Path, metrics: Path, headline: Path, curve: Path
) -> None:
    """Write the weights to this folder, figures and curve to these files."""
    distilled.controlnet.to(memory_format=torch.contiguous_format).save_pretrained(controlnet)
    shown = {name: value for name, value in distilled.metrics.items() if name == "explained"}
    for path, figures in ((metrics, distilled.metrics), (headline, shown)):
        write_text(path, json.dumps(figures, indent=1, allow_nan=False) + "\n")
    columns = ["step", "train_loss", "val_loss"]
    write_table(curve, pd.DataFrame(distilled.curve, columns=columns))
