"""Train the observers of people on recorded gaze, and report how well they predict it.

    python -m studies.osie.train_observers --data DIR

Each observer's shape and recipe are chosen by cross-validation among the training photographs;
then it is fitted to all of them. The test photographs are looked at once, at the end. The same
files come out on the same kind of machine, whatever is in the cache.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.attention import metrics, readout
from pipeline.attention.blur import blur
from pipeline.attention.people import FOLDER, People, save_people
from pipeline.attention.readout import STRIDE, Backbone, ReadoutConfig, working_size
from pipeline.ground.errors import GazeshiftError
from pipeline.ground.files import digest, replacing, write_text
from studies.osie import fitting
from studies.osie.card import card
from studies.osie.data import VIEWERS, Photograph, cell_counts, fold_of, read_photographs, split_of
from studies.osie.features import cached_features
from studies.osie.fitting import Recipe, cross_entropy, fit, predict
from studies.osie.scoring import (
    Predictor,
    classical,
    map_of,
    score,
    summarise,
    with_interval,
)

LOG = logging.getLogger(__name__)

FOLDS = 3
# Of the mean map, in cells; its width hardly matters.
_BLUR = 3.0
RESULTS = Path(__file__).with_name("results.json")


@dataclass(frozen=True)
class Candidate:
    """A shape and a recipe that the cross-validation tries."""

    blocks: tuple[int, ...]
    width: int
    recipe: Recipe


@dataclass(frozen=True)
class Plan:
    """What one observer is made of, and between what its cross-validation chooses."""

    backbone: Literal["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"]
    head: Literal["joint", "product"]
    candidates: tuple[Candidate, ...]
    area_px: int = 288 * 384

    @property
    def blocks(self) -> list[int]:
        """All that any candidate reads, ascending."""
        return sorted({block for candidate in self.candidates for block in candidate.blocks})


_BLOCKS_A, _BLOCKS_B = (4, 7, 10, 14, 15), (6, 10, 14, 19, 20)
_RECIPE = Recipe(epochs=12)
PLANS = {
    "people_a": Plan(
        "efficientnet_lite0",
        "joint",
        (Candidate(_BLOCKS_A, 16, _RECIPE), Candidate((4, 10), 16, _RECIPE)),
    ),
    "people_b": Plan(
        "efficientnet_lite2",
        "product",
        (Candidate(_BLOCKS_B, 8, _RECIPE), Candidate((14, 19, 20), 8, _RECIPE)),
    ),
}
"""Of different features and heads, so that one may judge where the other guides."""
_CLASSICAL = ("spectral_residual", "centre_surround", "fine_grained")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the study; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="of OSIE, as README.md says")
    parser.add_argument("--out", type=Path, default=FOLDER, help="a folder per observer goes here")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the figures")
    parser.add_argument(
        "--cache", type=Path, default=Path.home() / ".cache/gazeshift/osie", help="of features"
    )
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        results = run(options.data, options.out, options.cache)
    except GazeshiftError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    write_text(options.results, json.dumps(results, indent=1) + "\n")
    write_text(options.out / "README.md", card(results, FOLDS))
    return 0


def run(data: Path, out: Path, cache: Path) -> dict[str, Any]:
    """Train, save and score all observers; return the figures."""
    photographs = read_photographs(data)
    train, val, test = (
        [photograph for photograph in photographs if split_of(photograph.path.name) == split]
        for split in ("train", "val", "test")
    )
    results: dict[str, Any] = {"photographs": dict(Counter(map(_split, photographs)))}
    for name, plan in PLANS.items():
        results[name] = train_observer(name, plan, train, out / name, cache)
    observers = {name: map_of(People(out / name)) for name in PLANS}
    predictors: dict[str, Predictor] = {
        **{name: classical(name) for name in _CLASSICAL},
        **observers,
    }
    results["val"] = summarise(score(val, train, observers))
    results["test"] = summarise(score(test, train, predictors))
    results["people_a_with_people_b"] = with_interval(
        "CC",
        np.array([_alike(photograph, list(observers.values())) for photograph in test]),
    )
    return results


def train_observer(
    name: str, plan: Plan, train: Sequence[Photograph], folder: Path, cache: Path
) -> dict[str, Any]:
    """Choose by cross-validation, fit to all training photographs, save; return what was chosen."""
    blocks = plan.blocks
    key = "_".join([plan.backbone, str(plan.area_px), *map(str, blocks)])
    backbone = Backbone(plan.backbone, blocks)
    features = cached_features(backbone, train, plan.area_px, cache / key)
    cells = _cells(train, plan.area_px)
    counts = torch.stack(
        [torch.from_numpy(cell_counts(photograph, VIEWERS[name], cells)) for photograph in train]
    )
    folds = np.array([fold_of(photograph.path.name, FOLDS) for photograph in train], np.intp)
    rows = []
    for candidate in plan.candidates:
        config, chosen = _of_candidate(plan, candidate, blocks, features)
        done = cache / f"{name}_{digest(key, repr(candidate), repr(folds), _code())}.npy"
        if not done.is_file():
            with replacing(done) as temporary, temporary.open("wb") as file:
                np.save(file, _cross_validated(config, candidate.recipe, chosen, counts, folds))
        bits = np.load(done)
        rows.append({**asdict(candidate), **with_interval("IG", bits)})
        LOG.info("%s: %s", name, rows[-1])
    best = plan.candidates[int(np.argmax([row["IG"] for row in rows]))]
    config, chosen = _of_candidate(plan, best, blocks, features)
    fitted = fit(config, best.recipe, chosen, counts)
    save_people(fitted, folder)
    return {
        "viewers": VIEWERS[name],
        "backbone": plan.backbone,
        "head": plan.head,
        "weights": sum(weights.numel() for weights in fitted.parameters()),
        "cross_validation": rows,
        "chosen": asdict(best),
    }


def _code() -> str:
    """Return a hash of what makes a fit, besides its candidate."""
    return digest(*(Path(str(module.__file__)).read_bytes() for module in (readout, fitting)))


def _cells(photographs: Sequence[Photograph], area_px: int) -> tuple[int, int]:
    [(height, width)] = {photograph.size for photograph in photographs}
    rows, columns = working_size(height, width, area_px)
    return rows // STRIDE, columns // STRIDE


def _of_candidate(
    plan: Plan, candidate: Candidate, blocks: Sequence[int], features: Sequence[Sequence[Tensor]]
) -> tuple[ReadoutConfig, list[list[Tensor]]]:
    """Return the readout's shape, and of each photograph the features that it reads."""
    positions = [blocks.index(block) for block in candidate.blocks]
    chosen = [[own[position] for position in positions] for own in features]
    config = ReadoutConfig(
        backbone=plan.backbone,
        area_px=plan.area_px,
        blocks=candidate.blocks,
        channels=tuple(values.shape[1] for values in chosen[0]),
        head=plan.head,
        width=candidate.width,
    )
    return config, chosen


def _cross_validated(
    config: ReadoutConfig,
    recipe: Recipe,
    features: Sequence[Sequence[Tensor]],
    counts: Tensor,
    folds: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Return each photograph's IG (bits over the others' mean map) where it is held out."""
    cells = (counts.shape[1], counts.shape[2])
    bits = torch.zeros(len(features))
    for fold in np.unique(folds):
        learned, held = (np.flatnonzero(part).tolist() for part in (folds != fold, folds == fold))
        fitted = fit(config, recipe, [features[at] for at in learned], counts[learned])
        found = predict(fitted, [features[at] for at in held], cells)
        prior = torch.from_numpy(
            metrics.density(blur(counts[learned].mean(0), _BLUR), 1e-3)
        ).float()
        chance = cross_entropy(prior.log().expand_as(found), counts[held])
        bits[held] = (chance - cross_entropy(found, counts[held])) / np.log(2)
    return bits.double().numpy()


def _alike(photograph: Photograph, observers: Sequence[Predictor]) -> float:
    first, second = (of(photograph.path) for of in observers)
    return metrics.cc(first, second)


def _split(photograph: Photograph) -> str:
    return split_of(photograph.path.name)


if __name__ == "__main__":
    raise SystemExit(main())
