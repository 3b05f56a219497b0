"""Section `distil` of params.yaml."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from pipeline.ground.params import Section

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class DistilParams(Section):
    """How the ControlNet learns to carry the dose; the defaults are for Stable Diffusion 1.5."""

    name: ClassVar[str] = "distil"

    steps: Count = 2000
    """Optimizer steps."""
    batch_size: Count = 4
    """Scenes per step."""
    learning_rate: Positive = 1e-4
    """Peak of the cosine schedule."""
    warmup_steps: Annotated[int, Field(ge=0)] = 50
    """Steps over which the learning rate rises from 0."""
    scenes: Annotated[int, Field(ge=2)] = 1024
    """Most scenes of the train split that ladders are made of; those of the lowest hashes."""
    val_scenes: Annotated[int, Field(ge=2)] = 64
    """… and of the val split, whose loss chooses the weights that are kept."""
    factors: tuple[Positive, ...] = (0.25, 0.5, 1.0, 2.0, 4.0)
    """Rungs of a ladder: how far the contrast of a region to its surroundings is scaled."""
    largest_shift: Positive = 1.1
    """Largest change of the guide's log odds that is taught; log(2) is what alpha = 2 asks for."""
    depth: Annotated[float, Field(gt=0, le=1)] = 0.5
    """How far into the noise, as a fraction of the schedule; edits go as deep (`edit.depth`)."""
    on_the_way: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Part of the draws in which some of the change has been made already, or too much of it, as
    between the steps of an edit; what is left of it is asked for."""
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1e-3
    """Of AdamW."""
    clip_norm: Positive = 1.0
    """Gradients are scaled down to this norm."""
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.98
    """Of the averaged weights, which are what is kept; lower during the first steps."""
    region_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 8.0
    """The loss inside the region that changes counts 1 + this."""
    val_every: Count = 250
    """Steps between validations."""
    val_draws: Count = 2
    """Changes and noises per scene of a validation."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of order, changes, noise and the halves of backgrounds."""

    @model_validator(mode="after")
    def _ladder_climbs(self) -> Self:
        if list(self.factors) != sorted(set(self.factors)) or 1.0 not in self.factors:
            raise ValueError(f"factors must ascend and have 1 among them, found {self.factors}")
        if len(self.factors) < 3:
            raise ValueError("factors must have rungs below and above 1")
        if self.warmup_steps >= self.steps:
            raise ValueError(
                f"warmup_steps is {self.warmup_steps}, but there are only {self.steps} steps"
            )
        return self
