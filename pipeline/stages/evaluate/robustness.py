"""Robustness: what is left of an edit's effect when the picture is degraded before it is seen.

An edited picture and its original are degraded in the same way. The part that is left is the change
of log odds that an observer sees then, per unit of the change that it sees without the degradation,
by least squares through 0: 1 loses nothing, 0 all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.pictures.degradations import DEGRADATIONS
from pipeline.stages.evaluate.degraded import JUDGE, degraded_item
from pipeline.stages.evaluate.figures import SCENE, Figures, slope, slopes
from pipeline.stages.evaluate.panel import look_item
from pipeline.stages.evaluate.transfer import change_of_log_odds, to_be_seen
from schemas.robustness import ROBUSTNESS_TABLE

Values = NDArray[np.float64]
_SCENES = 3


def to_be_degraded(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose pictures are degraded: of those for the panel the whole method's.

    Of each video the first scenes only: the intervals are over videos, and looks take their time.
    """
    rows = to_be_seen(table)
    rows = rows[rows["arm"] == "full"]
    return rows[rows.groupby("video_id")["scene_number"].rank("dense") <= _SCENES]


def robustness_rows(
    table: pd.DataFrame, observers: Iterable[str], results: Mapping[str, Any]
) -> pd.DataFrame:
    """Return the table of `schemas.robustness`.

    Args:
        table: measured edits, with what the panel saw of each: `look` and `original_look`.
        observers: who looked, the judge among them.
        results: the product's share in each look, by item; None without any attention.
    """
    columns = list(ROBUSTNESS_TABLE.columns)
    rows = to_be_degraded(table)
    contents = rows[["look", "original_look"]].to_numpy()

    def changes(item: Callable[[str], str]) -> Values:
        shares = [[results[item(content)] for content in pair] for pair in contents]
        after, before = np.array(shares, np.float64).reshape(-1, 2).T
        return change_of_log_odds(after, before)

    parts = []
    for observer in observers:
        if observer == JUDGE:
            change = change_of_log_odds(rows["share"], rows["original_share"])
        else:
            change = changes(partial(look_item, observer))
        for degradation in DEGRADATIONS:
            seen = rows.assign(
                degradation=degradation,
                observer=observer,
                change=change,
                degraded_change=changes(partial(degraded_item, observer, degradation)),
            )
            parts.append(seen[columns])
    return pd.concat(parts).sort_values([*SCENE, "alpha"], kind="stable", ignore_index=True)


def robustness_figures(rows: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Return the part of the effect that each degradation leaves, and the least, with intervals.

    Args:
        rows: of `robustness_rows`; those out of the judge's range do not count.
        seed: of the resampling.
    """
    figures = Figures(seed)
    within = rows[rows["in_range"].astype(bool)]
    by_judge = within["observer"] == JUDGE
    for group, own in (("", within[by_judge]), ("people_", within[~by_judge])):
        for name in DEGRADATIONS:
            seen = own[own["degradation"] == name]
            columns = ["change", "degraded_change"]
            figures.add(f"robustness_{group}{name}", seen, columns, slope)
    wide = within[by_judge].pivot(
        index=[*SCENE, "alpha", "change"], columns="degradation", values="degraded_change"
    )
    wide = wide.reindex(columns=list(DEGRADATIONS)).reset_index()
    columns = ["change", *DEGRADATIONS]
    figures.add("robustness_least", wide, columns, lambda v: float(slopes(v).min()))
    return figures.values
