"""Transfer and price: what other observers see of an edit, beside what they see of nature.

The *transfer* of an arm to an observer is the change of the observer's log odds of looking at the
product per unit of the change that the judge sees, by least squares through 0. An observer agrees
with the judge in part only, so 1 is not what an edit should reach: the same of the counterfactual
is, the scene as nature changes it, at the same doses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from pipeline.attention.models import OBSERVERS
from pipeline.heatmaps.dose import log_odds
from pipeline.stages.evaluate.figures import SCENE, Figures, slope, slopes
from schemas.edits import VARIANTS_ARM
from schemas.transfer import TRANSFER_TABLE

Values = NDArray[np.float64]
NATURAL = "counterfactual"
"""Arm of the rows that nature made."""
REPORTED = {"full": "", "plain": "_plain", "control_only": "_control_only"}
"""Arms that are held against nature, and the suffix of their figures."""
_MOST_BURNT = 0.02
_MOST_TURNED = 0.02
_LEAST_SIMILARITY = 0.75
# The log odds of a share of 0 or 1 are infinite; a panel of viewers tells no finer ones anyway.
_LEAST_SHARE = 1e-3


def change_of_log_odds(shares: ArrayLike, originals: ArrayLike) -> Values:
    """Return by how much log odds changed; shares are limited to [0.001, 0.999] first."""
    after, before = (
        np.clip(np.asarray(values, np.float64), _LEAST_SHARE, 1 - _LEAST_SHARE)
        for values in (shares, originals)
    )
    return np.asarray(log_odds(after, 1 - after)) - np.asarray(log_odds(before, 1 - before))


def common_alphas(table: pd.DataFrame) -> list[float]:
    """Return the doses other than 1 that all arms of the dose curve have, the variants' not."""
    curves = table[~table["arm"].isin([VARIANTS_ARM, NATURAL]) & (table["variant"] != "sham")]
    parts = [set(rows["alpha"]) for _, rows in curves.groupby("arm")]
    return sorted(set.intersection(*parts) - {1.0}) if parts else []


