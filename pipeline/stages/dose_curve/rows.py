"""A row of `doses.csv`: an edit's record, and what was planned before it."""

from __future__ import annotations

import math
from typing import Any

from pipeline.heatmaps.rendering import Planned


def dose_row(arm: str, record: dict[str, Any], dose: Planned) -> dict[str, Any]:
    """Return a record with what was planned, before any edit, for its dose."""
    planned = {
        name: None if math.isnan(getattr(dose, name)) else getattr(dose, name)
        for name in ("requested_share", "planned_share", "reachable_share")
    }
    return {"arm": arm, **record, **planned, "feasible": dose.feasible}
