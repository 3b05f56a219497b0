"""Section `attention_model` of the params: how the attention predictor is trained."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from pipeline.attention.network_config import NetworkConfig
from pipeline.ground.params import Section


class AttentionModelParams(Section):
    """How the attention predictor is trained."""

    name: ClassVar[str] = "attention_model"

    epochs: int = Field(12, ge=1, le=10_000)
    """Passes over the training scenes, at most."""
    patience: int = Field(4, ge=1)
    """Ends early after so many epochs in which the loss of the val split did not fall."""
    batch_size: int = Field(16, ge=1, le=4096)
    """Scenes of one step."""
    learning_rate: float = Field(5e-3, gt=0, le=1)
    """At its highest: it rises for 20 steps, then falls along a cosine."""
    weight_decay: float = Field(1e-2, ge=0, le=1)
    """Of AdamW."""
    seed: int = Field(0, ge=0)
    """Of the first weights, the order of scenes and the flips."""
    network: NetworkConfig = NetworkConfig()
    """The network's size."""
