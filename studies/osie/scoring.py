"""How well a density predicts where people looked in photographs that nothing learned from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from pipeline.attention import metrics
from pipeline.attention.models import AttentionModel, load_attention_model
from pipeline.pictures.tensors import tensor_of
from studies.osie.data import SIGMA_PX, VIEWERS, Floats, Photograph, fixation_map, read_pixels

SHRINK = 2
"""Maps are scored at a photograph's size over this: the metrics hardly see it."""
METRICS = ("CC", "SIM", "KLD", "NSS", "IG", "sAUC")
TARGETS = {
    "viewers_1_to_7": VIEWERS["people_a"],
    "viewers_8_to_15": VIEWERS["people_b"],
    "all_viewers": VIEWERS["people_a"] + VIEWERS["people_b"],
}
"""Whose fixations are to be predicted."""
CENTRE_BIAS, OTHER_HALF, OTHER_VIEWERS = "centre_bias", "other_half", "other_viewers"
"""The floor and the two ceilings. `other_half` is the map of the viewers who are not the target;
`other_viewers` predicts each viewer from the fourteen others."""
# Of maps that say nothing about chance: without it one fixation where a map is 0 costs infinitely
# many bits.
_FLOOR = 0.01
# Fixations in other photographs, of sAUC.
_ELSEWHERE = 4000
# What the ceilings choose from, by the training photographs' likelihood.
_SIGMAS_PX = (20, 26, 34)
_CHANCES = (0.05, 0.1, 0.2, 0.3, 0.4)
# Of every so many training photographs.
_CHOOSE_BY = 16
_RESAMPLES = 4000

Predictor = Callable[[Path], Floats]
Places = tuple[NDArray[np.intp], NDArray[np.intp]]


def places(photograph: Photograph, viewers: Sequence[int]) -> Places:
    """Return the rows and columns of these viewers' fixations, at the size of scoring."""
    rows, columns = photograph.of(viewers)
    return rows // SHRINK, columns // SHRINK


