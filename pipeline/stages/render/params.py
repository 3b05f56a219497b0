"""Section `render` of params.yaml."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.editing.params import Part
from pipeline.ground.params import Section

Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"
]


class RenderParams(Section):
    """Which videos are put together again, and how they are encoded."""

    name: ClassVar[str] = "render"

    videos: Part = "all"
    """Whose edits become videos: all that `edit` made, or one part of the split."""
    crf: Annotated[float, Field(ge=0, le=51)] = 12.0
    """Quality of the encoding, x264's: less is better and larger; all arms have the same."""
    preset: Preset = "veryfast"
    """x264's, from `ultrafast` to `veryslow`: slower makes smaller files."""
    lossless: bool = False
    """Instead of `crf`: files many times as large, which browsers do not play."""
