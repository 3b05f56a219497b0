"""A row of `doses.csv`: an edit's record, and what was planned before it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from schemas.variant_scenes import Planned

UNCHANGED = "unchanged"
"""The plan that leaves the heatmap as it is; a sham edit goes by it."""


def dose_row(arm: str, record: dict[str, Any], doses: Mapping[str, Planned]) -> dict[str, Any]:
    """Return a record with what was planned, before any edit, for its dose."""
    dose = doses.get(record["variant"], doses[UNCHANGED])
    planned = {
        name: None if math.isnan(getattr(dose, name)) else getattr(dose, name)
        for name in ("requested_share", "planned_share", "reachable_share")
    }
    return {"arm": arm, **record, **planned, "feasible": dose.feasible}
