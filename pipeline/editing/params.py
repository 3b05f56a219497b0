"""Section `edit` of params.yaml: how scenes are inverted, redrawn and guided."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field, field_validator

from pipeline.ground.artefacts import DOSE_CONTROLNET, PREDICTOR
from pipeline.ground.params import Section
from pipeline.heatmaps.dose import Region

Part: TypeAlias = Literal["all", "train", "val", "test"]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Strength = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


class EditParams(Section):
    """How scenes are inverted, redrawn and guided."""

    name: ClassVar[str] = "edit"

    videos: Part = "all"
    """Whose scenes are edited: all, or one part of the split."""
    region: Region = "keyword"
    """What boosts and reductions redraw: the product, or everything else (product kept)."""
    controlnet: str = DOSE_CONTROLNET
    """Folder of the ControlNet: what `distil` made, or `outputs/training_v3/controlnet`, which
    reads mask and heatmap alone and needs the gradient to reach a dose."""
    depth: Annotated[float, Field(gt=0, le=1)] = 0.7
    """How far into the noise a scene is inverted, as a fraction of the schedule."""
    steps: Annotated[int, Field(ge=1, le=1000)] = 5
    """Steps of the inversion, and of the way back."""
    refinements: Annotated[int, Field(ge=1, le=20)] = 3
    """Model evaluations for each step of the inversion; more come nearer to an exact one."""
    control_strength: Strength = 1.0
    """Control guidance: 1 follows the modified control plainly, more exaggerates it, 0 is off."""
    gradient_strength: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Gradient guidance: the part of the way to the dose, as the guide sees it, at each step. 0.7
    where the ControlNet does not read the dose (decision 0009)."""
    gradient_steps: Annotated[int, Field(ge=0)] = 5
    """How many of the steps it guides, the least noisy ones: in deep noise it has little to see."""
    least_decoder_fit: Annotated[float, Field(le=1, allow_inf_nan=False)] = 0.8
    """What the guide is shown between the steps of an edit, and the decoder's gradient, come from a
    linear map where that explains at least so much (R²) of what the decoder does to a scene, else
    from the decoder itself, which takes longer; 1 always."""
    guide: str = PREDICTOR
    """Attention model of calibration, of the looks between the steps, and of gradient guidance: a
    model's name, a predictor's folder or a Python file; see
    docs/own_data.md#attention-models."""
    calibrate: bool = True
    """Search, per scene, the strength at which the guide sees the dose; else use `strength`."""
    strength: Strength = 1.0
    """Factor on the requested change (and on control guidance) where nothing is calibrated."""
    strength_limit: Positive = 3.0
    """Calibration goes no further than this: more hardly reaches more doses (decision 0010)."""
    tolerance: Positive = 0.04
    """Calibration stops within this relative error of the share; 5 % is still `reached`."""
    feather_px: Annotated[float, Field(ge=0, le=100)] = 2.0
    """Width, in pixels at `image_size`, over which an edit fades out at its region's border."""
    colour_window: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Of what the models redraw, an edit keeps what a map of the scene's colours can make that is
    affine around each place: its texture and letters stay. Standard deviation of the windows, as a
    part of the picture's shorter side, 0.02 at least. 0 keeps all that was redrawn; products break
    there sooner, so that `strength_limit: 2` is better (decision 0010)."""
    half_precision: bool = True
    """Run the models in 16 bits where the device has fast arithmetic for them (decision 0004)."""
    batch_size: Annotated[int, Field(ge=1, le=1024)] = 16
    """Redraws at a time; it changes no result beyond rounding."""
    cache_gb: Annotated[float, Field(ge=0)] = 10.0
    """Room for inversions and edits under .gazeshift/cache, shared with queued runs; the oldest go
    first."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of torch; a deterministic redraw draws no numbers, a guide of one's own may."""

    @field_validator("colour_window")
    @classmethod
    def _wide_enough(cls, value: float) -> float:
        if 0 < value < 0.02:
            raise ValueError("must be 0 or at least 0.02: a smaller window holds no neighbours")
        return value
