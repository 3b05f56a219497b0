"""`data/annotations/{video_id}.json`: the product's outlines over time, as people drew them."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

# Far outside any frame, near enough for exact arithmetic.
Coordinate = Annotated[float, Field(ge=-1e5, le=1e5, allow_inf_nan=False)]
Polygon = Annotated[list[tuple[Coordinate, Coordinate]], Field(min_length=3)]


class Keyframe(BaseModel):
    """The outline at one time; several polygons are parts of one thing."""

    time_s: float = Field(ge=0, allow_inf_nan=False)
    """Seconds of the video."""
    polygons: list[Polygon] = Field(min_length=1)
    """Each a list of vertices [x, y], in pixels of the frame as displayed, from its top left."""


class Track(BaseModel):
    """One uninterrupted appearance, from its first to its last keyframe's time."""

    keyword_index: int = Field(ge=0)
    """Which of the video's keywords it shows: 0 is the first."""
    keyframes: list[Keyframe] = Field(min_length=1)
    """In order of time. Between two the outline moves linearly: vertex by vertex where both have as
    many, else at equal parts of its length. Where the number of polygons differs, the earlier ones
    hold."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if any(late.time_s <= early.time_s for early, late in pairwise(self.keyframes)):
            raise ValueError("keyframes must be in order of time, one per time")
        return self


class Annotation(BaseModel):
    """All outlines of one video."""

    video_id: str
    """As the file is named."""
    frame_width: int = Field(gt=0, le=100_000)
    """Width of the frame as displayed (after rotation), in pixels."""
    frame_height: int = Field(gt=0, le=100_000)
    """Its height."""
    tracks: list[Track]
    """One per appearance of a product; none where the video shows none."""
