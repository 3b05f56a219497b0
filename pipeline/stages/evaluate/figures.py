"""Named figures of the proof, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.proof.statistics import clustered_interval

Values = NDArray[np.float64]
SCENE = ["video_id", "scene_number"]


def slopes(values: Values) -> Values:
    """Return least-squares slopes through 0 of N×(1 + K): causes, then effects; K values.

    NaN where nothing is a cause.
    """
    causes = values[:, :1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((causes * values[:, 1:]).sum(0) / np.square(causes).sum())


def slope(values: Values) -> float:
    """Return the same of N×2: causes and effects."""
    return float(slopes(values)[0])


class Figures:
    """Named figures, each with its interval as `{name}_ci95`.

    Args:
        seed: of the resampling.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.values: dict[str, Any] = {}

    def add(
        self,
        name: str,
        rows: pd.DataFrame,
        columns: Sequence[str],
        statistic: Callable[[Values], float],
    ) -> None:
        """Add a statistic of N×columns values; rows with a blank do not count, no rows are None."""
        known = rows.dropna(subset=list(columns))
        values = known[list(columns)].to_numpy(np.float64)
        figure = statistic(values) if len(values) else math.nan
        interval = None
        if not math.isnan(figure):
            interval = clustered_interval(
                known["video_id"].tolist(), lambda places: statistic(values[places]), self.seed
            )
        self.values[name] = None if math.isnan(figure) else figure
        self.values[f"{name}_ci95"] = list(interval) if interval else None
