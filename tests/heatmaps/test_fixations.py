"""Fixations to maps, against values worked out by hand and against a blurred image."""

import cv2
import numpy as np
import pytest

from pipeline.heatmaps.fixations import fixation_map, time_within


def test_one_fixation_is_one_gaussian() -> None:
    heatmap = fixation_map(np.array([20.5]), np.array([30.5]), np.array([2.0]), (60, 40), sigma=5)
    assert heatmap.dtype == np.float32
    assert heatmap[30, 20] == heatmap.max() == 2
    assert heatmap[30, 25] == pytest.approx(2 * np.exp(-0.5))
    assert heatmap[40, 25] == pytest.approx(2 * np.exp(-0.5 * (4 + 1)))


def test_longer_fixations_weigh_more() -> None:
    x, y = np.array([10.5, 70.5]), np.array([10.5, 10.5])
    heatmap = fixation_map(x, y, np.array([0.2, 0.6]), (20, 80), sigma=4)
    assert heatmap[10, 70] / heatmap[10, 10] == pytest.approx(3)


def test_fixations_off_the_frame_or_without_time_do_not_count() -> None:
    x = np.array([-0.1, 40.0, 5.0, 5.0, np.nan])
    y = np.array([5.0, 5.0, 60.0, 5.0, 5.0])
    seconds = np.array([1.0, 1.0, 1.0, 0.0, 1.0])
    assert not fixation_map(x, y, seconds, (60, 40), sigma=5).any()
    assert not fixation_map(x[:0], y[:0], seconds[:0], (60, 40), sigma=5).any()


def test_the_map_is_a_blurred_image_of_the_fixations() -> None:
    random = np.random.default_rng(0)
    columns, rows = random.integers(0, 90, 200), random.integers(0, 160, 200)
    seconds = random.uniform(0.1, 0.5, 200)
    impulses = np.zeros((160, 90))
    np.add.at(impulses, (rows, columns), seconds)
    blurred = cv2.GaussianBlur(impulses, (121, 121), 9, borderType=cv2.BORDER_CONSTANT)
    heatmap = fixation_map(columns + 0.5, rows + 0.5, seconds, (160, 90), sigma=9)
    assert heatmap / heatmap.max() == pytest.approx(blurred / blurred.max(), abs=1e-4)


@pytest.mark.parametrize(
    ("onset", "duration", "seconds"),
    [(1.2, 0.3, 0.3), (0.9, 0.3, 0.2), (1.9, 0.3, 0.1), (0.5, 3, 1), (0, 1, 0), (2, 1, 0)],
    ids=["inside", "from before", "beyond the end", "all of it", "before", "after"],
)
def test_a_fixation_counts_with_its_time_in_the_scene(onset, duration, seconds) -> None:
    within = time_within(np.array([onset]), np.array([duration]), 1.0, 2.0)
    assert within == pytest.approx([seconds])
