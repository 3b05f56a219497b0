"""CIEDE2000 against its authors' test data; what counts as burnt, and as turned."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.pictures.colour import burnt, ciede2000, colour_similarity, hue_turned, lab_of, tinted
from pipeline.pictures.likeness import structure_similarity

# Table 1 of Sharma, Wu & Dalal 2005: L, a, b of two colours, and their difference.
SHARMA = np.array(
    [
        (50, 2.6772, -79.7751, 50, 0, -82.7485, 2.0425),
        (50, 3.1571, -77.2803, 50, 0, -82.7485, 2.8615),
        (50, 2.8361, -74.0200, 50, 0, -82.7485, 3.4412),
        (50, -1.3802, -84.2814, 50, 0, -82.7485, 1),
        (50, -1.1848, -84.8006, 50, 0, -82.7485, 1),
        (50, -0.9009, -85.5211, 50, 0, -82.7485, 1),
        (50, 0, 0, 50, -1, 2, 2.3669),
        (50, -1, 2, 50, 0, 0, 2.3669),
        (50, 2.49, -0.001, 50, -2.49, 0.0009, 7.1792),
        (50, 2.49, -0.001, 50, -2.49, 0.0010, 7.1792),
        (50, 2.49, -0.001, 50, -2.49, 0.0011, 7.2195),
        (50, 2.49, -0.001, 50, -2.49, 0.0012, 7.2195),
        (50, -0.001, 2.49, 50, 0.0009, -2.49, 4.8045),
        (50, -0.001, 2.49, 50, 0.0010, -2.49, 4.8045),
        (50, -0.001, 2.49, 50, 0.0011, -2.49, 4.7461),
        (50, 2.5, 0, 50, 0, -2.5, 4.3065),
        (50, 2.5, 0, 73, 25, -18, 27.1492),
        (50, 2.5, 0, 61, -5, 29, 22.8977),
        (50, 2.5, 0, 56, -27, -3, 31.9030),
        (50, 2.5, 0, 58, 24, 15, 19.4535),
        (50, 2.5, 0, 50, 3.1736, 0.5854, 1),
        (50, 2.5, 0, 50, 3.2972, 0, 1),
        (50, 2.5, 0, 50, 1.8634, 0.5757, 1),
        (50, 2.5, 0, 50, 3.2592, 0.3350, 1),
        (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644),
        (63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630),
        (61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731),
        (35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645),
        (22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373),
        (36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146),
        (90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441),
        (90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381),
        (6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377),
        (2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082),
    ]
)
ALL = np.ones((2, 2), bool)


def picture(*colours: tuple[int, int, int]) -> np.ndarray:
    return np.array(colours, np.uint8).reshape(2, 2, 3)


def test_the_papers_pairs_in_both_orders() -> None:
    one, other, wanted = SHARMA[:, :3], SHARMA[:, 3:6], SHARMA[:, 6]
    np.testing.assert_allclose(ciede2000(one, other), wanted, atol=5e-5)
    np.testing.assert_allclose(ciede2000(other, one), wanted, atol=5e-5)


def test_white_and_a_primary_in_lab() -> None:
    lab = lab_of(np.array([[255, 255, 255], [255, 0, 0]], np.uint8))
    np.testing.assert_allclose(lab[0], (100, 0, 0), atol=0.1)
    np.testing.assert_allclose(lab[1], (53.24, 80.09, 67.20), atol=0.3)


def test_burnt_is_what_became_black_or_white_by_the_edit() -> None:
    before = picture((255, 255, 255), (200, 200, 200), (30, 30, 30), (200, 0, 0))
    after = picture((255, 255, 255), (255, 252, 251), (2, 0, 3), (255, 0, 0))
    assert burnt(before, after, ALL) == pytest.approx(0.5)
    assert burnt(before, after, np.array([[True, False], [False, True]])) == 0


def test_a_hue_turns_where_there_is_one() -> None:
    yellow, orange, grey = (230, 210, 40), (240, 140, 40), (120, 121, 120)
    before = picture(yellow, yellow, grey, grey)
    after = picture(orange, (200, 180, 30), (121, 120, 120), orange)
    assert hue_turned(before, after, ALL, 20) == pytest.approx(0.25)


def test_the_similarity_of_grey_pictures_is_that_of_their_luminance() -> None:
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 256, (40, 30, 1), np.uint8)
    before, after = (np.repeat(grey, 3, 2) for grey in (levels, levels // 2 + 40))
    np.testing.assert_allclose(
        colour_similarity(before, after), structure_similarity(before, after), atol=1e-6
    )
    swapped = before.copy()
    swapped[..., 0] = 255 - before[..., 0]
    assert colour_similarity(before, swapped).mean() < 0.7


def test_a_tint_makes_the_difference_asked_for_where_it_is_let() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(60, 190, (12, 10, 3), np.uint8)
    weight = np.zeros((12, 10), np.float32)
    weight[2:9, 3:8] = 1
    mask = weight > 0
    made = tinted(pixels, weight, direction=1.0, difference=6.0, mask=mask)
    difference = ciede2000(lab_of(pixels), lab_of(made))
    assert difference[mask].mean() == pytest.approx(6, abs=0.4)
    assert (made[~mask] == pixels[~mask]).all()
    # Lightness stays, but where sRGB ends.
    lightness = np.abs(lab_of(made) - lab_of(pixels))[mask, 0]
    assert np.median(lightness) < 1
