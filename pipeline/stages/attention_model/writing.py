"""The files of a trained predictor: weights, scores on held-out videos, the curve of its losses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.attention.predictor import Predictor, parameters_of, save_predictor
from pipeline.ground.files import write_text
from pipeline.ground.tables import write_table
from pipeline.scenes.split import TEST, TRAIN, VAL
from pipeline.stages.attention_model import scoring

if TYPE_CHECKING:
    from pipeline.attention.models import AttentionModel
    from pipeline.attention.network import AttentionNetwork
    from pipeline.stages.attention_model.scoring import Fixations
    from pipeline.stages.attention_model.training import RecordedScenes


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
        metrics: JSON to write, all figures.
        headline: JSON to write, the few that `dvc exp show` lists.
        scores: CSV to write, a row per scene and model.
        losses: CSV to write, a row per epoch.
    """
    save_predictor(network, folder)
    prior = scoring.mean_heatmap(parts[TRAIN])
    report: dict[str, Any] = {"parameters": parameters_of(network), "epochs": len(curve)}
    all_scores = []
    for part in (VAL, TEST):
        scenes = parts[part]
        if not len(scenes):
            continue
        found = scoring.score_scenes(
            scenes, {"predictor": Predictor(folder), **models}, prior, fixations[part]
        )
        report[part] = {
            "n_scenes": len(scenes),
            "n_videos": int(scenes.table["video_id"].nunique()),
            **scoring.summarise(found),
        }
        all_scores.append(found.assign(split=part))
    shown = {"CC": report[TEST]["predictor"]["CC"]} if TEST in report else {}
    for path, figures in ((metrics, report), (headline, shown)):
        write_text(path, json.dumps(figures, indent=1) + "\n")
    write_table(scores, pd.concat(all_scores) if all_scores else pd.DataFrame())
    write_table(losses, pd.DataFrame(curve))
