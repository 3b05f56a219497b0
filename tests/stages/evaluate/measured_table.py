"""A table of measured scenes in which everything is known."""

import numpy as np
import pandas as pd

from pipeline.heatmaps.dose import requested_share
from pipeline.stages.evaluate.transfer import (
    NATURAL,
    change_of_log_odds,
    to_be_seen,
    transfer_rows,
)

ALPHAS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)


def measured_table(
    reached: float = 1.0, control_reached: float = 0.5, videos: int = 12, scenes: int = 3
) -> pd.DataFrame:
    """Return edits that reach alpha ** reached; the ControlNet alone gets to control_reached."""
    rng = np.random.default_rng(0)
    rows = []
    for video in range(videos):
        noise = rng.normal(0, 0.002, (scenes, 2))
        for number in range(scenes):
            original = 0.1 + 0.02 * video + 0.01 * number
            row = {
                "video_id": f"v{video:02d}",
                "scene_number": number + 1,
                "original_share": original,
                "in_range": True,
                "feasible": True,
                "unreached": False,
                "modified": True,
                "guide_share": original * 0.9,
                "outside_max_abs_diff": 0,
                "ssim": 0.93,
                "colour_ssim": 0.9 - 0.01 * number,
                "delta_e": 4.0,
                "burnt": 0.0,
                "hue_turned": 0.0,
                "asked_change": np.nan,
                "moved_change": np.nan,
                "whole_ssim": 0.99,
                "texture_ratio": 1.1,
                "psnr_db": 50.0,
                "whole_psnr_db": 48.0,
                "whole_ssim_raw": 0.99,
                "outside_psnr_db": 36.0,
                "mean_abs_change": 2.0,
                "fade": np.nan,
                "relative_error": 0.0,
            }
            doses = [("full", a, reached) for a in ALPHAS]
            doses += [("control_only", a, control_reached) for a in (0.5, 1.0, 2.0)]
            doses += [("gradient_only", a, 0.7) for a in (0.5, 1.0, 2.0)]
            for arm, alpha, part in doses:
                share = float(requested_share(original, alpha**part))
                wanted = float(requested_share(original, alpha))
                rows.append(
                    row
                    | {
                        "arm": arm,
                        "variant": f"alpha_{alpha:g}",
                        "alpha": alpha,
                        "share": share,
                        "judge_dose": wanted,
                        "guide_achieved": 0.9 * share,
                        "guide_dose": 0.9 * wanted,
                        "modified": alpha != 1,
                    }
                )
            boosted = float(requested_share(original, 1.5**reached))
            blank = {"guide_achieved": np.nan, "guide_dose": np.nan, "judge_dose": np.nan}
            for arm, name, alpha, share, change in (
                ("full", "sham", 1.0, original + noise[number, 0], 0.1),
                ("variants", "placebo", 1.0, original + noise[number, 1], 1.8),
                ("variants", "full_boost", 1.5, boosted, 2.0),
            ):
                rows.append(
                    row
                    | blank
                    | {
                        "arm": arm,
                        "variant": name,
                        "alpha": alpha,
                        "share": share,
                        "mean_abs_change": change,
                        "fade": 0.4 if name == "placebo" else np.nan,
                        "asked_change": 0.5 if name == "placebo" else np.nan,
                        "moved_change": 0.2 if name == "placebo" else np.nan,
                    }
                )
    table = pd.DataFrame(rows)
    # A fifth of what happens on the product happens around it.
    ring = 0.2 * change_of_log_odds(table["share"], table["original_share"])
    return table.assign(ring_change=ring)


def seen_by_panel(table: pd.DataFrame, parts: dict[str, float]) -> pd.DataFrame:
    """Return what a panel saw: each observer `parts[arm]` of what the judge did.

    Nature is there too, with twice as many colours changed for the same dose, seen in full.
    """
    rows = to_be_seen(table)
    natural = rows[rows["arm"] == "full"].assign(arm=NATURAL, delta_e=8.0)
    rows = pd.concat([rows[rows["arm"].isin(parts)], natural], ignore_index=True)
    part = rows["arm"].map({**parts, NATURAL: 1.0}).to_numpy()
    odds = np.log(rows[["original_share", "share"]] / (1 - rows[["original_share", "share"]]))
    seen = 0.5 * odds["original_share"] + part * (odds["share"] - odds["original_share"])
    before = 1 / (1 + np.exp(-0.5 * odds["original_share"]))
    shares = list(zip(1 / (1 + np.exp(-seen)), before, strict=True))
    return transfer_rows(rows, {"people_a": shares, "centre_surround": shares})


def control_losses() -> pd.DataFrame:
    """Return losses that another scene's heatmap raises by 10 %, none by 20 %."""
    true = np.linspace(0.1, 0.3, 20)
    videos = [f"v{number // 2}" for number in range(20)]
    columns = {"true": true, "shuffled": 1.1 * true, "zero": 1.2 * true}
    return pd.DataFrame({"video_id": videos, **columns})
