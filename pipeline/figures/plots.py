"""The plots of the proof, of a training's losses, and of a batch beside its reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator, PercentFormatter

from pipeline.figures.style import ARMS, STYLES, TESTED, WRONG_CONTROLS, save

if TYPE_CHECKING:
    import pandas as pd

    from schemas.scene_batch import Profile

_PROFILED = {"mask_coverage": "mask coverage", "alignment_score": "alignment score"}


def draw_dose_curve(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw the judge's mean share over the dose, with 95 % intervals, and what was asked.

    The rows are those of `pipeline.stages.evaluate.curves.dose_curve`.
    """
    figure, axes = _canvas()
    full = [row for row in rows if row["arm"] == "full"]
    asked = [row["alpha"] for row in full], [row["dose"] for row in full]
    axes.plot(*asked, color="#999999", linewidth=5, alpha=0.5, label="dose asked for")
    for arm, (label, (colour, line)) in ARMS.items():
        points = [row for row in rows if row["arm"] == arm]
        if points:
            alphas = [row["alpha"] for row in points]
            axes.plot(
                alphas, [row["share"] for row in points], linestyle=line, color=colour, marker="o",
                markersize=5, label=label,
            )  # fmt: skip
            low, high = (
                [np.nan if row[end] is None else row[end] for row in points]
                for end in ("low", "high")
            )
            if line:
                axes.fill_between(alphas, low, high, color=colour, alpha=0.18, linewidth=0)
            else:
                axes.vlines(alphas, low, high, color=colour, alpha=0.5, linewidth=2)
    axes.set_xscale("log")
    axes.set_xticks(sorted({row["alpha"] for row in rows}))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("dose: alpha")
    axes.set_ylabel("attention share of the keyword,\nas the judge sees it (mean over scenes)")
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    axes.set_title("Dose asked for and dose achieved, 95 % intervals by video", fontsize=10)
    axes.legend(frameon=False, fontsize=9)
    save(figure, path)


def draw_equivalence(path: Path, rows: Sequence[Mapping[str, Any]], bound: float) -> None:
    """Draw each test's per-video changes, their mean and 90 % interval, and the bounds.

    Args:
        path: PNG to write.
        rows: `test`, `changes` (one per video), `mean`, `low`, `high`, `passed`.
        bound: of equivalence, in units of share.
    """
    figure, axes = _canvas(height=3.0)
    axes.axvspan(-bound, bound, color="#009E73", alpha=0.12, linewidth=0)
    axes.axvline(0, color="#999999", linewidth=0.8)
    for place, row in enumerate(rows):
        colour = TESTED[row["test"]][1]
        changes = np.asarray(row["changes"], np.float64)
        spread = np.linspace(-0.12, 0.12, len(changes)) if len(changes) else changes
        axes.plot(changes, place + 0.22 + spread, ".", color=colour, alpha=0.5, markersize=6)
        if row["low"] is not None:
            axes.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=3)
        if row["mean"] is not None:
            axes.plot([row["mean"]], [place], "D", color=colour, markersize=6)
    labels = [f"{TESTED[r['test']][0]}\n{'pass' if r['passed'] else 'fail'}" for r in rows]
    axes.set_yticks(range(len(rows)), labels)
    axes.set_ylim(-0.5, len(rows) - 0.3)
    axes.set_xlabel("change of the judge's share, percentage points (dots: videos)")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:+.1f}"))
    axes.set_title(
        f"Equivalence: 90 % intervals within ±{100 * bound:g} percentage points", fontsize=10
    )
    save(figure, path)


def draw_control(path: Path, increases: Mapping[str, Sequence[float]]) -> None:
    """Draw how much a wrong control raises the loss inside the mask, scene by scene.

    `increases` has, by control, the relative increase of each scene's loss.
    """
    figure, axes = _canvas(height=3.2)
    for place, (values, colour) in enumerate(zip(increases.values(), WRONG_CONTROLS, strict=True)):
        axes.boxplot(
            [np.asarray(values, np.float64)], positions=[place], orientation="horizontal",
            widths=0.5, patch_artist=True, boxprops={"facecolor": colour, "alpha": 0.35},
            medianprops={"color": colour, "linewidth": 2}, flierprops={"markersize": 3},
        )  # fmt: skip
    axes.axvline(0, color="#999999", linewidth=0.8)
    axes.set_yticks(range(len(increases)), list(increases))
    axes.set_xlabel("increase of the loss inside the mask, against the scene's own heatmap")
    axes.xaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=1))
    axes.set_title("The ControlNet reads its control: one value per scene", fontsize=10)
    save(figure, path)


def draw_curve(path: Path, curve: pd.DataFrame) -> None:
    """Draw the loss of a training over its steps, from `reports/train/curve.csv`.

    A column without values (`val_loss` where there is no val split) is left out.
    """
    figure, axes = _canvas(height=3.2)
    for name, variant in (("train_loss", "full_boost"), ("val_loss", "reduction")):
        if curve[name].notna().any():
            label, _, _ = name.partition("_")
            colour = STYLES[variant].colour
            axes.plot(curve["step"], curve[name], marker="o", color=colour, label=label)
    axes.set_xlabel("optimizer step")
    axes.set_ylabel("loss")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    save(figure, path)


def draw_profile(path: Path, batch: Profile, reference: Profile) -> None:
    """Draw, for each figure, the part of a batch's scenes in each bin, beside the reference."""
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    for axes, (column, title) in zip(figure.subplots(1, 2), _PROFILED.items(), strict=True):
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
    save(figure, path)


def _canvas(height: float = 4.2) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7, height), layout="constrained")
    axes = figure.subplots()
    axes.grid(alpha=0.25)
    return figure, axes
