"""The size of the learned predictor's network, as params ask for it and its folder keeps it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class NetworkConfig(BaseModel):
    """What makes the network, besides its weights."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    area_px: int = Field(64 * 64, ge=256, le=512 * 512)
    """Pictures are shrunk to this many pixels, their aspect kept."""
    colours: int = Field(6, ge=3, le=64)
    """Learned mixtures of red, green and blue."""
    scales: int = Field(4, ge=1, le=8)
    """Pairs of centre and surround."""
    width: int = Field(24, ge=4, le=256)
    """Channels of the convolutions."""
