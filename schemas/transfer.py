"""`reports/evaluation/transfer.csv`: what each observer of the panel sees of each edit."""

from __future__ import annotations

from schemas.columns import Column, Table


def _number(meaning: str) -> Column:
    return Column(meaning, dtype="float64", nullable=True)


TRANSFER_TABLE = Table(
    "transfer.csv",
    {
        "arm": Column(
            "An arm of the dose curve, or `counterfactual`: the scene as nature changes it."
        ),
        "video_id": Column("The video."),
        "scene_number": Column("The scene.", dtype="int64"),
        "alpha": Column("The factor that was asked for.", dtype="float64"),
        "observer": Column("Who looks: a model of `evaluate.panel`."),
        "judge_change": _number(
            "Change of the log odds of the product's share, edited against original, as the judge "
            "sees it; log(alpha) is the dose, doing nothing is 0."
        ),
        "observer_change": _number("The same as the observer sees it; doing nothing is 0."),
        "delta_e": _number("CIEDE2000 in the product, mean over its pixels."),
        "colour_ssim": _number("SSIM of red, green and blue in the product, their mean."),
        "in_range": Column("Whether the judge's share of the scene is in range.", dtype="bool"),
    },
    unique=("arm", "video_id", "scene_number", "alpha", "observer"),
)
"""One row per arm, scene, alpha and observer, at the doses of all arms."""
