"""Tests of pipeline.pictures.contrast."""

import numpy as np
import pytest

from pipeline.pictures.contrast import scale_contrast, surroundings

MASK = np.zeros((40, 40), bool)
MASK[12:28, 12:28] = True
AROUND = np.full((40, 40, 3), 100, np.uint8)
PRODUCT = np.where(MASK[..., None], 130, AROUND).astype(np.uint8)


def test_what_lies_around_goes_on_behind_the_region() -> None:
    np.testing.assert_allclose(surroundings(PRODUCT, MASK)[MASK], 100, atol=1e-3)


def test_it_goes_on_as_a_slope_and_the_near_side_counts_most() -> None:
    slope = np.repeat(np.linspace(60, 140, 40).astype(np.uint8)[None, :, None], 40, 0)
    picture = np.where(MASK[..., None], 255, np.repeat(slope, 3, 2)).astype(np.uint8)
    behind = surroundings(picture, MASK)[20, 12:28, 0]
    assert (np.diff(behind) > 0).all()
    assert behind[0] < 90 < 110 < behind[-1]


@pytest.mark.parametrize(
    ("factor", "level"), [(0, 100), (0.5, 115), (1, 130), (2, 160), (9, 255)], ids=str
)
def test_contrast_is_scaled_inside_and_nothing_changes_outside(factor: float, level: int) -> None:
    weight = MASK.astype(np.float32)
    edited = scale_contrast(PRODUCT, surroundings(PRODUCT, MASK), weight, factor)
    assert (edited[MASK] == level).all()
    np.testing.assert_array_equal(edited[~MASK], PRODUCT[~MASK])


def test_half_a_weight_takes_half_of_the_change() -> None:
    weight = MASK.astype(np.float32) / 2
    edited = scale_contrast(PRODUCT, surroundings(PRODUCT, MASK), weight, 2)
    assert (edited[MASK] == 145).all()
