"""`reports/evaluation/robustness.csv`: what is left of each edit in a degraded picture."""

from __future__ import annotations

from schemas.columns import Column, Table


def _change(meaning: str) -> Column:
    return Column(meaning, dtype="float64", nullable=True)


ROBUSTNESS_TABLE = Table(
    "robustness.csv",
    {
        "video_id": Column("The video."),
        "scene_number": Column("The scene.", dtype="int64"),
        "alpha": Column("The factor that was asked for.", dtype="float64"),
        "degradation": Column(
            "What happened to the edited picture and to its original alike: `jpeg` (quality 50), "
            "`h264` (crf 28), `shift` (8 px right, 5 down), `half` (half the size and back) or "
            "`blur` (sigma 1.5 px); lengths are of a picture with 480 px on its longer side."
        ),
        "observer": Column("Who looks: `judge`, or an observer of people of `evaluate.panel`."),
        "change": _change(
            "Change of the log odds of the product's share, edited against original, as the "
            "observer sees it without the degradation; doing nothing is 0."
        ),
        "degraded_change": _change("The same with it."),
        "in_range": Column("Whether the judge's share of the scene is in range.", dtype="bool"),
    },
    unique=("video_id", "scene_number", "alpha", "degradation", "observer"),
)
"""One row per scene, alpha, degradation and observer: the arm `full`, at the doses of all arms, the
first three scenes of each video."""
