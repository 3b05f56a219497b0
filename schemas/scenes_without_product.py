"""`data/scenes_without_product.csv`: sound scenes that have nothing to change, but are of an ad.

They count neither as valid nor as refused. The variants of a video hold them unchanged, so that
its first, middle and last third are those of the whole ad.
"""

from __future__ import annotations

from typing import Any

from schemas.columns import Column, Table
from schemas.valid_scenes import COLUMNS as SCENE_COLUMNS
from schemas.valid_scenes import SCENE_TABLE, ValidScene

_OF_THE_PRODUCT = ("keyword_mask_path", "mask_coverage", "alignment_score", "attention_share")

SHOWN_OR_NOT = {
    name: column._replace(nullable=column.nullable or name in _OF_THE_PRODUCT)
    for name, column in SCENE_TABLE.columns.items()
}
"""The scene table's columns; what is of the product is blank where a scene does not show it."""

WITHOUT_PRODUCT_TABLE = Table(
    "scenes_without_product.csv",
    {
        **{name: SHOWN_OR_NOT[name] for name in SCENE_COLUMNS},
        "found": Column("How it is known that the scene does not show the product."),
    },
    unique=("video_id", "scene_number"),
)
"""The scene table's columns, and why the scene is not in it."""

COLUMNS = tuple(WITHOUT_PRODUCT_TABLE.columns)
"""Of the table, in order."""


def without_product(scene: ValidScene, found: str) -> tuple[Any, ...]:
    """Return the row of a scene: blank what is of the product, and `found`."""
    blank = {**dict.fromkeys(_OF_THE_PRODUCT), "extra_keywords": "[]", "extra_mask_paths": "[]"}
    return (*{**scene._asdict(), **blank}.values(), found)