def blurred(photograph: Photograph, viewers: Sequence[int], sigma_px: float) -> Floats:
    """Return the density of these viewers' fixations, at the size of scoring."""
    size = (photograph.size[0] // SHRINK, photograph.size[1] // SHRINK)
    return fixation_map(size, *places(photograph, viewers), sigma_px / SHRINK)


def mean_map(photographs: Sequence[Photograph]) -> Floats:
    """Return the centre bias, at the size of scoring: where all look, whatever the photograph."""
    parts = [places(photograph, TARGETS["all_viewers"]) for photograph in photographs]
    rows, columns = (np.concatenate(part) for part in zip(*parts, strict=True))
    size = (photographs[0].size[0] // SHRINK, photographs[0].size[1] // SHRINK)
    return metrics.density(fixation_map(size, rows, columns, SIGMA_PX / SHRINK), floor=1e-3)


def map_of(model: AttentionModel, floor: float = 0.0) -> Predictor:
    """Return the densities of an attention model; `floor` for those that say nothing of chance."""

    @cache
    def predict(path: Path) -> Floats:
        with torch.inference_mode():
            found = model.maps(tensor_of(read_pixels(path)[None]))[0].numpy()
        return metrics.density(_shrunk(found), floor)

    return predict


def classical(name: str) -> Predictor:
    """Return the densities of a model without weights, as it is."""
    return map_of(load_attention_model(name, Path()), _FLOOR)


def _shrunk(attention: NDArray[np.float32]) -> cv2.typing.MatLike:
    height, width = attention.shape
    size = (width // SHRINK, height // SHRINK)
    return cv2.resize(attention, size, interpolation=cv2.INTER_AREA)


class OtherViewers:
    """The density of other people's fixations, in part the centre bias.

    Blur and part are chosen by the likelihood of the training photographs.

    Args:
        given: viewers who are known.
        wanted: viewers who are predicted; None: each of `given` by all the others.
        prior: of the centre bias.
        photographs: to choose by.
    """

    def __init__(
        self,
        given: Sequence[int],
        wanted: Sequence[int] | None,
        prior: Floats,
        photographs: Sequence[Photograph],
    ) -> None:
        self._given, self._wanted, self._prior = given, wanted, prior
        bits: defaultdict[tuple[float, float], float] = defaultdict(float)
        for sigma_px in _SIGMAS_PX:
            for photograph in photographs:
                for density, viewers in self._densities(photograph, sigma_px):
                    where = places(photograph, viewers)
                    ratio = density[where] / prior[where]
                    for chance in _CHANCES:
                        gain = np.log2((1 - chance) * ratio + chance).mean()
                        bits[sigma_px, chance] += float(gain)
        self.sigma_px, self.chance = max(bits, key=lambda choice: bits[choice])

    def score(self, photograph: Photograph, elsewhere: Places) -> dict[str, float]:
        """Return the scores in a photograph, the mean over those who are predicted."""
        rows = []
        for density, viewers in self._densities(photograph, self.sigma_px):
            mixed = (1 - self.chance) * density + self.chance * self._prior
            recorded = None
            if self._wanted is not None:
                recorded = blurred(photograph, viewers, SIGMA_PX)
            where = places(photograph, viewers)
            rows.append(scores_of(mixed, self._prior, recorded, where, elsewhere))
        return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}

    def _densities(
        self, photograph: Photograph, sigma_px: float
    ) -> Iterator[tuple[Floats, Sequence[int]]]:
        """Yield densities, and the viewers whom each is to predict."""
        if self._wanted is not None:
            yield metrics.density(blurred(photograph, self._given, sigma_px)), self._wanted
            return
        sizes = {viewer: len(photograph.of([viewer])[0]) for viewer in self._given}
        single = {
            viewer: blurred(photograph, [viewer], sigma_px) * size for viewer, size in sizes.items()
        }
        total = sum(single.values())
        for viewer, size in sizes.items():
            if size:
                yield metrics.density(np.maximum(total - single[viewer], 0)), [viewer]


def scores_of(
    density: Floats, prior: Floats, recorded: Floats | None, where: Places, elsewhere: Places
) -> dict[str, float]:
    """Return the `METRICS` of a density.

    Args:
        density: H×W, sum 1.
        prior: of the centre bias, which IG is measured from.
        recorded: the fixations' blurred density; None leaves out what needs it.
        where: rows and columns of the fixations.
        elsewhere: of fixations in other photographs.
    """
    found = {}
    if recorded is not None:
        found = {
            "CC": metrics.cc(density, recorded),
            "SIM": metrics.sim(density, recorded),
            "KLD": metrics.kld(density, recorded),
        }
    return {
        **found,
        "NSS": metrics.nss(density, *where),
        "IG": metrics.ig(density, prior, *where),
        "sAUC": metrics.sauc(density, *where, *elsewhere),
    }


def score(
    photographs: Sequence[Photograph],
    learned_from: Sequence[Photograph],
    predictors: Mapping[str, Predictor],
) -> pd.DataFrame:
    """Return a row per photograph, target and predictor; the floor and the ceilings are added.

    Args:
        photographs: held out.
        learned_from: the training photographs: of the centre bias, sAUC's fixations elsewhere, and
            what the ceilings choose.
        predictors: by name.
    """
    prior = mean_map(learned_from)
    parts = [places(photograph, TARGETS["all_viewers"]) for photograph in learned_from]
    rows, columns = (np.concatenate(part) for part in zip(*parts, strict=True))
    drawn = np.random.default_rng(0).permutation(len(rows))[:_ELSEWHERE]
    elsewhere = rows[drawn], columns[drawn]
    few = learned_from[::_CHOOSE_BY]
    half_a, half_b, everyone = TARGETS.values()
    ceilings = {
        ("viewers_1_to_7", OTHER_HALF): OtherViewers(half_b, half_a, prior, few),
        ("viewers_8_to_15", OTHER_HALF): OtherViewers(half_a, half_b, prior, few),
        ("all_viewers", OTHER_VIEWERS): OtherViewers(everyone, None, prior, few),
    }
    table = []
    for photograph in tqdm(photographs, desc="scoring", mininterval=5):
        found = {CENTRE_BIAS: prior} | {
            name: of(photograph.path) for name, of in predictors.items()
        }
        for target, viewers in TARGETS.items():
            row = {"image": photograph.path.name, "target": target}
            recorded = blurred(photograph, viewers, SIGMA_PX)
            where = places(photograph, viewers)
            for name, density in found.items():
                scores = scores_of(density, prior, recorded, where, elsewhere)
                table.append({**row, "model": name, **scores})
        for (target, name), ceiling in ceilings.items():
            row = {"image": photograph.path.name, "target": target, "model": name}
            table.append({**row, **ceiling.score(photograph, elsewhere)})
    return pd.DataFrame(table)


def summarise(scores: pd.DataFrame) -> dict[str, dict[str, dict[str, Any]]]:
    """Return {target: {model: {metric: mean, metric_ci95: [low, high], …}}}, rounded.

    `IG_of_ceiling` is the mean IG as a part of the ceiling's. Intervals are over photographs.
    """
    summary: dict[str, dict[str, dict[str, Any]]] = {}
    for target, rows in scores.groupby("target", sort=False):
        models = summary.setdefault(str(target), {})
        wide = rows.pivot(index="image", columns="model", values="IG")
        [ceiling] = wide.columns.intersection([OTHER_HALF, OTHER_VIEWERS])
        for model, own in rows.groupby("model", sort=False):
            figures = models.setdefault(str(model), {})
            for metric in METRICS:
                if own[metric].notna().all():
                    figures |= with_interval(metric, own[metric].to_numpy())
            parts = wide[[str(model), ceiling]].to_numpy()
            figures |= with_interval("IG_of_ceiling", parts[:, 0], parts[:, 1])
    return summary


def with_interval(name: str, values: Floats, over: Floats | None = None) -> dict[str, Any]:
    """Return the mean (over another mean) of photographs' values and its 95 % interval.

    The percentile bootstrap, over photographs.
    """
    drawn = np.random.default_rng(0).integers(len(values), size=(_RESAMPLES, len(values)))
    over = np.ones_like(values) if over is None else over
    means = values[drawn].mean(1) / over[drawn].mean(1)
    return {
        name: round(float(values.mean() / over.mean()), 4),
        f"{name}_ci95": [round(float(bound), 4) for bound in np.quantile(means, [0.025, 0.975])],
    }
