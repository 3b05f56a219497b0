"""The files of a trained ControlNet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import torch

from pipeline.ground.files import link_or_copy, write_text
from pipeline.ground.tables import write_table

if TYPE_CHECKING:
    from pipeline.stages.train.run import Trained


def write_trained(
    trained: Trained, controlnet: Path, samples: Path, metrics: Path, headline: Path, curve: Path
) -> None:
    """Write weights and samples to these folders, figures and curve to these files."""
    model = trained.controlnet.to(memory_format=torch.contiguous_format)
    model.save_pretrained(controlnet)
    for picture in trained.samples:
        link_or_copy(picture, samples / picture.name)
    # Without a val split there is none.
    shown = {name: loss for name, loss in trained.metrics.items() if name == "val_loss"}
    for path, figures in ((metrics, trained.metrics), (headline, shown)):
        write_text(path, json.dumps(figures, indent=1, allow_nan=False) + "\n")
    # Also without a val split: DVC draws nothing where a column is missing.
    columns = ["step", "train_loss", "val_loss"]
    write_table(curve, pd.DataFrame(trained.curve, columns=columns))
