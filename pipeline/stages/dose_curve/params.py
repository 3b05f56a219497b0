"""Section `dose_curve` of params.yaml."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from pipeline.editing.params import Part
from pipeline.ground.params import Section

Alpha = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]


class DoseCurveParams(Section):
    """Which doses prove the edit; how edits are made is in section `edit`."""

    name: ClassVar[str] = "dose_curve"

    videos: Part = "test"
    """Whose scenes: the proof's."""
    alphas: tuple[Alpha, ...] = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
    """The doses; 1 is the original and its sham edit."""
    ablation_alphas: tuple[Alpha, ...] = (0.5, 2.0)
    """The doses of all arms but `full`."""
