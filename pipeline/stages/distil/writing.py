"""The files of a distilled ControlNet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import torch

from pipeline.ground.files import write_text
from pipeline.ground.tables import write_table

if TYPE_CHECKING:
    from pipeline.stages.distil.run import Distilled


def write_distilled(
    distilled: Distilled, controlnet: Path, metrics: Path, headline: Path, curve: Path
) -> None:
    """Write the weights to this folder, figures and curve to these files."""
    distilled.controlnet.to(memory_format=torch.contiguous_format).save_pretrained(controlnet)
    shown = {name: value for name, value in distilled.metrics.items() if name == "explained"}
    for path, figures in ((metrics, distilled.metrics), (headline, shown)):
        write_text(path, json.dumps(figures, indent=1, allow_nan=False) + "\n")
    columns = ["step", "train_loss", "val_loss"]
    write_table(curve, pd.DataFrame(distilled.curve, columns=columns))
