"""`edits.csv` of the stage edit, `doses.csv` of dose_curve: one row per scene and edit.

A scene that its variant does not modify is the original: columns about the redraw are blank then.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from schemas.columns import Column, Table

if TYPE_CHECKING:
    import pandas as pd


def _number(meaning: str, required: bool = True) -> Column:
    return Column(meaning, dtype="float64", nullable=True, required=required)


def _flag(meaning: str) -> Column:
    return Column(meaning, dtype="boolean", nullable=True)


EDITS_TABLE = Table(
    "edits.csv",
    {
        "video_id": Column("The video."),
        "scene_number": Column("The scene.", dtype="int64"),
        "filename": Column("The edited scene: `{variant}/{video_id}/{filename}` below the folder."),
        "variant": Column("Which variant; in doses.csv `alpha_…`, or `sham`."),
        "alpha": _number("The factor that was asked for."),
        "region": Column("Whose attention it multiplies: `keyword` or `background`."),
        "redrawn": Column("Where the picture may change: `keyword` or `background`."),
        "modified": Column("Whether it asks for a change.", dtype="bool"),
        "mean_abs_change": _number("Mean change of the picture's values, in grey levels of 255."),
        "editor": Column("Hash of the models and params that the edit was made with."),
        "strength": _number(
            "Strength that it was redrawn with; arms `plain`, `null_edit`: the factor on contrast."
        ),
        "strength_limit": _number("Strength, or factor, at which calibration gives up."),
        "evaluations": _number("Edits that calibration tried."),
        "outside_psnr_db": _number(
            "What the redraw itself did outside the region, before the original was put back there."
        ),
        "whole_psnr_db": _number("The same over the whole frame; a sham edit's identity."),
        "whole_ssim_raw": _number("Structure similarity of the whole frame, likewise."),
        "decoder_fit": _number(
            "R² of the linear map that stood for the decoder during the edit, or would have."
        ),
        "guide_share": _number("The product's share of attention that the guide sees before."),
        "guide_dose": _number("The share that alpha asks of that."),
        "guide_achieved": _number("The share that the guide sees afterwards."),
        "reached": _flag("Whether that is within 5 % of the dose."),
        "fade": _number(
            "Placebo: the part of its change that was kept (docs/decisions/0004).", required=False
        ),
    },
)
"""Rows are in the order of the scene table."""

VARIANTS_ARM = "variants"
"""Where the two tables are joined, the arm of edits.csv; doses.csv brings its own."""

DOSE_COLUMNS = {
    "arm": Column(
        "`full`; the arm with a part off: `control_only`, `gradient_only`; `background`, with the "
        "product kept; or what no model made: `plain`, and `null_edit`, whose product looks as "
        "changed as `plain`'s at that alpha, and is to keep its attention."
    ),
    "requested_share": _number("The share that alpha asks of the heatmap file."),
    "planned_share": _number("The share that the modified heatmap has."),
    "reachable_share": _number("The limit of that for ever larger, or smaller, alpha."),
    "feasible": _flag("Whether the plan came near enough to the request."),
}
"""Of `doses.csv`: which arm of the proof a row belongs to, and what was planned."""

DOSES_TABLE = Table("doses.csv", {**EDITS_TABLE.columns, **DOSE_COLUMNS})
"""`doses.csv`: these columns in addition."""


def read_edits(path: Path | str) -> pd.DataFrame:
    """Read and check `edits.csv`.

    Raises:
        pandera.errors.SchemaErrors: it breaks `EDITS_TABLE`; the error lists all failures.
    """
    return EDITS_TABLE.read(path)
