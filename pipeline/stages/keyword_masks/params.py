"""Section `keyword_masks` of params.yaml."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from pipeline.ingest.inputs import IngestParams


class KeywordMasksParams(IngestParams):
    """Where keyword masks come from."""

    name: ClassVar[str] = "keyword_masks"

    source: Literal["annotations", "clipseg", "folder"] = "annotations"
    """`annotations`: outlines; `clipseg`: the model, asked for the keyword; `folder`: masks."""
    input: str = "data/annotations"
    """Folder of {video_id}.json; for clipseg the keywords' table; or a folder of masks."""
    model: str = "CIDAS/clipseg-rd64-refined"
    """CLIPSeg: a folder below the data root, or a hub id; weights as safetensors."""
    threshold: float = Field(0.4, gt=0, lt=1)
    """CLIPSeg: probability over which a pixel belongs to the keyword."""
    batch_size: int = Field(16, ge=1)
    """CLIPSeg: scenes at a time; it changes no result."""
