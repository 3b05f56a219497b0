"""Histogram contrast: which colour it is counts, not where it is."""

import numpy as np
import pytest
from attention.odd_ones import attention, bars, shuffled, squares, stripes

NAME = "histogram_contrast"


def test_a_red_square_among_green_ones_stands_out() -> None:
    display = squares()
    seen = attention(NAME, display.picture)
    assert display.oddness(seen) > 1.5
    assert display.oddness(shuffled(seen)) < 1.1


def test_a_rare_colour_draws_by_how_unlike_the_others_are() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:16, :16] = 255
    seen = attention(NAME, picture)
    # White is 100 CIELAB units from the 15/16 that are black, black from the 1/16 that is white.
    assert seen[8, 8] - seen[40, 40] == pytest.approx(14 / 16, abs=1e-3)
    assert seen.min() == pytest.approx(0.01)


def test_pixels_that_change_places_take_their_attention_with_them() -> None:
    picture = squares().picture
    order = np.random.default_rng(0).permutation(picture.shape[0] * picture.shape[1])
    mixed = picture.reshape(-1, 3)[order].reshape(picture.shape)
    seen = attention(NAME, picture)
    assert attention(NAME, mixed).ravel() == pytest.approx(seen.ravel()[order], abs=1e-5)
    assert np.ptp(seen) > 0.1


def test_orientation_draws_nothing() -> None:
    display = bars()
    assert 0.9 < display.oddness(attention(NAME, display.picture)) < 1.02
    picture, patch = stripes()
    seen = attention(NAME, picture)
    assert seen[patch].mean() == pytest.approx(seen[~patch].mean(), rel=0.05)


def test_more_colours_than_are_kept_do() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (96, 64, 3), np.uint8)
    seen = attention(NAME, noise)
    # Extreme colours are far from most others.
    extreme = np.abs(noise.astype(float) - 127.5).sum(-1)
    assert np.corrcoef(seen.ravel(), extreme.ravel())[0, 1] > 0.3
