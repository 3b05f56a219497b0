"""Section `report` of params.yaml."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from pipeline.ground.params import Section


class ReportParams(Section):
    """What the page shows."""

    name: ClassVar[str] = "report"

    max_scenes: Annotated[int, Field(ge=1)] = 500
    """Of larger collections, the page shows whole videos up to this number of scenes, first those
    that can be played, then those that were redrawn."""
