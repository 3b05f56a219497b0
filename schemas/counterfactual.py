"""`outputs/counterfactual/pictures.csv`: scenes as nature would have changed them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.columns import Column, Rule, Table

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


def _number(meaning: str) -> Column:
    return Column(meaning, dtype="float64", nullable=True, required=False)


COUNTERFACTUAL_TABLE = Table(
    "pictures.csv",
    {
        "video_id": Column("The video."),
        "scene_number": Column("The scene.", dtype="int64"),
        "alpha": Column(
            "The factor on attention that was asked for.",
            Rule("must be more than 0", lambda alpha: alpha > 0),
            dtype="float64",
        ),
        "original": Column("The picture as it was, a file below the folder."),
        "edited": Column("The same with another product, all else equal, likewise."),
        "reached": Column("Whether viewers see the dose, within 5 % of the share.", dtype="bool"),
        "original_vividness": _number("Demo: the product's vividness as it was."),
        "vividness": _number("Demo: the one at which viewers see the dose."),
        "viewers_share": _number("Demo: the product's share that viewers see before."),
        "viewers_dose": _number("Demo: the share that alpha asks of that."),
        "viewers_achieved": _number("Demo: the share that they see afterwards."),
        "redraw": _number("Demo: how often the corpus drew the scene anew."),
    },
    unique=("video_id", "scene_number", "alpha"),
)
"""One row per scene and alpha; the demo draws them, own data may bring some."""


def read_counterfactual(path: Path | str) -> pd.DataFrame:
    """Read and check `pictures.csv`.

    Raises:
        pandera.errors.SchemaErrors: it breaks `COUNTERFACTUAL_TABLE`; the error lists all failures.
    """
    return COUNTERFACTUAL_TABLE.read(path)
