"""How a batch's figures are distributed, beside the reference that drift is measured from."""

from __future__ import annotations

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from pipeline.figures.style import STYLES
from schemas.scene_batch import Profile

_COLUMNS = {"mask_coverage": "mask coverage", "alignment_score": "alignment score"}


def draw_profile(path: Path, batch: Profile, reference: Profile) -> None:
    """Draw, for each figure, the part of the scenes in each bin.

    Args:
        path: PNG to write.
        batch: of `schemas.scene_batch.make_profile`.
        reference: likewise.
    """
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (column, title) in zip(figure.subplots(1, 2), _COLUMNS.items(), strict=True):
        edges = batch[column]["bins"]
        # The bins are of unequal width: each gets the same room.
        places = range(len(edges) - 1)
        axes.bar(places, batch[column]["weights"], color=STYLES["early_boost"].colour, width=0.9)
        axes.step(
            [place - 0.5 for place in range(len(edges))],
            [*reference[column]["weights"], reference[column]["weights"][-1]],
            where="post",
            color=STYLES["reduction"].colour,
            linewidth=2,
        )
        axes.set_xticks([place - 0.5 for place in range(len(edges))], [f"{e:g}" for e in edges])
        axes.tick_params(axis="x", labelrotation=45, labelsize=8)
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
        axes.set_xlabel(title)
        axes.grid(axis="y", alpha=0.25)
    figure.supylabel("scenes", fontsize=10)
    figure.suptitle(f"Bars: these {batch['scenes']} scenes. Line: the reference.", fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
