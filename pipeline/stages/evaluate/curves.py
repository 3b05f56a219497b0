"""Tables behind the plots, and the figures of each variant."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pipeline.stages.evaluate.figures import Figures
from pipeline.stages.evaluate.proofs import largest, within_15pct
from schemas.edits import VARIANTS_ARM


def dose_curve(table: pd.DataFrame, seed: int) -> list[dict[str, Any]]:
    """Return, per arm and alpha, the mean dose asked of the judge and the mean share achieved.

    Feasible scenes inside the judge's range; `low` and `high` are the share's 95 % interval.
    """
    rows = []
    curve = table[(table["arm"] != VARIANTS_ARM) & (table["variant"] != "sham") & table["in_range"]]
    curve = curve[curve["feasible"] | (curve["alpha"] == 1)]
    for (arm, alpha), group in curve.groupby(["arm", "alpha"]):
        figures = Figures(seed)
        figures.add("share", group, ["share"], lambda v: float(v.mean()))
        low, high = figures.values["share_ci95"] or (None, None)
        rows.append(
            {
                "arm": arm,
                "alpha": alpha,
                "dose": float(group["judge_dose"].mean()),
                "share": figures.values["share"],
                "low": low,
                "high": high,
                "scenes": len(group),
            }
        )
    return rows


def variant_figures(table: pd.DataFrame, seed: int) -> dict[str, dict[str, Any]]:
    """Return of each variant what the proofs say of it: dose, specificity, integrity.

    Of a variant that asks for no dose (the placebo), the error is None.
    """
    found = {}
    variants = table[table["arm"] == VARIANTS_ARM]
    for name, rows in variants.groupby("variant"):
        edited = rows[rows["modified"]]
        edited = edited.assign(change=edited["share"] - edited["original_share"])
        figures = Figures(seed)
        figures.add("mean_change", edited, ["change"], lambda v: float(v.mean()))
        within = edited[edited["in_range"]]
        figures.add("median_rel_error", within, ["relative_error"], lambda v: float(np.median(v)))
        figures.add("within_15pct", within, ["relative_error"], within_15pct)
        figures.add(
            "raw_background_psnr_db", edited, ["outside_psnr_db"], lambda v: float(v.mean())
        )
        figures.add("ssim_median", edited, ["ssim"], lambda v: float(np.median(v)))
        found[str(name)] = {
            "n_scenes": len(rows),
            "n_edited": len(edited),
            "unreached": int(edited["unreached"].sum()),
            "outside_max_abs_diff": largest(rows["outside_max_abs_diff"]),
            **figures.values,
        }
    return found
