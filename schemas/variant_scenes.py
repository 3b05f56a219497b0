"""`{variant}_scenes.csv`: the scene table, and beside each scene what its variant asks and has."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from schemas.columns import Column, Table, columns_of
from schemas.scenes_without_product import SHOWN_OR_NOT


def _defined(meaning: str) -> Column:
    return Column(meaning, nullable=True)


class Planned(NamedTuple):
    """What one variant asked of one scene, and what its file holds; NaN is undefined."""

    alpha: Annotated[
        float,
        _defined(
            "The factor that was asked for; 1 outside the window, where a placebo redistributes, "
            "and where the scene does not show the product."
        ),
    ]
    region: Annotated[str, Column("Whose attention it multiplies: `keyword` or `background`.")]
    modified: Annotated[bool, Column("Whether the map was changed at all.")]
    requested_share: Annotated[
        float, _defined("The product's share of attention that alpha asks for.")
    ]
    planned_share: Annotated[float, _defined("The share that the written map has.")]
    clipped_fraction: Annotated[
        float, _defined("Part of the pixels that reached 1 and were capped.")
    ]
    reachable_share: Annotated[
        float, _defined("The limit of the share for ever larger, or smaller, alpha.")
    ]
    feasible: Annotated[bool, Column("Whether the plan came within 10 % of the requested change.")]
    placebo_factor: Annotated[
        float, _defined("Placebo: the factor on the raised half of the background.")
    ]
    placebo_change_ratio: Annotated[
        float, _defined("Placebo: its total change over full_boost's; under 0.8 is flagged.")
    ]
    alignment: float
    """The written map's alignment score; in the statistics, not in the table."""


VARIANT_COLUMNS = {
    "modified_attention_heatmap_path": Column("The scene's map in this variant: grey."),
    "variant": Column("Which variant."),
    **columns_of(Planned),
}
"""What the table holds beyond the scene table's columns."""

VARIANT_SCENES_TABLE = Table(
    "{variant}_scenes.csv",
    {**SHOWN_OR_NOT, **VARIANT_COLUMNS},
    unique=("video_id", "scene_number"),
)
"""One row per scene of one video, those that do not show the product included."""