def to_be_seen(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose pictures the panel looks at: all arms that changed, at those doses."""
    chosen = (table["arm"] != VARIANTS_ARM) & (table["variant"] != "sham")
    at_doses = table["alpha"].isin(common_alphas(table))
    return table[chosen & at_doses & table["modified"]]


def transfer_rows(
    table: pd.DataFrame, seen: Mapping[str, Sequence[tuple[float | None, float | None]]]
) -> pd.DataFrame:
    """Return the table of `schemas.transfer`.

    Args:
        table: measured rows of the arms and of nature (`to_be_seen`).
        seen: of each observer and row the product's share in the edited picture and the original.
    """
    columns = list(TRANSFER_TABLE.columns)
    common = table.assign(
        judge_change=change_of_log_odds(table["share"], table["original_share"])
    ).reindex(columns=[name for name in columns if name not in ("observer", "observer_change")])
    parts = []
    for observer, shares in seen.items():
        after, before = np.array(shares, np.float64).reshape(-1, 2).T
        change = change_of_log_odds(after, before)
        parts.append(common.assign(observer=observer, observer_change=change)[columns])
    if not parts:
        return pd.DataFrame(columns=columns)
    order = ["arm", *SCENE, "alpha"]
    return pd.concat(parts).sort_values(order, kind="stable", ignore_index=True)


def add_transfer(figures: Figures, rows: pd.DataFrame) -> None:
    """Add the figures that hold arms against nature, on the scenes and doses that both have.

    Args:
        figures: to add to.
        rows: of `transfer_rows`; those out of the judge's range do not count.
    """
    wide, observers = _by_picture(rows[rows["in_range"].astype(bool)])
    people = [name for name in observers if name in OBSERVERS]
    for arm, suffix in REPORTED.items():
        both = _paired(wide, arm)
        for group, members, compare in (
            ("people", people, _of_natural_mean),
            ("panel", observers, _of_natural_each),
        ):
            figures.add(
                f"transfer_{group}_of_natural{suffix}",
                both if members else both[:0],
                ["is_natural", "judge_change", *members],
                compare,
            )
        figures.add(
            f"delta_e_of_natural{suffix}",
            both,
            ["is_natural", "judge_change", "delta_e"],
            _price_of_natural,
        )


def arm_figures(rows: pd.DataFrame, table: pd.DataFrame, seed: int) -> dict[str, dict[str, Any]]:
    """Return of each arm, nature among them, transfer per observer and price, for the report.

    Args:
        rows: of `transfer_rows`.
        table: measured rows of the arms and of nature (`to_be_seen`).
        seed: of the resampling.
    """
    wide, observers = _by_picture(rows[rows["in_range"].astype(bool)])
    found = {}
    for arm, own in table[table["in_range"].astype(bool)].groupby("arm"):
        figures = Figures(seed)
        pictures = wide[wide["arm"] == arm]
        for observer in observers:
            figures.add(
                f"transfer_{observer}",
                pictures,
                ["judge_change", observer],
                slope,
            )
        change = change_of_log_odds(own["share"], own["original_share"])
        own = own.assign(judge_change=change, dose=np.log(own["alpha"].astype(float)))
        people = [name for name in observers if name in OBSERVERS]
        moved = pictures.assign(
            dose=np.log(pictures["alpha"].astype(float)),
            people_change=pictures[people].mean(axis=1),
        )
        for name, changes, column in (
            ("dose_reached", own, "judge_change"),
            ("people_per_dose", moved, "people_change"),
        ):
            figures.add(name, changes, ["dose", column], slope)
            who = column.removesuffix("_change")
            figures.add(f"{who}_mean_change", changes, [column], lambda v: float(v.mean()))
            figures.add(f"{who}_moved", changes, [column], lambda v: float(np.abs(v).mean()))
        figures.add("delta_e", own, ["delta_e"], lambda v: float(v.mean()))
        figures.add("delta_e_per_log_odds", own, ["judge_change", "delta_e"], _price)
        figures.add("colour_ssim_p10", own, ["colour_ssim"], lambda v: float(np.quantile(v, 0.1)))
        worst = own[own["alpha"] == own["alpha"].max()].assign(broken=is_broken)
        figures.add("broken_fraction", worst, ["broken"], lambda v: float(v.mean()))
        found[str(arm)] = {"n_pictures": len(own), **figures.values}
    return found


def is_broken(table: pd.DataFrame) -> pd.Series:
    """Return 1 where a product broke, by the rule that docs/method.md justifies; else 0.

    More of it burnt to black or white, more of it turned to another hue, or less of its structure
    left in colour than nature ever does at such a dose.
    """
    broken = (
        (table["burnt"] > _MOST_BURNT)
        | (table["hue_turned"] > _MOST_TURNED)
        | (table["colour_ssim"] < _LEAST_SIMILARITY)
    )
    return broken.astype("float64").where(table["colour_ssim"].notna())


def _by_picture(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return one row per picture with a column for each observer, and their names."""
    observers = list(dict.fromkeys(rows["observer"]))
    keys = ["arm", *SCENE, "alpha"]
    pictures = rows.drop_duplicates(keys).drop(columns=["observer", "observer_change"])
    for observer in observers:
        own = rows.loc[rows["observer"] == observer, [*keys, "observer_change"]]
        pictures = pictures.merge(
            own.rename(columns={"observer_change": observer}), on=keys, how="left"
        )
    return pictures, observers


def _paired(wide: pd.DataFrame, arm: str) -> pd.DataFrame:
    """Return the pictures of an arm and of nature at the scenes and doses that both have."""
    keys = [*SCENE, "alpha"]
    own, natural = wide[wide["arm"] == arm], wide[wide["arm"] == NATURAL]
    shared = own[keys].merge(natural[keys], on=keys)
    parts = [part.merge(shared, on=keys) for part in (own, natural)]
    both = pd.concat(parts, ignore_index=True)
    return both.assign(is_natural=(both["arm"] == NATURAL).astype("float64"))


def _price(values: Values) -> float:
    """Return the cost per unit of the judge's change, of N×2: changes and costs."""
    moved = np.abs(values[:, 0]).sum()
    return float(values[:, 1].sum() / moved) if moved else float("nan")


def _apart(values: Values) -> tuple[Values, Values]:
    """Return the rows of the edits and of nature, without the column that tells them apart."""
    natural = values[:, 0] == 1
    return values[~natural, 1:], values[natural, 1:]


def _over(compare: Callable[[Values], Any], values: Values) -> Values:
    edits, natural = (np.asarray(compare(part), np.float64) for part in _apart(values))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = edits / natural
    return np.where(np.isfinite(ratio), ratio, np.nan)


def _of_natural_mean(values: Values) -> float:
    return float(_over(lambda part: slopes(part).mean(), values))


def _of_natural_each(values: Values) -> float:
    return float(_over(slopes, values).mean())


def _price_of_natural(values: Values) -> float:
    return float(_over(_price, values))
