"""`edits.csv` of the stage edit, `doses.csv` of dose_curve: one row per scene and edit.

A scene that its variant does not modify is the original: columns about the redraw are blank then.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pandera.pandas as pa


def _text(meaning: str) -> pa.Column:
    return pa.Column("str", description=meaning)


def _number(meaning: str) -> pa.Column:
    return pa.Column("float64", nullable=True, coerce=True, description=meaning)


def _flag(meaning: str) -> pa.Column:
    return pa.Column("boolean", nullable=True, coerce=True, description=meaning)


EDITS_TABLE = pa.DataFrameSchema(
    {
        "video_id": _text("The video."),
        "scene_number": pa.Column("int64", coerce=True, description="The scene."),
        "filename": _text("The edited scene: `{variant}/{video_id}/{filename}` below the folder."),
        "variant": _text("Which variant; in doses.csv `alpha_…`, or `sham`."),
        "alpha": _number("The factor that was asked for."),
        "region": _text("Whose attention it multiplies: `keyword` or `background`."),
        "redrawn": _text("Where the picture may change: `keyword` or `background`."),
        "modified": pa.Column("bool", coerce=True, description="Whether it asks for a change."),
        "mean_abs_change": _number("Mean change of the picture's values, in grey levels of 255."),
        "editor": _text("Hash of the models and params that the edit was made with."),
        "strength": _number("Strength that it was redrawn with."),
        "strength_limit": _number("Strength at which calibration gives up."),
        "evaluations": _number("Redraws that calibration took."),
        "outside_psnr_db": _number(
            "What the redraw itself did outside the region, before the original was put back there."
        ),
        "whole_psnr_db": _number("The same over the whole frame; a sham edit's identity."),
        "whole_ssim_raw": _number("Structure similarity of the whole frame, likewise."),
        "decoder_fit": _number(
            "R² of the linear map that stood for the decoder's gradient, or would have."
        ),
        "guide_share": _number("The product's share of attention that the guide sees before."),
        "guide_dose": _number("The share that alpha asks of that."),
        "guide_achieved": _number("The share that the guide sees afterwards."),
        "reached": _flag("Whether that is within 5 % of the dose."),
        "fade": pa.Column(
            "float64",
            nullable=True,
            coerce=True,
            required=False,
            description="Placebo: the part of its change that was kept (docs/decisions/0004).",
        ),
    },
    name="edits.csv",
)
"""Rows are in the order of the scene table."""

DOSES_TABLE = EDITS_TABLE.add_columns(
    {
        "arm": _text("`full`, or the arm with a part off: `control_only`, `gradient_only`."),
        "requested_share": _number("The share that alpha asks of the heatmap file."),
        "planned_share": _number("The share that the modified heatmap has."),
        "reachable_share": _number("The limit of that for ever larger, or smaller, alpha."),
        "feasible": _flag("Whether the plan came near enough to the request."),
    }
)
"""`doses.csv`: in addition, which arm of the proof a row belongs to, and what was planned."""


def read_edits(path: Path | str) -> pd.DataFrame:
    """Read and check `edits.csv`.

    Raises:
        pandera.errors.SchemaErrors: it breaks `EDITS_TABLE`; the error lists all failures.
    """
    return EDITS_TABLE.validate(pd.read_csv(path, dtype={"video_id": "str"}), lazy=True)
