"""The loss of a training over its steps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.figures.style import STYLES

if TYPE_CHECKING:
    import pandas as pd


def draw_curve(path: Path, curve: pd.DataFrame) -> None:
    """Draw the losses.

    Args:
        path: PNG to write.
        curve: `reports/train/curve.csv`: `step`, `train_loss`, `val_loss`; a column without
            values (`val_loss` where there is no val split) is left out.
    """
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name, variant in (("train_loss", "full_boost"), ("val_loss", "reduction")):
        if curve[name].notna().any():
            label, _, _ = name.partition("_")
            colour = STYLES[variant].colour
            axes.plot(curve["step"], curve[name], marker="o", color=colour, label=label)
    axes.set_xlabel("optimizer step")
    axes.set_ylabel("loss")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
