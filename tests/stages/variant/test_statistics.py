import math

import pytest

from pipeline.stages.variant.statistics import POSITIONS, CorpusSummary, describe


def test_statistics_of_known_values() -> None:
    found = describe([0.1, 0.2, 0.3], [0.2, math.nan, 0.4])
    assert found["mean_alignment"] == pytest.approx(0.2)
    assert found["std_alignment"] == pytest.approx(math.sqrt(2 / 300))
    assert (found["min_alignment"], found["max_alignment"], found["num_scenes"]) == (0.1, 0.3, 3)
    assert found["temporal_profile"] == [0.1, 0.2, 0.3]
    assert found["mean_share"] == pytest.approx(0.3)
    assert found["share_temporal_profile"] == [0.2, None, 0.4]


def test_a_video_without_any_share_has_none() -> None:
    found = describe([0.0], [math.nan])
    assert (found["mean_share"], found["std_share"]) == (None, None)


def rows(*shares: float | None, feasible=(), ratios=None) -> dict:
    return {
        "planned_share": list(shares),
        "alignment": [0.1] * len(shares),
        "feasible": list(feasible),
        "placebo_change_ratio": ratios or [None] * len(shares),
    }


def test_the_summary_weighs_scenes_in_means_and_videos_in_profiles() -> None:
    summary = CorpusSummary(["baseline", "placebo"])
    summary.add(
        "7",
        {
            "keyword": "shoe",
            "scenes": 2,
            "variants": {
                "baseline": rows(0.2, 0.4, feasible=[True, False]),
                "placebo": rows(0.201, 0.4, ratios=[1.0, 0.5]),
            },
        },
    )
    summary.add(
        "8",
        {
            "keyword": "shoe",
            "scenes": 1,
            "variants": {"baseline": rows(None), "placebo": rows(None, ratios=[0.9])},
        },
    )
    metrics = summary.metrics()
    assert (metrics["videos"], metrics["scenes"]) == (2, 3)
    assert metrics["share"]["baseline"] == pytest.approx(0.3)
    assert metrics["feasible"] == 0.5
    assert metrics["weak_placebos"] == 1
    assert metrics["placebo_deviation"] == pytest.approx(0.001)
    assert (POSITIONS[0], len(POSITIONS)) == (pytest.approx(1 / 24), 12)
    assert summary.share_profile()["baseline"] == [0.2] * 6 + [0.4] * 6
