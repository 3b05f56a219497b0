"""Section `validate` of params.yaml."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from pipeline.ground.params import Section


class ValidateParams(Section):
    """What the contracts allow."""

    name: ClassVar[str] = "validate"

    min_valid_fraction: float = Field(0.5, ge=0, le=1)
    """The stage fails, its report written, if fewer of the valid and refused scenes are valid."""
    aspect_tolerance: float = Field(0.02, ge=0, le=0.5)
    """Mask and heatmap are resized when their aspect ratios are this near to the image's."""
    min_scenes: int = Field(1, ge=0)
    """Batch: fewer scenes than this coming in is a warning."""
    max_refused_share: float = Field(0.25, ge=0, le=1)
    """Batch: one reason refusing more of all scenes than this is a warning."""
    reference_profile: str = Field("schemas/reference_profile.json", min_length=1)
    """Batch: the distributions to compare with; `gazeshift profile` writes your own."""
    max_drift: float = Field(0.5, gt=0)
    """Batch: a figure's KL divergence from the profile, in nats, over which it is a warning."""
    min_drift_scenes: int = Field(50, ge=1)
    """Batch: with fewer valid scenes drift is not looked at: it would be noise."""
    on_warning: Literal["warn", "fail"] = "warn"
    """Whether warnings about the batch fail the stage."""
