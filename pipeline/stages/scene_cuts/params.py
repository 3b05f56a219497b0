"""Section `scene_cuts` of params.yaml."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline.ingest.inputs import IngestParams


class SceneCutsParams(IngestParams):
    """Where scene images come from, and how videos are cut."""

    name: ClassVar[str] = "scene_cuts"

    source: Literal["videos", "folder"] = "videos"
    """`videos`: cut them; `folder`: take over cuts that exist already."""
    input: str = "data/videos"
    """Folder of {video_id}.mp4, or of {video_id}/{video_id}-Scene-001-01.jpg."""
    detector: Literal["adaptive", "content", "threshold", "hash", "histogram"] = "adaptive"
    """PySceneDetect's detector of that name; `threshold` finds fades, the others cuts."""
    threshold: float | None = Field(None, gt=0)
    """On the detector's own scale (adaptive 3, content 27, threshold 12); null is its default."""
    min_content: float | None = Field(None, ge=0, le=255)
    """Adaptive only: least change of content that can be a cut; null is its default, 15."""
    min_scene_s: float = Field(0.5, ge=0, le=60)
    """Shortest scene in seconds; cuts that follow sooner are not made."""
    image_at: float = Field(0.5, ge=0, lt=1)
    """Which frame becomes the scene's image, as a fraction of its time: 0.5 is the middle."""
    jpeg_quality: int = Field(95, ge=50, le=100)
    """Of the images that are cut from videos; images that are taken over stay as they are."""

    @model_validator(mode="after")
    def _min_content_has_its_detector(self) -> Self:
        if self.min_content is not None and self.detector != "adaptive":
            raise ValueError(f"min_content is for detector adaptive, found {self.detector}")
        return self
