"""Section `attention_heatmap` of params.yaml."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from pipeline.ingest.inputs import IngestParams


class AttentionHeatmapParams(IngestParams):
    """Where attention heatmaps come from."""

    name: ClassVar[str] = "attention_heatmap"

    source: Literal["fixations", "folder", "saliency", "predictor"] = "fixations"
    """`fixations`: recorded gaze; `folder`: heatmaps that exist; `saliency`: a model that needs no
    training predicts; `predictor`: one that the stage attention_model has trained, or your own."""
    input: str = "data/fixations"
    """Folder of {video_id}.csv, or of heatmaps; saliency: data/video_scene_cuts/scenes.csv;
    predictor: a promoted copy of outputs/attention_model, such as models/attention_predictor, or a
    Python file below models/."""
    sigma_degrees: float = Field(1.0, gt=0, le=20)
    """Fixations: the Gaussian's standard deviation in degrees of visual angle."""
    pixels_per_degree: float = Field(35.0, gt=0, le=1000)
    """Fixations: pixels of the frame, as it was displayed, per degree of visual angle."""
    model: str = "spectral_residual"
    """Saliency: the model's name, one of docs/own_data.md#attention-models."""
    jpeg_quality: int = Field(95, ge=90, le=100)
    """Of the maps that this stage makes; maps that are taken over stay as they are."""
