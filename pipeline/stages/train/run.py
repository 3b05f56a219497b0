"""One training run: data, module and trainer put together, from nothing or from a checkpoint."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from torch.utils.data import Dataset

from pipeline.diffusion.backbone import Backbone
from pipeline.diffusion.precision import half_type
from pipeline.ground.errors import InputError, ParamsError
from pipeline.learning.checkpoints import StreamedCheckpoints, open_checkpoint, resume_step
from pipeline.learning.control_check import control_losses
from pipeline.learning.dataset import VideoSceneDatasetV3
from pipeline.learning.encoded import EncodedScenes
from pipeline.scenes.split import TRAIN, VAL
from pipeline.stages.train.batches import Batches, NamedScenes, fixed_sample
from pipeline.stages.train.callbacks import Curve, Progress, SampleGrids
from pipeline.stages.train.controlnet_module import ControlNetModule
from pipeline.stages.train.params import Precision, TrainParams

if TYPE_CHECKING:
    import pandas as pd
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


class Scenes(NamedTuple):
    """What a run reads."""

    train: Dataset[Any]
    val: NamedScenes
    unconditional_text: torch.Tensor


class Run:
    """A training run in a folder of its own, which holds all that a resumed one needs.

    Args:
        params: section `train`.
        backbone: frozen.
        scenes: to train and validate on.
        folder: for checkpoints and samples.
    """

    def __init__(
        self, params: TrainParams, backbone: Backbone, scenes: Scenes, folder: Path
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
        self.last = folder / "last.ckpt"

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
        first_step = resume_step(self.last)
        if first_step:
            LOG.info("train: goes on at step %d of %d.", first_step, params.steps)
        module = ControlNetModule(self.backbone, params, self.scenes.unconditional_text)
        curve = Curve(params.val_every)
        trainer = self._trainer(logger, [curve, *self._callbacks(show or (lambda _: None))])
        batches = Batches(self.scenes.train, self.val, params, first_step)
        checkpoint = str(self.last) if first_step else None
        started = time.monotonic()
        with warnings.catch_warnings():
            # Lightning counts on many workers; encoded scenes are read faster than they are used.
            warnings.filterwarnings("ignore", ".*does not have many workers.*")
            warnings.filterwarnings("ignore", ".*treespec, LeafSpec.*")
            # It is: it holds what a resumed run needs.
            warnings.filterwarnings("ignore", ".*exists and is not empty.*")
            trainer.fit(module, datamodule=batches, ckpt_path=checkpoint, weights_only=True)
        if not trainer.is_global_zero:
            return None
        seconds = time.monotonic() - started
        steps = trainer.global_step - first_step
        _release(trainer, module)
        self._load_best(module)
        metrics = {
            "steps": float(trainer.global_step),
            **self._speed(steps, seconds),
            **self._figures(module, curve),
        }
        samples = sorted((self.folder / "samples").glob("*.png"))
        return Trained(module.averaged.eval(), metrics, curve.rows, samples)

    def _speed(self, steps: int, seconds: float) -> dict[str, float]:
        """Return how fast training was; nothing where a resumed run had no step left to make."""
        if not steps:
            return {}
        scenes = self.params.batch_size * self.params.accumulate
        return {
            "steps_per_second": steps / seconds,
            "scenes_per_second": steps * scenes / seconds,
        }

    def _trainer(self, logger: Any, callbacks: list[pl.Callback]) -> pl.Trainer:
        params = self.params
        torch.set_float32_matmul_precision("high")
        # Notes on hardware, and an advertisement.
        logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
        return pl.Trainer(
            accelerator="auto",
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
            num_sanity_val_steps=0,
            # The batches know their process themselves, so that they can begin anywhere.
            use_distributed_sampler=False,
            deterministic="warn",
            logger=logger,
            log_every_n_steps=10,
            callbacks=callbacks,
            plugins=[StreamedCheckpoints()],
            default_root_dir=self.folder,
            enable_model_summary=False,
        )

    def _callbacks(self, show: Callable[[Path], None]) -> list[pl.Callback]:
        callbacks: list[pl.Callback] = [Progress(refresh_rate=10)]
        if self.validates:
            # In this order: the checkpoint is to hold what the other two have noted.
            callbacks += [
                EarlyStopping("val/loss", patience=self.params.patience),
                SampleGrids(self.val, self.params.samples, self.folder / "samples", show),
                ModelCheckpoint(
                    self.folder,
                    "best",
                    monitor="val/loss",
                    save_last=True,
                    enable_version_counter=False,
                ),
            ]
        else:
            every = self.params.val_every
            callbacks.append(
                ModelCheckpoint(
                    self.folder,
                    "best",
                    every_n_train_steps=every,
                    save_last=True,
                    enable_version_counter=False,
                )
            )
        return callbacks

    def _load_best(self, module: ControlNetModule) -> None:
        best = self.folder / "best.ckpt"
        module.to(self.backbone.unet.device)
        if best.is_file() and self.validates:
            module.load_state_dict(open_checkpoint(best)["state_dict"])

    def _figures(self, module: ControlNetModule, curve: Curve) -> dict[str, float]:
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


def _release(trainer: pl.Trainer, module: ControlNetModule) -> None:
    """Free what only training needs, 4 GB with Stable Diffusion 1.5: gradients and moments."""
    module.zero_grad()
    for optimizer in trainer.optimizers:
        optimizer.state.clear()


def encoded_scenes(folder: Path, backbone: Backbone, size: tuple[int, int]) -> Scenes:
    """Return the scenes that the stage encode wrote.

    Raises:
        InputError: there are none, or of another backbone or size.
    """
    train, val = EncodedScenes(folder, TRAIN, flipped=True), EncodedScenes(folder, VAL)
    if (train.backbone, train.manifest["image_size"]) != (backbone.digest, list(size)):
        raise InputError(
            f"{folder} was encoded by another backbone or at another image_size. Run "
            "`dvc repro encode`."
        )
    return Scenes(train, val, train.unconditional_text)


def training_precision(
    wanted: Precision,
) -> Literal["32-true", "bf16-mixed", "16-mixed"]:
    """Return what `auto` means here: 16 bits where they are fast.

    That is bfloat16 wherever there is arithmetic for it: its range needs no scaling of the loss.
    """
    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return "bf16-mixed" if native else "16-mixed"
    return "bf16-mixed" if half_type(torch.device("cpu")) else "32-true"


def raw_scenes(table: Path, root: Path, backbone: Backbone, size: tuple[int, int]) -> Scenes:
    """Return the scenes as files, for training that calls the frozen parts at every step."""
    scenes = VideoSceneDatasetV3(table, image_size=size, normalize_heatmap=False, root=root)
    splits = scenes.splits
    train, val = (
        scenes.of_videos(video for video, part in splits.items() if part == side)
        for side in (TRAIN, VAL)
    )
    encoded = EncodedOnTheFly(val, backbone)
    return Scenes(train, encoded, encoded.text(""))


class EncodedOnTheFly(Dataset[dict[str, Any]]):
    """Scenes as `EncodedScenes` gives them, through the frozen models each time they are taken."""

    def __init__(self, scenes: VideoSceneDatasetV3, backbone: Backbone) -> None:
        self.scenes = scenes
        self.backbone = backbone

    def __len__(self) -> int:
        return len(self.scenes)

    @property
    def table(self) -> pd.DataFrame:
        """The scenes' rows of the scene table, in order."""
        return self.scenes.table

    @torch.no_grad()
    def __getitem__(self, position: int) -> dict[str, Any]:
        """Return a sample, on the CPU."""
        sample = self.scenes[position]
        image = sample["image"][None].to(self.backbone.vae.device)
        named = ("control", "keyword", "video_id", "scene_number")
        return {
            "latents": self.backbone.encode_images(image)[0].float().cpu(),
            "text": self.text(sample["keyword"]),
            **{name: sample[name] for name in named},
        }

    @torch.no_grad()
    def text(self, keyword: str) -> torch.Tensor:
        """Return a keyword's embedding, T×D."""
        return self.backbone.encode_texts([keyword])[0].float().cpu()
