"""A trained predictor's files: its weights, and how it compares with others on held-out videos."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from pipeline.attention import metrics
from pipeline.attention.models import AttentionModel
from pipeline.attention.network import AttentionNetwork
from pipeline.attention.predictor import Predictor, parameters_of, save_predictor
from pipeline.ground.contract import ContractBroken, read_checked
from pipeline.ground.files import write_text
from pipeline.ground.tables import write_table
from pipeline.proof.statistics import clustered_interval
from pipeline.scenes.cuts import read_cuts
from pipeline.scenes.split import TEST, TRAIN, VAL
from pipeline.stages.attention_model.training import RecordedScenes
from schemas.fixations import FIXATIONS_TABLE

LOG = logging.getLogger(__name__)

CENTRE_BIAS = "centre_bias"
SHARE_METRICS = ("share", "recorded_share")
# Where a model says nothing about chance, this share of fixations falls anywhere: without it, one
# fixation on a pixel of value 0 would cost infinitely many bits.
_FLOOR = 0.01


class Fixations(NamedTuple):
    """Where viewers looked in one scene, as fractions of its width and height in [0, 1)."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]

    def at(self, size: tuple[int, int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return rows and columns at a size (height, width)."""
        return (self.y * size[0]).astype(np.intp), (self.x * size[1]).astype(np.intp)


def read_fixations(table: pd.DataFrame, folder: Path, cuts: Path) -> dict[int, Fixations]:
    """Return the fixations of the scenes of a table by row; scenes without any are left out.

    Args:
        table: the scene table, its index 0, 1, ….
        folder: of {video_id}.csv; it need not exist.
        cuts: scenes.csv, with the scenes' times.

    Raises:
        InputError: `cuts` breaks its contract. A file of fixations that does is left out: validate
            has refused its scenes unless their heatmaps were imported.
    """
    if not (folder.is_dir() and cuts.is_file()):
        return {}
    spans = {scene[:2]: (scene.start_s, scene.end_s) for scene in read_cuts(cuts)}
    found: dict[int, Fixations] = {}
    for video, rows in table.groupby("video_id"):
        file = folder / f"{video}.csv"
        if not file.is_file():
            continue
        try:
            gaze = read_checked(file, FIXATIONS_TABLE)
        except ContractBroken as error:
            LOG.warning("not scored by fixations, as %s is unreadable: %s", file, error)
            continue
        middle = gaze["onset_s"] + gaze["duration_s"] / 2
        for index, row in rows.iterrows():
            start_s, end_s = spans.get((str(video), row["scene_number"]), (None, None))
            if start_s is None or end_s is None:
                continue
            x, y = gaze["x_px"] / row["width"], gaze["y_px"] / row["height"]
            inside = (x >= 0) & (x < 1) & (y >= 0) & (y < 1)
            chosen = inside & (middle >= start_s) & (middle < end_s)
            if chosen.any():
                found[int(str(index))] = Fixations(x[chosen].to_numpy(), y[chosen].to_numpy())
    return found


def write_predictor(
    network: AttentionNetwork,
    curve: list[dict[str, float]],
    parts: Mapping[str, RecordedScenes],
    models: Mapping[str, AttentionModel],
    fixations: Mapping[str, Mapping[int, Fixations]],
    folder: Path,
    metrics: Path,
    headline: Path,
    scores: Path,
    losses: Path,
) -> None:
    """Write the predictor, and how it compares with other models on the val and the test split.

    Args:
        network: as trained.
        curve: its losses by epoch.
        parts: recorded scenes of each split.
        models: to compare with, by name.
        fixations: of the val and the test split, by position.
        folder: for the weights.
        metrics: JSON, all figures.
        headline: JSON, the few that `dvc exp show` lists.
        scores: CSV, a row per scene and model.
        losses: CSV, a row per epoch.
    """
    save_predictor(network, folder)
    prior = mean_heatmap(parts[TRAIN])
    report: dict[str, Any] = {"parameters": parameters_of(network), "epochs": len(curve)}
    all_scores = []
    for part in (VAL, TEST):
        scenes = parts[part]
        if not len(scenes):
            continue
        found = score_scenes(
            scenes, {"predictor": Predictor(folder), **models}, prior, fixations[part]
        )
        report[part] = {
            "n_scenes": len(scenes),
            "n_videos": int(scenes.table["video_id"].nunique()),
            **summarise(found),
        }
        all_scores.append(found.assign(split=part))
    shown = {"CC": report[TEST]["predictor"]["CC"]} if TEST in report else {}
    for path, figures in ((metrics, report), (headline, shown)):
        write_text(path, json.dumps(figures, indent=1) + "\n")
    write_table(scores, pd.concat(all_scores) if all_scores else pd.DataFrame())
    write_table(losses, pd.DataFrame(curve))


def mean_heatmap(scenes: RecordedScenes) -> NDArray[np.float64]:
    """Return the centre prior, H×W with sum 1: where people look, whatever the scene."""
    total = np.zeros(scenes.size)
    for position in range(len(scenes)):
        total += scenes[position]["heatmap"].numpy()
    return metrics.density(total)


def score_scenes(
    scenes: RecordedScenes,
    models: Mapping[str, AttentionModel],
    prior: NDArray[np.float64],
    fixations: Mapping[int, Fixations],
) -> pd.DataFrame:
    """Return a row per scene and model: its scores, its share and the recorded share.

    Args:
        scenes: held out.
        models: by name; the centre bias is added.
        prior: of the centre bias.
        fixations: by position in `scenes`.
    """
    rows = []
    for position, row in enumerate(scenes.rows):
        sample = scenes[position]
        recorded, mask = sample["heatmap"].double().numpy(), sample["mask"].numpy() > 0
        found = {CENTRE_BIAS: prior}
        with torch.no_grad():
            for name, model in models.items():
                found[name] = model.maps(sample["image"][None])[0].double().cpu().numpy()
        others = [
            seen
            for index, seen in fixations.items()
            if scenes.rows[index]["video_id"] != row["video_id"]
        ]
        for name, attention in found.items():
            scores = {
                "CC": metrics.cc(attention, recorded),
                "SIM": metrics.sim(attention, recorded),
                "KLD": metrics.kld(metrics.density(attention, _FLOOR), recorded),
                "share": float(metrics.density(attention)[mask].sum()),
                "recorded_share": float(recorded[mask].sum()),
            }
            if position in fixations:
                scores |= _fixation_scores(attention, prior, fixations[position], others)
            place = {"video_id": row["video_id"], "scene_number": row["scene_number"]}
            rows.append({"model": name, **place, **scores})
    return pd.DataFrame(rows)


def _fixation_scores(
    attention: NDArray[np.float64],
    prior: NDArray[np.float64],
    fixations: Fixations,
    others: list[Fixations],
) -> dict[str, float]:
    size = (attention.shape[0], attention.shape[1])
    places = fixations.at(size)
    scores = {
        "NSS": metrics.nss(attention, *places),
        "IG": metrics.ig(
            metrics.density(attention, _FLOOR), metrics.density(prior, _FLOOR), *places
        ),
        "AUC_Judd": metrics.auc_judd(attention, *places),
    }
    if others:
        elsewhere = Fixations(*(np.concatenate(part) for part in zip(*others, strict=True)))
        scores["sAUC"] = metrics.sauc(attention, *places, *elsewhere.at(size))
    return scores


def summarise(scores: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return {model: {metric: mean, metric_ci95: [low, high], share_correlation: r, …}}.

    The intervals are of the mean over scenes, with whole videos drawn (percentile bootstrap).
    """
    summary: dict[str, dict[str, Any]] = {}
    names = [
        str(c) for c in scores if c not in ("model", "video_id", "scene_number", *SHARE_METRICS)
    ]
    for model, rows in scores.groupby("model", sort=False):
        figures: dict[str, Any] = {}
        for name in names:
            figures[name] = _finite(rows[name].mean())
            figures[f"{name}_ci95"] = _interval(rows, name)
        figures["share_correlation"] = _finite(rows["share"].corr(rows["recorded_share"]))
        errors = (rows["share"] - rows["recorded_share"]).abs() / rows["recorded_share"]
        figures["share_median_rel_error"] = _finite(errors[rows["recorded_share"] > 0].median())
        summary[str(model)] = figures
    return summary


def _interval(rows: pd.DataFrame, metric: str) -> list[float] | None:
    known = rows.dropna(subset=metric)
    values = known[metric].to_numpy(np.float64)
    interval = clustered_interval(known["video_id"].tolist(), lambda at: float(values[at].mean()))
    return list(interval) if interval else None


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
