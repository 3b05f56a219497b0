"""How a readout is fitted: the likelihood of recorded fixations."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.attention.readout import Readout, ReadoutConfig


@dataclass(frozen=True)
class Recipe:
    """What is chosen by cross-validation, besides the readout's shape.

    Attributes:
        epochs: passes over the photographs.
        learning_rate: at its highest.
        weight_decay: of AdamW.
        dropout: share of the hidden channels left out.
        batch_size: photographs of one step.
        average: of the weights, over about so many steps (an exponential moving average).
    """

    epochs: int = 20
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    dropout: float = 0.1
    batch_size: int = 16
    average: int = 50


def fit(
    config: ReadoutConfig,
    recipe: Recipe,
    features: Sequence[Sequence[Tensor]],
    counts: Tensor,
    seed: int = 0,
) -> Readout:
    """Return a readout fitted to fixations.

    Args:
        config: the readout's shape.
        recipe: how to fit it.
        features: of each photograph, as `cached_features` gives them.
        counts: photographs×rows×columns; each photograph's fixations as shares of cells.
        seed: of first weights, order, mirroring and dropout.
    """
    torch.manual_seed(seed)
    readout = Readout(config, recipe.dropout)
    for number in range(len(config.channels)):
        values = torch.cat([own[number].float().movedim(1, 0).flatten(1) for own in features], 1)
        readout.standardise(number, values.mean(1), values.std(1))
    averaged = copy.deepcopy(readout)
    optimiser = torch.optim.AdamW(
        readout.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    steps = recipe.epochs * -(-len(features) // recipe.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, total_steps=steps, pct_start=0.1
    )
    cells = (counts.shape[1], counts.shape[2])
    sides = (counts, counts.flip(-1))
    step = 0
    for _ in range(recipe.epochs):
        for batch in torch.randperm(len(features)).split(recipe.batch_size):
            mirrored = torch.randint(2, (len(batch),))
            pairs = list(zip(batch.tolist(), mirrored.tolist(), strict=True))
            inputs = [
                torch.stack([features[at][number][side] for at, side in pairs]).float()
                for number in range(len(config.channels))
            ]
            wanted = torch.stack([sides[side][at] for at, side in pairs])
            loss = cross_entropy(readout(inputs, cells), wanted).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            step += 1
            keep = min(1 - 1 / recipe.average, step / (step + 10))
            with torch.no_grad():
                for mean, current in zip(averaged.parameters(), readout.parameters(), strict=True):
                    mean.lerp_(current, 1 - keep)
    return averaged.eval().requires_grad_(False)


def cross_entropy(log_densities: Tensor, counts: Tensor) -> Tensor:
    """Return each photograph's mean negative log density of its fixations, in nats."""
    return -(counts * log_densities).flatten(1).sum(1)


@torch.inference_mode()
def predict(
    readout: Readout, features: Sequence[Sequence[Tensor]], cells: tuple[int, int]
) -> Tensor:
    """Return log densities, photographs×rows×columns."""
    found = [readout([values[:1].float() for values in own], cells)[0] for own in features]
    return torch.stack(found)
