"""The product's attention share over the course of a video, all variants in one plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from pipeline.figures.style import save, style_of


def draw_shares(
    path: Path, title: str, scene_numbers: Sequence[int], shares: Mapping[str, Sequence[float]]
) -> None:
    """Draw one line per variant: its share in each scene, in [0, 1]; NaN leaves a gap."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for variant in sorted(shares, key=_layer):
        style = style_of(variant)
        values = np.array(shares[variant], np.float64)
        width = 1.0 if variant == "baseline" else 2.2
        axes.plot(
            scene_numbers,
            values,
            color=style.colour,
            linestyle=style.dashes,
            linewidth=width,
            marker="o",
            markersize=3,
            label=variant.replace("_", " "),
        )
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("scene number")
    axes.set_ylabel("attention share of the keyword\n(% of all attention)")
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25)
    handles, labels = axes.get_legend_handles_labels()
    order = [labels.index(variant.replace("_", " ")) for variant in shares]
    figure.legend(
        [handles[index] for index in order],
        [labels[index] for index in order],
        loc="outside right upper",
        frameon=False,
        fontsize=9,
    )
    save(figure, path)


def _layer(variant: str) -> int:
    """Return what lies over what, so that lines that meet all stay visible.

    Broken lines lie over whole ones, the thin baseline over those, the placebo's dots over all.
    """
    on_top = {"baseline": 2, "placebo": 3}
    return on_top.get(variant, int(style_of(variant).dashes != "-"))
