"""What observers see when nature changes a scene: the yardstick of every edit's transfer.

    python -m studies.natural_transfer

Scenes of the demo's test videos are drawn again, all equal but their product's vividness, which is
searched until a viewer of the demo looks at it as much as an alpha of 0.5 or 2 asks. Transfer is
the change of an observer's log odds of looking at the product per unit of the change that the judge
sees (`demo/viewers.py`). An observer of people agrees with a simulated viewer in part only, so 1 is
not what an edit should reach: this is.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from demo.drawing import draw_scene, product_outline
from demo.make_corpus import (
    HEIGHT,
    WIDTH,
    VideoPlan,
    plan_corpus,
    sample_ad_style,
    sample_corpus_scene,
)
from demo.scenes import SceneSpec
from demo.viewers import attention_map, attention_share, saliency_density
from pipeline.attention.models import AttentionModel, load_attention_model
from pipeline.ground.errors import GazeshiftError
from pipeline.ground.files import write_text
from pipeline.pictures.tensors import tensor_of
from pipeline.proof.statistics import clustered_interval
from pipeline.scenes.split import TEST, split_of

ALPHAS = (0.5, 2.0)
OBSERVERS = ("people_a", "people_b", "centre_surround", "spectral_residual")
RESULTS = Path(__file__).with_suffix(".json")
_SIZE = (HEIGHT, WIDTH)
# Beyond these a product cannot be seen, or cannot be more vivid.
_LEAST, _MOST = 0.02, 1.0
_HALVINGS = 7


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write the figures; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, default=Path(), help="which models/people is below")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the figures")
    parser.add_argument("--scenes", type=int, default=9, help="of each video, at most")
    parser.add_argument("--seed", type=int, default=2026, help="of the corpus")
    parser.add_argument("--observers", nargs="+", default=OBSERVERS)
    options = parser.parse_args(arguments)
    try:
        models = {name: load_attention_model(name, options.root) for name in options.observers}
    except GazeshiftError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    rows = pd.DataFrame(measure(drawn_scenes(options.seed, options.scenes), models))
    write_text(options.results, json.dumps(summarise(rows, list(models)), indent=1) + "\n")
    return 0


def drawn_scenes(seed: int, scenes: int) -> list[tuple[str, SceneSpec]]:
    """Return the first scenes of each test video, with the video's id."""
    plans = [plan for plan in plan_corpus(seed) if split_of(plan.video_id) == TEST]
    return [(plan.video_id, scene) for plan in plans for scene in _scenes(plan, scenes)]


def _scenes(plan: VideoPlan, scenes: int) -> Iterator[SceneSpec]:
    style = sample_ad_style(plan.rng(0), plan.product_class)
    for number in range(min(scenes, len(plan.scene_frames))):
        yield sample_corpus_scene(plan, style, number)


def measure(
    scenes: Sequence[tuple[str, SceneSpec]], models: dict[str, AttentionModel]
) -> Iterator[dict[str, Any]]:
    """Yield a row per scene and alpha: how much the judge's and the models' log odds change."""
    for video, scene in tqdm(scenes, desc="scenes", mininterval=5):
        assert scene.product is not None
        mask = _mask(scene)
        original = _drawn(scene, scene.product.vividness)
        before = _log_odds(original, mask, models)
        for alpha in ALPHAS:
            vividness = _searched(scene, mask, alpha)
            after = _log_odds(_drawn(scene, vividness), mask, models)
            changes = {name: after[name] - before[name] for name in before}
            reached = _LEAST < vividness < _MOST
            yield {"video": video, "alpha": alpha, "reached": reached, **changes}


def summarise(rows: pd.DataFrame, models: Sequence[str]) -> dict[str, Any]:
    """Return each model's transfer with its interval over videos, and its correlation."""
    found: dict[str, Any] = {
        "scenes": len(rows) // len(ALPHAS),
        "videos": int(rows["video"].nunique()),
        "reached": {str(alpha): int(own["reached"].sum()) for alpha, own in rows.groupby("alpha")},
    }
    judge = rows["judge"].to_numpy()
    for model in models:
        seen = rows[model].to_numpy()

        def transfer(chosen: NDArray[np.intp], seen: NDArray[np.float64] = seen) -> float:
            return float((seen[chosen] * judge[chosen]).sum() / (judge[chosen] ** 2).sum())

        interval = clustered_interval(rows["video"].tolist(), transfer)
        found[model] = {
            "transfer": round(transfer(np.arange(len(rows))), 3),
            "transfer_ci95": interval and [round(bound, 3) for bound in interval],
            "transfer_at": {
                str(alpha): round(transfer(np.flatnonzero(rows["alpha"] == alpha)), 3)
                for alpha in ALPHAS
            },
            "right_way": round(float((np.sign(seen) == np.sign(judge)).mean()), 3),
            "correlation": round(float(np.corrcoef(seen, judge)[0, 1]), 3),
        }
    return found


def _searched(scene: SceneSpec, mask: NDArray[np.uint8], alpha: float) -> float:
    """Return the vividness at which the log odds have changed by log(alpha), or the nearest."""
    assert scene.product is not None

    def odds(vividness: float) -> float:
        density = saliency_density(_drawn(scene, vividness))
        return _logit(attention_share(density, mask))

    wanted = odds(scene.product.vividness) + np.log(alpha)
    low, high = _LEAST, _MOST
    if odds(high) <= wanted:
        return high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if odds(middle) < wanted else (low, middle)
    return low if low == _LEAST else (low + high) / 2


def _log_odds(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], models: dict[str, AttentionModel]
) -> dict[str, float]:
    shares = {"judge": attention_share(attention_map(image), mask)}
    with torch.inference_mode():
        for name, model in models.items():
            shares[name] = attention_share(model.maps(tensor_of(image[None]))[0].numpy(), mask)
    return {name: _logit(share) for name, share in shares.items()}


def _logit(share: float) -> float:
    limited = min(max(share, 1e-4), 1 - 1e-4)
    return float(np.log(limited / (1 - limited)))


def _drawn(scene: SceneSpec, vividness: float) -> NDArray[np.uint8]:
    """Return the scene at its middle, its product this vivid, all else equal."""
    assert scene.product is not None
    changed = replace(scene, product=replace(scene.product, vividness=vividness))
    return draw_scene(changed, scene.duration_s / 2, _SIZE)


def _mask(scene: SceneSpec) -> NDArray[np.uint8]:
    mask = np.zeros(_SIZE, np.uint8)
    outline = product_outline(scene, scene.duration_s / 2, _SIZE)
    cv2.fillPoly(mask, [np.round(polygon).astype(np.int32) for polygon in outline], 1)
    return mask


if __name__ == "__main__":
    raise SystemExit(main())
