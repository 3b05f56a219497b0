"""One training run, from nothing or from a checkpoint: data, module, trainer, and their files."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import lightning.pytorch as pl
import pandas as pd
import torch

from pipeline.diffusion.backbone import Backbone
from pipeline.diffusion.precision import training_precision
from pipeline.ground.errors import InputError, ParamsError
from pipeline.ground.files import link_or_copy, write_text
from pipeline.ground.tables import write_table
from pipeline.learning.control_check import control_losses
from pipeline.learning.fitting import LAST, fit, load_best, resume_step
from pipeline.learning.progress import Progress, StepCurve
from pipeline.learning.training_scenes import TrainingScenes, fixed_sample
from pipeline.stages.train.batches import Batches
from pipeline.stages.train.callbacks import SampleGrids
from pipeline.stages.train.controlnet_module import ControlNetModule
from pipeline.stages.train.params import TrainParams

if TYPE_CHECKING:
    from diffusers import ControlNetModel

LOG = logging.getLogger(__name__)

_CHECK_DRAWS = 4


class Trained(NamedTuple):
    """What a run gave."""

    controlnet: ControlNetModel
    """With the averaged weights of the best validation."""
    metrics: dict[str, float]
    curve: list[dict[str, float]]
    samples: list[Path]


class Run:
    """A training run in a folder of its own, which holds all that a resumed one needs.

    The folder has checkpoints and samples.
    """

    def __init__(
        self, params: TrainParams, backbone: Backbone, scenes: TrainingScenes, folder: Path
    ) -> None:
        if not len(scenes.train):  # type: ignore[arg-type]
            raise InputError(
                "train: no scene of the table belongs to the split `train`. Add videos, and run "
                "`dvc repro validate`."
            )
        halvings = len(backbone.vae.config.block_out_channels) - 1
        if len(params.embedding_channels) != halvings + 1:
            raise ParamsError(
                f"train.embedding_channels has {len(params.embedding_channels)} entries, but the "
                f"backbone's autoencoder halves a picture {halvings} times: give {halvings + 1}."
            )
        self.params = params
        self.scenes = scenes
        self.val = fixed_sample(scenes.val, params.val_scenes)
        self.validates = len(scenes.val) > 0
        self.backbone = backbone
        self.folder = folder

    def fit(
        self, logger: Any = False, show: Callable[[Path], None] | None = None
    ) -> Trained | None:
        """Train to the end, or until the validation loss no longer falls.

        Returns what the run gave; None in all processes but the first, which alone goes on to read
        the checkpoints and may delete them.

        Args:
            logger: of Lightning.
            show: called with each picture of samples.
        """
        params = self.params
        first_step = resume_step(self.folder / LAST)
        if first_step:
            LOG.info("train: goes on at step %d of %d.", first_step, params.steps)
        module = ControlNetModule(self.backbone, params, self.scenes.unconditional_text)
        curve = StepCurve(params.val_every)
        batches = Batches(self.scenes.train, self.val, params, first_step)
        started = time.monotonic()
        trainer = self._fitted(module, batches, curve, logger, show or (lambda _: None))
        if not trainer.is_global_zero:
            return None
        seconds = time.monotonic() - started
        steps = trainer.global_step - first_step
        module.to(self.backbone.unet.device)
        if self.validates:
            load_best(module, self.folder)
        metrics = {"steps": float(trainer.global_step)}
        # A resumed run may have had no step left to make.
        if steps:
            scenes = steps * params.batch_size * params.accumulate
            metrics |= {"steps_per_second": steps / seconds, "scenes_per_second": scenes / seconds}
        metrics |= self._figures(module, curve)
        samples = sorted((self.folder / "samples").glob("*.png"))
        return Trained(module.averaged.eval(), metrics, curve.rows, samples)

    def _fitted(
        self,
        module: ControlNetModule,
        batches: Batches,
        curve: StepCurve,
        logger: Any,
        show: Callable[[Path], None],
    ) -> pl.Trainer:
        params = self.params
        torch.set_float32_matmul_precision("high")
        callbacks: list[pl.Callback] = [curve, Progress(refresh_rate=10)]
        if self.validates:
            callbacks.append(SampleGrids(self.val, params.samples, self.folder / "samples", show))
        return fit(
            module,
            batches,
            None,
            self.folder,
            callbacks,
            patience=params.patience if self.validates else None,
            saved={} if self.validates else {"every_n_train_steps": params.val_every},
            devices=params.devices,
            num_nodes=params.num_nodes,
            strategy=params.strategy,
            precision=training_precision(params.precision),
            max_steps=params.steps,
            max_epochs=1,
            accumulate_grad_batches=params.accumulate,
            gradient_clip_val=params.clip_norm,
            val_check_interval=min(params.val_every, params.steps) * params.accumulate,
            limit_val_batches=None if self.validates else 0,
            # The batches know their process themselves, so that they can begin anywhere.
            use_distributed_sampler=False,
            logger=logger,
            log_every_n_steps=10,
        )

    def _figures(self, module: ControlNetModule, curve: StepCurve) -> dict[str, float]:
        """Return the validation loss and whether the ControlNet reads its control."""
        losses = [row["val_loss"] for row in curve.rows if "val_loss" in row]
        if not losses:
            return {}
        module.averaged.eval()
        check = control_losses(
            self.backbone,
            module.averaged,
            self.val,
            batch_size=self.params.batch_size,
            draws=_CHECK_DRAWS,
        )
        return {
            "val_loss": min(losses),
            "val_loss_in_mask": float(check.true.mean()),
            "val_loss_in_mask_shuffled": float(check.shuffled.mean()),
            "val_loss_in_mask_no_heatmap": float(check.zero.mean()),
            "control_shuffle_loss_increase": check.increase(),
        }


def write_trained(
    trained: Trained, controlnet: Path, samples: Path, metrics: Path, headline: Path, curve: Path
) -> None:
    """Write weights and samples to these folders, figures and curve to these files."""
    model = trained.controlnet.to(memory_format=torch.contiguous_format)
    model.save_pretrained(controlnet)
    for picture in trained.samples:
        link_or_copy(picture, samples / picture.name)
    # Without a val split there is none.
    shown = {name: loss for name, loss in trained.metrics.items() if name == "val_loss"}
    for path, figures in ((metrics, trained.metrics), (headline, shown)):
        write_text(path, json.dumps(figures, indent=1, allow_nan=False) + "\n")
    # Also without a val split: DVC draws nothing where a column is missing.
    columns = ["step", "train_loss", "val_loss"]
    write_table(curve, pd.DataFrame(trained.curve, columns=columns))
