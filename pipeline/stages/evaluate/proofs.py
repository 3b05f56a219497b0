"""The proofs: from the table of measured scenes to the figures of metrics.json.

The table has one row per scene and edit (`pipeline.stages.evaluate.scene_table`). Its rows come
from the dose curve (its arms; their variants are doses and the sham) and from the variants (arm
`variants`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.proof.params import EvaluateParams
from pipeline.proof.statistics import (
    Equivalence,
    correlation,
    equivalence,
    logit_slope,
    relative_error,
    spearman,
)
from pipeline.stages.evaluate.figures import SCENE, Figures, slope
from pipeline.stages.evaluate.transfer import (
    add_transfer,
    change_of_log_odds,
    common_alphas,
    is_broken,
)
from schemas.edits import VARIANTS_ARM

Values = NDArray[np.float64]
_WITHIN = 0.15


def prove(
    table: pd.DataFrame,
    control: pd.DataFrame,
    params: EvaluateParams,
    transfer: pd.DataFrame,
) -> tuple[dict[str, Any], dict[str, Equivalence]]:
    """Return all figures, and the equivalence tests of `placebo` and `sham`.

    Args:
        table: measured scenes.
        control: one row per scene: `video_id`, losses `true`, `shuffled` and `zero`.
        params: section `evaluate`.
        transfer: what the panel saw (`transfer_rows`).
    """
    figures = Figures(params.seed)
    full = table[(table["arm"] == "full") & (table["variant"] != "sham")]
    _identity(figures, table[table["variant"] == "sham"])
    _specificity(figures, table, full)
    _dose(figures, full, params)
    _control(figures, table, control)
    tests = _placebo(figures, table, params)
    _integrity(figures, full, params, common_alphas(table))
    add_transfer(figures, transfer)
    scenes = full[SCENE].drop_duplicates()
    figures.values |= {"n_scenes": len(scenes), "n_videos": int(scenes["video_id"].nunique())}
    return figures.values, tests


def _mean(values: Values) -> float:
    return float(values.mean())


def _median(values: Values) -> float:
    return float(np.median(values))


def within_15pct(errors: Values) -> float:
    """Return the part of relative errors that are at most 15 %."""
    return float((errors <= _WITHIN).mean())


def largest(values: pd.Series) -> int | None:
    """Return the largest whole number, None where there is none."""
    return None if pd.isna(values.max()) else int(values.max())


def _identity(figures: Figures, sham: pd.DataFrame) -> None:
    """Add what a redraw under the unchanged control does; scenes it leaves equal have no PSNR."""
    figures.add("identity_psnr_db", sham, ["whole_psnr_db"], _mean)
    figures.add("identity_ssim", sham, ["whole_ssim_raw"], _mean)
    figures.add("sham_psnr_db", sham, ["psnr_db"], _mean)
    figures.add("sham_ssim", sham, ["whole_ssim"], _mean)
    figures.values["sham_equal_scenes"] = int((sham["mean_abs_change"] == 0).sum())


def _specificity(figures: Figures, table: pd.DataFrame, full: pd.DataFrame) -> None:
    """Add what happened outside the region, to the pixels and to the attention nearby."""
    figures.values["outside_max_abs_diff"] = largest(table["outside_max_abs_diff"])
    figures.add("raw_background_psnr_db", full, ["outside_psnr_db"], _mean)
    changed = full[full["modified"] & full["in_range"]]
    change = change_of_log_odds(changed["share"], changed["original_share"])
    figures.add("ring_spill", changed.assign(change=change), ["change", "ring_change"], slope)


def _dose(figures: Figures, full: pd.DataFrame, params: EvaluateParams) -> None:
    asked = full[full["alpha"] != 1]
    figures.add("feasible_fraction", asked, ["feasible"], _mean)
    figures.add("unreached_fraction", asked[asked["feasible"]], ["unreached"], _mean)
    within = full[full["in_range"]]
    apart = full[~full["in_range"]]
    for name, figure in dose_figures(within, params.seed).items():
        figures.values[f"dose_{name}"] = figure
    untouched = within.assign(share=within["original_share"])
    for name, figure in dose_figures(untouched, params.seed).items():
        if not name.endswith("_ci95"):
            figures.values[f"dose_{name}_do_nothing"] = figure
    figures.values["apart"] = {
        "n_scenes": len(apart[SCENE].drop_duplicates()),
        **dose_figures(apart, params.seed),
    }
    _log_error(figures, within)
    _agreement(figures, full)


def _log_error(figures: Figures, within: pd.DataFrame) -> None:
    """Add how far the judge's change of the log odds is from the dose's, in units of the dose's."""
    asked = within[within["feasible"] & (within["alpha"] != 1)]
    dose = np.log(asked["alpha"].astype("float64"))
    change = change_of_log_odds(asked["share"], asked["original_share"])
    errors = asked.assign(log_error=np.abs(change - dose) / np.abs(dose))
    figures.add("dose_log_error_median", errors, ["log_error"], _median)
    figures.add("dose_log_error_p90", errors, ["log_error"], lambda v: float(np.quantile(v, 0.9)))


