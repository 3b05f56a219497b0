"""Section `train` of params.yaml."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from pipeline.ground.params import Section

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Precision: TypeAlias = Literal["auto", "32-true", "bf16-mixed", "16-mixed"]
# Of Lightning's strategies, those that this training works with: fsdp does not clip gradients,
# deepspeed's checkpoints are folders, ddp_spawn's processes keep their curve to themselves, and no
# weight goes unused that ddp would have to find.
Strategy: TypeAlias = Literal["auto", "ddp"]
Count = Annotated[int, Field(ge=1)]


class TrainParams(Section):
    """How the ControlNet is trained; the defaults are for Stable Diffusion 1.5."""

    name: ClassVar[str] = "train"

    steps: Count = 20_000
    """Optimizer steps. ControlNets converge suddenly, after 3,000 to 7,000 on real data."""
    batch_size: Count = 4
    """Scenes per device and forward pass."""
    accumulate: Count = 1
    """Forward passes per optimizer step; the batch that counts is batch_size × this × devices."""
    learning_rate: Positive = 1e-4
    """Peak of the cosine schedule."""
    warmup_steps: Annotated[int, Field(ge=0)] = 100
    """Steps over which the learning rate rises from 0."""
    weight_decay: Weight = 1e-3
    """Of AdamW."""
    clip_norm: Positive = 1.0
    """Gradients are scaled down to this norm."""
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Of the averaged weights, which are what is kept; lower during the first steps."""
    min_snr_gamma: Positive | None = 5.0
    """Min-SNR weighting (Hang et al. 2023, arXiv 2303.09556); null weighs all timesteps alike."""
    timestep_skew: Positive = 1.0
    """Timesteps are drawn as u^skew, u even in [0, 1]: under 1 prefers noisy ones."""
    mask_weight: Weight = 4.0
    """The loss inside the mask counts 1 + this."""
    lambda_recon: Weight = 0.0
    """Weight of the predicted clean latents' error inside the mask. It counts min(SNR, 1): in deep
    noise, where nothing can be known of them, it would outweigh all else."""
    lambda_bg: Weight = 0.0
    """Weight of the predicted clean latents' error outside the mask, counted as lambda_recon's."""
    lambda_lpips: Weight = 0.0
    """Weight of LPIPS between the decoded prediction and the scene; needs the package lpips."""
    keyword_dropout: Fraction = 0.3
    """Part of the samples trained without a keyword, so that the control must be read."""
    embedding_channels: tuple[Count, ...] = (16, 32, 96, 256)
    """Of the ControlNet's control embedding; one entry more than the autoencoder has halvings."""
    gradient_checkpointing: bool = False
    """Trade time for memory."""
    precision: Precision = "auto"
    """As Lightning calls it; auto: 16 bits where the device has fast arithmetic for them."""
    devices: Count | Literal["auto"] = "auto"
    """GPUs per node; on a CPU, processes (auto: one)."""
    num_nodes: Count = 1
    """Machines."""
    strategy: Strategy = "auto"
    """As Lightning calls it: auto is one process on one device and ddp on several. No strategy that
    shards weights: all of them fit on one device."""
    use_encoded: bool = True
    """Read what the stage encode wrote; else call the frozen parts at every step."""
    num_workers: Annotated[int, Field(ge=0)] = 0
    """Processes that read scenes."""
    val_every: Count = 500
    """Optimizer steps between validations; each ends with a checkpoint to resume from. There is
    one after the last step where that comes first."""
    val_scenes: Annotated[int, Field(ge=2)] = 512
    """Scenes of the validation split to validate on, chosen by a hash of their names; all of fewer.
    Losses, the control check after training and samples are of these."""
    val_draws: Count = 2
    """Fixed noises and timesteps per validation scene."""
    patience: Count = 10
    """Validations without an improvement until training stops early."""
    samples: Annotated[int, Field(ge=0, le=64)] = 4
    """Scenes of the validation split that are drawn at each validation; 0 draws none."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of weights, order, noise, timesteps and dropout."""

    @model_validator(mode="after")
    def _warm_up_ends(self) -> Self:
        if self.warmup_steps >= self.steps:
            raise ValueError(
                f"warmup_steps is {self.warmup_steps}, but there are only {self.steps} steps"
            )
        return self
