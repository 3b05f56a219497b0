"""What a variant's files hold, in numbers: per video, and over the corpus."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

POSITIONS = tuple((point + 0.5) / 12 for point in range(12))
"""Where along a video the mean share is given: 0 is its start, 1 its end."""


def describe(alignments: Sequence[float], shares: Sequence[float]) -> dict[str, Any]:
    """Return the statistics of one variant of one video, ready for JSON.

    Args:
        alignments: alignment score of each scene, in scene order; NaN where it does not show the
            product.
        shares: attention share of each scene, NaN where undefined.

    What is NaN counts in no statistic and is null in the profile. The standard deviation is the
    population's.
    """
    return {
        **_moments(alignments, "alignment"),
        "num_scenes": len(alignments),
        "temporal_profile": [known(value) for value in alignments],
        **_moments(shares, "share"),
        "share_temporal_profile": [known(value) for value in shares],
    }


def _moments(values: Sequence[float], name: str) -> dict[str, float | None]:
    defined = [value for value in values if not math.isnan(value)]
    if not defined:
        return {f"{what}_{name}": None for what in ("mean", "std", "min", "max")}
    return {
        f"mean_{name}": known(float(np.mean(defined))),
        f"std_{name}": known(float(np.std(defined))),
        f"min_{name}": known(min(defined)),
        f"max_{name}": known(max(defined)),
    }


def known(value: float) -> float | None:
    """Return a number with the nine digits that tables have; None for NaN."""
    return None if math.isnan(value) else float(f"{value:.9g}")


class CorpusSummary:
    """Means over all videos, gathered one video at a time."""

    def __init__(self, variants: Iterable[str]) -> None:
        self.variants = tuple(variants)
        self.videos: dict[str, dict[str, Any]] = {}
        self.scenes = 0
        self._shares = np.zeros((len(self.variants), 2))  # sum, number of defined ones
        self._alignments = np.zeros((len(self.variants), 2))  # as above
        self._profile = np.zeros((len(self.variants), len(POSITIONS), 2))
        self._feasible = self._asked = self._weak_placebos = 0
        self._placebo_deviation = 0.0

    def add(self, video_id: str, video: Mapping[str, Any]) -> None:
        """Take in one video, as `pipeline.stages.variant.video.summary_of_video` describes it."""
        self.videos[video_id] = {"keyword": video["keyword"], "scenes": video["scenes"]}
        self.scenes += video["scenes"]
        # The scene that is shown at each point of the video's course.
        shown = (np.array(POSITIONS) * video["scenes"]).astype(int)
        for index, variant in enumerate(self.variants):
            rows = video["variants"][variant]
            shares = np.array(rows["planned_share"], np.float64)  # None becomes NaN
            defined = ~np.isnan(shares)
            known_shares = np.stack([np.where(defined, shares, 0), defined], axis=1)
            self._shares[index] += known_shares.sum(axis=0)
            self._profile[index] += known_shares[shown]
            alignments = [one for one in rows["alignment"] if one is not None]
            self._alignments[index] += [sum(alignments), len(alignments)]
            self._feasible += sum(rows["feasible"])
            self._asked += len(rows["feasible"])
        self._add_placebo(video["variants"])

    def _add_placebo(self, variants: Mapping[str, Mapping[str, Any]]) -> None:
        ratios = variants["placebo"]["placebo_change_ratio"]
        self._weak_placebos += sum(ratio is not None and ratio < 0.8 for ratio in ratios)
        pairs = zip(
            variants["placebo"]["planned_share"], variants["baseline"]["planned_share"], strict=True
        )
        deviations = [abs(one - other) for one, other in pairs if one is not None]
        self._placebo_deviation = max([self._placebo_deviation, *deviations])

    def metrics(self) -> dict[str, Any]:
        """Return the figures of the corpus.

        `feasible` is the fraction of scenes, over all variants that ask for a dose, where the dose
        is feasible; `weak_placebos` counts the scenes whose placebo changes less than 0.8 of what
        full_boost does; `placebo_deviation` is the largest change of a share by the placebo;
        `share` is the mean planned share of each variant.
        """
        return {
            "videos": len(self.videos),
            "scenes": self.scenes,
            "feasible": known(self._feasible / self._asked) if self._asked else None,
            "weak_placebos": self._weak_placebos,
            "placebo_deviation": known(self._placebo_deviation),
            "share": {
                variant: _mean(*self._shares[index]) for index, variant in enumerate(self.variants)
            },
        }

    def headline(self) -> dict[str, Any]:
        """Return the few of them that `dvc exp show` lists."""
        metrics = self.metrics()
        full_boost = metrics["share"]["full_boost"]
        return {"feasible": metrics["feasible"], "share": {"full_boost": full_boost}}

    def mean_alignments(self) -> dict[str, float | None]:
        """Return the mean alignment score of each variant."""
        return {
            variant: _mean(*self._alignments[index]) for index, variant in enumerate(self.variants)
        }

    def share_profile(self) -> dict[str, list[float | None]]:
        """Return each variant's mean share over all videos, at `POSITIONS` of their course."""
        return {
            variant: [_mean(*point) for point in self._profile[index]]
            for index, variant in enumerate(self.variants)
        }


def _mean(total: float, count: float) -> float | None:
    return known(total / count) if count else None
