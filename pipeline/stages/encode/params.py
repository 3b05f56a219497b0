"""Section `encode` of params.yaml."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from pipeline.ground.params import Section


class EncodeParams(Section):
    """How the frozen models are called."""

    name: ClassVar[str] = "encode"

    batch_size: Annotated[int, Field(ge=1, le=1024)] = 16
    """Scenes of one video that the autoencoder takes at once."""
    flip: bool = False
    """Encode the train split's scenes a second time, flipped left to right: twice as many to train
    on. For data sets of hundreds of scenes; without `train.use_encoded` it has no effect."""
