"""One way to resize: area means, whatever computes them."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from sklearn.datasets import load_sample_image

from pipeline.pictures.resizing import resize

PHOTOGRAPH = cv2.resize(load_sample_image("china.jpg"), (720, 1280), interpolation=cv2.INTER_CUBIC)


def area_means(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize(
    "size", [(512, 512), (1279, 719), (640, 360), (333, 100), (20, 12), (8, 8), (4, 5)]
)
@pytest.mark.parametrize("pixels", [PHOTOGRAPH, PHOTOGRAPH[..., 0]], ids=["RGB", "grey"])
def test_shrinking_is_within_a_level_of_area_means(
    pixels: np.ndarray, size: tuple[int, int]
) -> None:
    difference = np.abs(resize(pixels, size).astype(int) - area_means(pixels, size))
    assert difference.max() <= 1
    assert difference.mean() <= 0.02


def test_a_mean_of_four_is_known() -> None:
    pixels = np.array([[0, 100, 10, 10], [100, 200, 10, 10]], np.uint8)
    assert resize(pixels, (1, 2)).tolist() == [[100, 10]]


@pytest.mark.parametrize("level", [0, 1, 127, 128, 254, 255])
def test_a_constant_stays_what_it_is(level: int) -> None:
    assert (resize(np.full((1280, 720), level, np.uint8), (511, 377)) == level).all()


@pytest.mark.parametrize("size", [(512, 512), (640, 360), (128, 128)])
def test_a_mask_over_half_is_the_same(size: tuple[int, int]) -> None:
    mask = cv2.ellipse(np.zeros((1280, 720), np.uint8), (300, 500), (211, 97), 31, 0, 360, 255, -1)
    np.testing.assert_array_equal(resize(mask, size) > 127, area_means(mask, size) > 127)


def test_views_that_are_not_contiguous_are_taken() -> None:
    mirrored = PHOTOGRAPH[:, ::-1, 1]
    np.testing.assert_array_equal(resize(mirrored, (64, 36)), resize(mirrored.copy(), (64, 36)))


def test_floats_and_enlarging_are_opencv_s() -> None:
    heatmap = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    np.testing.assert_allclose(resize(heatmap, (4, 4)), area_means(heatmap, (4, 4)))
    assert resize(heatmap, (16, 16)).shape == (16, 16)


def test_threads_do_not_disturb_each_other() -> None:
    crops = [PHOTOGRAPH[top : top + 900, :, 0] for top in range(0, 320, 10)]
    expected = [resize(crop, (128, 96)) for crop in crops]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda crop: resize(crop, (128, 96)), crops))
    np.testing.assert_array_equal(found, expected)
