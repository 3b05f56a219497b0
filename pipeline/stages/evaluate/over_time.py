"""The proof over time: whether attention follows in the whole scene, and whether videos are whole.

An edit is made of one frame of a scene and carried to the others. What the judge sees of those, of
the arm against the baseline, is held against the dose, and against what it sees of the edited image
itself. Each has beside it what shows nothing: the baseline, which is encoded and not edited,
against the source; the placebo; and the change left where it was made, which is not carried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline.heatmaps.dose import shift
from pipeline.proof.params import EvaluateParams
from pipeline.proof.statistics import Equivalence, equivalence
from pipeline.stages.evaluate.figures import SCENE, Figures, slope, slopes
from pipeline.stages.evaluate.frames import BASELINE, BOOST, SOURCE, STANDING
from pipeline.stages.evaluate.proofs import video_changes
from pipeline.stages.evaluate.transfer import change_of_log_odds
from schemas.edits import VARIANTS_ARM
from schemas.frames import FRAMES_TABLE

_PLACEBO = "placebo"


def frame_rows(
    table: pd.DataFrame, seen: Mapping[str, Sequence[Mapping[str, Any]]]
) -> pd.DataFrame:
    """Return the table of `schemas.frames`.

    Args:
        table: measured edits.
        seen: of each video, what the judge saw of its frames (`frames.judge_video`).
    """
    columns = list(FRAMES_TABLE.columns)
    found = [
        {
            "video_id": video_id,
            **{name: row[name] for name in ("scene_number", "frame", "time_s")},
            "variant": arm,
            "share": share,
            "original_share": row["shares"][SOURCE if arm == BASELINE else BASELINE],
        }
        for video_id, rows in seen.items()
        for row in rows
        for arm, share in row["shares"].items()
        if arm != SOURCE
    ]
    if not found:
        return pd.DataFrame(columns=columns)
    stills = table.loc[
        table["arm"] == VARIANTS_ARM,
        [*SCENE, "variant", "alpha", "region", "share", "original_share", "in_range"],
    ].rename(columns={"share": "still_share", "original_share": "still_original_share"})
    boosts = stills[stills["variant"] == BOOST]
    stills = pd.concat([stills, boosts.assign(variant=STANDING)], ignore_index=True)
    rows = pd.DataFrame(found).merge(stills, on=[*SCENE, "variant"])
    # None, where there is no attention, is NaN.
    rows = rows.astype({"share": "float64", "original_share": "float64"})
    order = ["video_id", "variant", "frame"]
    return rows[columns].sort_values(order, kind="stable", ignore_index=True)


def over_time(
    frames: pd.DataFrame, rendered: pd.DataFrame, params: EvaluateParams
) -> tuple[dict[str, Any], dict[str, Equivalence]]:
    """Return the figures of the videos, and the equivalence tests of placebo and baseline.

    Args:
        frames: of `frame_rows`; those out of the judge's range do not count for the dose.
        rendered: of `schemas.videos`.
        params: section `evaluate`.
    """
    figures = Figures(params.seed)
    _dose(figures, frames)
    tests = {}
    for name in (_PLACEBO, BASELINE):
        moved = video_changes(frames[frames["variant"] == name]).to_numpy(np.float64)
        test = equivalence(moved, params.equivalence_bound, params.least_videos)
        figures.values |= {
            f"video_{name}_tost_pass": test.passed,
            f"video_{name}_mean_change": test.mean,
            f"video_{name}_mean_change_ci90": list(test.interval) if test.interval else None,
        }
        tests[f"video_{name}"] = test
    _whole(figures, rendered)
    counted = frames[~frames["variant"].isin([BASELINE, STANDING])]
    figures.values["n_frames"] = len(counted.drop_duplicates(["video_id", "frame"]))
    return figures.values, tests


def _dose(figures: Figures, frames: pd.DataFrame) -> None:
    """Add the dose in frames and in the edited images of their scenes, and what is kept of it."""
    asked = frames[frames["in_range"].astype(bool) & (frames["alpha"] != 1)]
    asked = asked[asked["variant"] != _PLACEBO]
    dose = [shift(*row) for row in asked[["alpha", "region"]].itertuples(index=False, name=None)]
    still = change_of_log_odds(asked["still_share"], asked["still_original_share"])
    asked = asked.assign(
        dose=np.asarray(dose, np.float64),
        change=change_of_log_odds(asked["share"], asked["original_share"]),
        still_change=still,
    )
    standing = asked["variant"] == STANDING
    asked, left = asked[~standing], asked[standing]
    figures.add("video_dose_slope", asked, ["dose", "change"], slope)
    figures.add("video_still_dose_slope", asked, ["dose", "still_change"], slope)
    figures.add("video_effect_kept", asked, ["still_change", "change"], slope)
    figures.add("video_effect_kept_standing", left, ["still_change", "change"], slope)
    boosts = asked[asked["variant"] == BOOST].merge(
        left[["video_id", "frame", "change"]], on=["video_id", "frame"], suffixes=("", "_standing")
    )
    figures.add(
        "video_carrying_adds",
        boosts,
        ["still_change", "change", "change_standing"],
        lambda v: float(np.subtract(*slopes(v))),
    )
    for name, change in (("video", "change"), ("video_still", "still_change")):
        errors = asked.assign(error=(asked[change] - asked["dose"]).abs() / asked["dose"].abs())
        figures.add(
            f"{name}_dose_log_error_median", errors, ["error"], lambda v: float(np.median(v))
        )


def _whole(figures: Figures, rendered: pd.DataFrame) -> None:
    """Add how steady the arms are, and what changed of them where nothing was to change."""
    modified = rendered[rendered["modified_scenes"] > 0]
    # Contrast flickers in proportion, in nature, too: of the arm with most of it.
    boost = modified[modified["variant"] == BOOST]
    for name, rows in (
        ("warping_error_ratio", boost),
        ("change_warping_ratio", modified),
        ("hidden_share", modified),
    ):
        figures.add(f"video_{name}", rows, [name], lambda v: float(v.mean()))
    lost = modified["baseline_outside_psnr_db"] - modified["outside_psnr_db"]
    for name, worst in (
        ("psnr_db", modified["outside_psnr_db"].min()),
        ("psnr_lost_db", lost.max()),
        ("max_abs_diff", modified["outside_max_abs_diff"].max()),
    ):
        figures.values[f"video_outside_{name}"] = None if pd.isna(worst) else float(worst)
