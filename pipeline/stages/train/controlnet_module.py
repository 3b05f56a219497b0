"""The ControlNet in training: everything else is frozen."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import ControlNetModel
from torch import Tensor

from pipeline.diffusion.backbone import Backbone
from pipeline.diffusion.noise import Noised, clean_of_output, clean_weight
from pipeline.diffusion.predict import controlled
from pipeline.learning.controlnet_training import ControlNetTraining
from pipeline.learning.generators import generator_for
from pipeline.stages.train.objective import Losses, Objective
from pipeline.stages.train.params import TrainParams
from pipeline.stages.train.perceptual import Perceptual

Batch = dict[str, Any]
# What the generator of a draw is for.
_TRAIN, _VAL = 0, 1


class ControlNetModule(ControlNetTraining):
    """A ControlNet on a frozen backbone, trained to denoise under `[mask, heatmap]`.

    Args:
        backbone: frozen; moved to the module's device.
        params: section `train`.
        unconditional_text: T×D, the embedding of no keyword.
    """

    params: TrainParams

    def __init__(self, backbone: Backbone, params: TrainParams, unconditional_text: Tensor) -> None:
        torch.manual_seed(params.seed)
        controlnet = ControlNetModel.from_unet(
            backbone.unet,
            conditioning_channels=2,
            conditioning_embedding_out_channels=params.embedding_channels,
        )
        super().__init__(backbone, controlnet, params)
        if params.gradient_checkpointing:
            self.controlnet.enable_gradient_checkpointing()
            backbone.unet.enable_gradient_checkpointing()
        self.register_buffer("unconditional_text", unconditional_text, persistent=False)
        schedule = backbone.noise_scheduler().alphas_cumprod
        self.objective = Objective(schedule, backbone.prediction_type, params)
        self.perceptual = Perceptual(params.lambda_lpips) if params.lambda_lpips else None

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of a batch; its random numbers depend on seed, batch and process."""
        latents, text, control = self._inputs(batch)
        generator = generator_for(self.params.seed, _TRAIN, batch_idx, self.global_rank)
        dropped = torch.rand(len(latents), generator=generator) < self.params.keyword_dropout
        text = torch.where(dropped.to(self.device)[:, None, None], self._no_text, text)
        noised = self._noised(latents, generator)
        output = self.predict(self.controlnet, noised, text, control)
        losses = self.objective.losses(output, noised, latents, control[:, :1])
        loss = losses.total
        if self.perceptual is not None:
            predicted = clean_of_output(output, noised, self.objective.prediction)
            counts = clean_weight(noised)
            loss = loss + self.perceptual(self.backbone, predicted, latents, counts)
        self._log("train", losses._replace(total=loss))
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log the averaged weights' loss; noise and timesteps are the same at every validation."""
        latents, text, control = self._inputs(batch)
        for draw in range(self.params.val_draws):
            generator = generator_for(self.params.seed, _VAL, batch_idx, draw)
            noised = self._noised(latents, generator)
            output = self.predict(self.averaged, noised, text, control)
            losses = self.objective.losses(output, noised, latents, control[:, :1])
            self._log("val", losses, batch_size=len(latents))

    def predict(
        self, controlnet: ControlNetModel, noised: Noised, text: Tensor, control: Tensor
    ) -> Tensor:
        """Return the UNet's answer, N×C×h×w, under a control, N×2×H×W in [0, 1]."""
        unet = self.backbone.unet
        return controlled(unet, controlnet, noised.latents, noised.timesteps, text, control)

    def on_fit_start(self) -> None:
        """Bring the frozen parts, which are no submodules, to the device."""
        for model in (self.backbone.unet, self.backbone.vae, self.backbone.text_encoder):
            model.to(self.device)

    def _inputs(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return latents, embeddings and control; the frozen parts run if nothing was encoded."""
        if "latents" in batch:
            return batch["latents"], batch["text"], batch["control"]
        with torch.no_grad():
            latents = self.backbone.encode_images(batch["image"]).float()
            text = self.backbone.encode_texts(batch["keyword"]).float()
        return latents, text, batch["control"]

    def _noised(self, latents: Tensor, generator: torch.Generator) -> Noised:
        timesteps = self.objective.draw_timesteps(len(latents), generator)
        noise = torch.randn(latents.shape, generator=generator)
        return self.objective.noised(latents, noise.to(latents), timesteps.to(latents.device))

    @property
    def _no_text(self) -> Tensor:
        text = self.unconditional_text
        assert isinstance(text, Tensor)
        return text

    def _log(self, part: str, losses: Losses, **options: Any) -> None:
        shown = {"loss": losses.total, **losses._asdict()}
        del shown["total"]
        self.log_dict({f"{part}/{name}": value for name, value in shown.items()}, **options)