def dose_figures(curve: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Return what a dose curve achieves: feasible rows only, unreached ones among them.

    The errors are of doses other than 1. Rho and slope are per scene, over its feasible doses and
    1; scenes with fewer than two feasible doses have none.
    """
    figures = Figures(seed)
    counted = curve[curve["feasible"] | (curve["alpha"] == 1)]
    asked = counted[counted["alpha"] != 1]
    errors = asked.assign(error=relative_error(asked["share"], asked["judge_dose"]))
    figures.add("median_rel_error", errors, ["error"], _median)
    figures.add("within_15pct", errors, ["error"], within_15pct)
    scenes = scene_curves(counted)
    figures.add("spearman_mean", scenes, ["rho"], _mean)
    figures.add("logit_slope", scenes, ["slope"], _mean)
    return figures.values


def scene_curves(curve: pd.DataFrame) -> pd.DataFrame:
    """Return rho and slope of each scene that has two doses other than 1."""
    rows = []
    for (video_id, number), scene in curve.dropna(subset=["share"]).groupby(SCENE):
        if (scene["alpha"] != 1).sum() < 2:
            continue
        alphas, shares = scene["alpha"].to_numpy(), scene["share"].to_numpy()
        rows.append((video_id, number, spearman(alphas, shares), logit_slope(alphas, shares)))
    return pd.DataFrame(rows, columns=[*SCENE, "rho", "slope"])


def _agreement(figures: Figures, full: pd.DataFrame) -> None:
    """Add how far guide and judge agree, over the originals and all calibrated doses."""
    originals = full.dropna(subset=["guide_share"]).drop_duplicates(SCENE)
    pairs = pd.concat(
        [
            full[["video_id", "guide_achieved", "share"]],
            originals[["video_id"]].assign(
                guide_achieved=originals["guide_share"], share=originals["original_share"]
            ),
        ]
    )
    figures.add(
        "guide_judge_correlation",
        pairs,
        ["guide_achieved", "share"],
        lambda v: correlation(v[:, 0], v[:, 1]),
    )
    seen = full[full["feasible"] & full["guide_achieved"].notna()]
    seen = seen.assign(error=relative_error(seen["guide_achieved"], seen["guide_dose"]))
    figures.add("guide_median_rel_error", seen, ["error"], _median)


def _control(figures: Figures, table: pd.DataFrame, control: pd.DataFrame) -> None:
    for arm in ("control_only", "gradient_only"):
        rows = table[(table["arm"] == arm) & table["in_range"]]
        slopes = scene_curves(rows[rows["feasible"] | (rows["alpha"] == 1)])
        figures.add(f"{arm}_slope", slopes, ["slope"], _mean)
    for name, column in (("shuffle", "shuffled"), ("zero", "zero")):
        figures.add(
            f"control_{name}_loss_increase",
            control,
            [column, "true"],
            lambda v: float(v[:, 0].sum() / v[:, 1].sum() - 1),
        )


def tested_rows(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows of what must not move attention: `placebo` and `sham`."""
    placebo = (table["arm"] == VARIANTS_ARM) & (table["variant"] == "placebo") & table["modified"]
    return {"placebo": table[placebo], "sham": table[table["variant"] == "sham"]}


def video_changes(rows: pd.DataFrame) -> pd.Series:
    """Return each video's mean change of the judge's share over the scenes that were edited."""
    known = rows.dropna(subset=["share", "original_share"])
    changes = known["share"] - known["original_share"]
    return changes.groupby(known["video_id"]).mean()


def _placebo(
    figures: Figures, table: pd.DataFrame, params: EvaluateParams
) -> dict[str, Equivalence]:
    tests = {}
    rows = tested_rows(table)
    for name, tested in rows.items():
        moved = video_changes(tested).to_numpy(np.float64)
        test = equivalence(moved, params.equivalence_bound, params.least_videos)
        strict = equivalence(moved, params.strict_equivalence_bound, params.least_videos)
        figures.values |= {
            f"{name}_tost_pass": test.passed,
            f"{name}_tost_pass_strict": strict.passed,
            f"{name}_tost_p": test.p,
            f"{name}_mean_change": test.mean,
            f"{name}_mean_change_ci90": list(test.interval) if test.interval else None,
        }
        tests[name] = test
    boosts = (table["arm"] == VARIANTS_ARM) & (table["variant"] == "full_boost")
    boost = table[boosts & table["modified"]]
    changes = video_changes(boost)
    effect = float(changes.mean()) if len(changes) else None
    figures.values["full_boost_mean_change"] = effect
    figures.values["equivalence_bound_of_boost"] = (
        params.equivalence_bound / effect if effect and effect > 0 else None
    )
    both = rows["placebo"].merge(boost, on=SCENE, suffixes=("", "_boost"))
    figures.add(
        "placebo_change_ratio",
        both,
        ["mean_abs_change", "mean_abs_change_boost"],
        lambda v: float(v[:, 0].sum() / v[:, 1].sum()) if v[:, 1].any() else math.nan,
    )
    figures.add("placebo_fade_median", rows["placebo"], ["fade"], _median)
    figures.add("placebo_own_effect", rows["placebo"], ["asked_change", "moved_change"], slope)
    return tests


def _integrity(
    figures: Figures, full: pd.DataFrame, params: EvaluateParams, alphas: list[float]
) -> None:
    low, high = params.integrity_alphas
    changed = full[(full["alpha"] != 1) & full["modified"]]
    rows = changed[changed["alpha"].between(low, high)]
    figures.add("integrity_ssim_median", rows, ["ssim"], _median)
    figures.add("integrity_texture_ratio_median", rows, ["texture_ratio"], _median)
    extremes = changed[changed["alpha"].isin(alphas)]
    figures.add(
        "integrity_ssim_p10", extremes, ["colour_ssim"], lambda v: float(np.quantile(v, 0.1))
    )
    largest_dose = extremes[extremes["alpha"] == extremes["alpha"].max()]
    figures.add("broken_fraction", largest_dose.assign(broken=is_broken), ["broken"], _mean)
