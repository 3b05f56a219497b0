"""V2's one number per scene, `attention_proportion`, beside what the heatmaps give now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipeline.ground.errors import InputError
from pipeline.ground.tables import read_table

if TYPE_CHECKING:
    import pandas as pd

FILE = "alignment_score.csv"
_SCENE = ["video_id", "scene_number"]
_COLUMNS = {
    "video id": "video_id",
    "scene number": "scene_number",
    "attention_proportion": "attention_proportion",
}
# An id that passed through a float: 7.12e+18, or 7123456789012345678.0.
_DAMAGED = r"(?i)\d+(?:\.\d+)?e\+?\d+|\d+\.0+"


class Agreement(NamedTuple):
    """How one of our figures agrees with V2's; None where fewer than three scenes have both."""

    scenes: int
    mean_difference: float | None
    """Ours minus V2's."""
    largest_difference: float | None
    pearson: float | None
    spearman: float | None


class Comparison(NamedTuple):
    """V2's scores against ours."""

    table: pd.DataFrame
    """A row per scene that both know: V2's score, ours, and the differences."""
    agreement: Mapping[str, Agreement]
    """By our figure."""
    only_old: int
    only_new: int
    damaged_ids: int
    """Rows of V2 whose 19-digit id was once a float: no one can tell the video."""


def find_scores(old: Path) -> Path | None:
    """Return V2's `alignment_score.csv`, below OLD or OLD/data, None where there is none."""
    places = (old / "data" / FILE, old / FILE)
    return next((place for place in places if place.is_file()), None)


def compare_scores(old_scores: Path, scenes: Path) -> Comparison:
    """Compare V2's scores with the scene table's, scene by scene.

    Args:
        old_scores: V2's `alignment_score.csv`.
        scenes: `data/valid_scenes.csv`.

    Raises:
        InputError: a column is missing, or a number cannot be read.
    """
    old, damaged = read_scores(old_scores)
    figures = {"alignment_score": "float64", "attention_share": "float64"}
    new = read_table(scenes, {"scene_number": "int64", **figures}, [*_SCENE, *figures])
    both = new.merge(old, on=_SCENE)
    for figure in figures:
        both[f"{figure}_difference"] = both[figure] - both["attention_proportion"]
    return Comparison(
        table=both,
        agreement={figure: _agreement(both, figure) for figure in figures},
        only_old=len(old) - len(both),
        only_new=len(new) - len(both),
        damaged_ids=damaged,
    )


def read_scores(path: Path) -> tuple[pd.DataFrame, int]:
    """Return V2's scores by scene, and how many rows have an id that was damaged by a float.

    Raises:
        InputError: a column is missing, a number cannot be read, or a scene stands there twice.
    """
    import pandas as pd

    try:
        # Ids and numbers are ASCII in any encoding, so that a letter that does not read is no harm.
        table = pd.read_csv(
            path, dtype=str, sep=r"[,;\t]", engine="python", encoding="utf-8-sig",
            encoding_errors="replace",
        )  # fmt: skip
    except ValueError as error:
        raise InputError(f"{path} is no CSV: {error}. Export it again.") from error
    table.columns = [_COLUMNS.get(name.strip().lower(), name) for name in table.columns]
    missing = [name for name, ours in _COLUMNS.items() if ours not in table]
    if missing:
        raise InputError(
            f"{path}: there is no column {missing[0]!r}; found {', '.join(table.columns)}. "
            "Name the columns 'video id', 'Scene Number' and 'attention_proportion'."
        )
    table = table[list(_COLUMNS.values())].dropna()
    ids = table["video_id"].str.strip()
    damaged = ids.str.fullmatch(_DAMAGED)
    table = table.assign(video_id=ids)[~damaged]
    try:
        table["scene_number"] = pd.to_numeric(table["scene_number"]).astype("int64")
        table["attention_proportion"] = pd.to_numeric(table["attention_proportion"])
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: {error}. Scene numbers and scores must be numbers.") from error
    twice = table[table.duplicated(_SCENE)]
    if len(twice):
        raise InputError(
            f"{path}: scene {twice.iloc[0]['scene_number']} of video {twice.iloc[0]['video_id']} "
            "has two rows. Keep one per scene."
        )
    return table, int(damaged.sum())


def _agreement(both: pd.DataFrame, figure: str) -> Agreement:
    known = both.dropna(subset=[figure])
    if len(known) < 3:
        return Agreement(len(known), None, None, None, None)
    differences = known[f"{figure}_difference"]
    varies = known[[figure, "attention_proportion"]].nunique().min() > 1
    pearson, spearman = (
        float(known[figure].corr(known["attention_proportion"], method=method)) if varies else None
        for method in ("pearson", "spearman")
    )
    return Agreement(
        len(known), float(differences.mean()), float(differences.abs().max()), pearson, spearman
    )
