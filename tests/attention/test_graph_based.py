"""Graph-based saliency: where random walks settle."""

import numpy as np
import pytest
from attention.odd_ones import GREEN, attention, shuffled, squares, stripes

from pipeline.attention.graph_based import activation, concentrated

NAME = "graph_based"


def settled(weights: np.ndarray) -> np.ndarray:
    """Return where a walk with those weights is after many steps, by taking them."""
    steps = weights / weights.sum(1, keepdims=True)
    # Now and then it stays, so that it does not swing between two halves.
    return np.linalg.matrix_power((np.eye(len(weights)) + steps) / 2, 2**20)[0]


def near(shape: tuple[int, int], reach: float) -> np.ndarray:
    """Return a Gaussian of the distance of all pairs of nodes."""
    places = np.stack(np.indices(shape), -1).reshape(-1, 2)
    squared = ((places[:, None] - places) ** 2).sum(-1)
    return np.exp(-0.5 * squared / (reach * np.mean(shape)) ** 2)


def test_what_walks_settle_at_is_what_steps_lead_to() -> None:
    feature = np.random.default_rng(0).random((7, 5)).astype(np.float32)
    values = feature.ravel()
    unlike = np.abs(values[:, None] - values) * near((7, 5), 0.15)
    active = activation(feature)
    assert active.ravel() == pytest.approx(settled(unlike), rel=1e-4)
    drawing = active.ravel() * near((7, 5), 0.06)
    assert concentrated(active).ravel() == pytest.approx(settled(drawing), rel=1e-3)


def test_a_walk_between_places_all_alike_is_everywhere() -> None:
    flat = np.full((7, 5), 0.4, np.float32)
    assert concentrated(activation(flat)) == pytest.approx(1 / 35)
    assert activation(flat + np.float32(1e-4) * np.eye(7, 5, dtype=np.float32)) == pytest.approx(
        1 / 35
    )


def test_a_red_square_among_green_ones_stands_out() -> None:
    display = squares()
    seen = attention(NAME, display.picture)
    assert display.oddness(seen) > 3
    assert display.oddness(shuffled(seen)) < 1.1


def test_none_of_many_alike_stands_out() -> None:
    display = squares(GREEN)
    assert display.oddness(attention(NAME, display.picture)) == pytest.approx(1, abs=0.1)


def test_a_patch_of_other_stripes_stands_out() -> None:
    picture, patch = stripes()
    seen = attention(NAME, picture)
    assert seen[patch].mean() > 2 * seen[~patch].mean()
    mixed = shuffled(seen)
    assert mixed[patch].mean() == pytest.approx(mixed[~patch].mean(), rel=0.1)


def test_brightness_as_such_draws_nothing() -> None:
    picture, _ = stripes()
    brighter = attention(NAME, picture + np.uint8(50))
    assert brighter == pytest.approx(attention(NAME, picture), rel=1e-3)
