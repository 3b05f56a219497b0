import math

import cv2
import numpy as np
import pytest
import torch

from pipeline.pictures.likeness import psnr_db, structure_similarity, texture_ratio
from pipeline.pictures.tensors import images_psnr_db

RNG = np.random.default_rng(0)
SCENE = cv2.GaussianBlur(RNG.integers(0, 256, (64, 48, 3), dtype=np.uint8), (0, 0), 1.0)
MASK = np.zeros((64, 48), bool)
MASK[20:44, 12:36] = True


def grey(level: int) -> np.ndarray:
    return np.full((64, 48, 3), level, np.uint8)


def test_the_same_picture_has_all_of_its_structure_and_texture() -> None:
    assert structure_similarity(SCENE, SCENE)[MASK].mean() == pytest.approx(1)
    assert texture_ratio(SCENE, SCENE, MASK) == pytest.approx(1)


def test_flat_pictures_differ_by_the_luminance_term_alone() -> None:
    c1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 120 + c1) / (100**2 + 120**2 + c1)
    assert structure_similarity(grey(100), grey(120))[MASK].mean() == pytest.approx(
        expected, abs=1e-4
    )


def test_it_is_the_published_formula() -> None:
    """Against a plain transcription: means, variances and covariance under the Gaussian window."""
    noisy = np.clip(SCENE + RNG.normal(0, 20, SCENE.shape), 0, 255).astype(np.uint8)
    x, y = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY).astype(float) for p in (SCENE, noisy))

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(values, (11, 11), 1.5)

    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    luminance = (2 * mean(x) * mean(y) + c1) / (mean(x) ** 2 + mean(y) ** 2 + c1)
    covariance = mean(x * y) - mean(x) * mean(y)
    variances = mean(x * x) - mean(x) ** 2 + mean(y * y) - mean(y) ** 2
    expected = (luminance * (2 * covariance + c2) / (variances + c2))[MASK].mean()
    assert structure_similarity(SCENE, noisy)[MASK].mean() == pytest.approx(expected, abs=1e-3)
    assert expected < 0.9


def test_only_the_mask_counts() -> None:
    elsewhere = SCENE.copy()
    elsewhere[:10] = 255 - elsewhere[:10]
    assert structure_similarity(SCENE, elsewhere)[MASK].mean() == pytest.approx(1, abs=1e-4)
    assert texture_ratio(SCENE, elsewhere, MASK) == pytest.approx(1)


def test_halved_contrast_has_a_quarter_of_the_texture_and_none_has_no_ratio() -> None:
    halved = np.clip(128 + (SCENE.astype(float) - 128) / 2, 0, 255).round().astype(np.uint8)
    assert texture_ratio(SCENE, halved, MASK) == pytest.approx(0.25, rel=0.03)
    assert texture_ratio(grey(90), SCENE, MASK) is None


def test_psnr_counts_the_weighted_pixels_alone() -> None:
    difference = torch.zeros(1, 3, 2, 2)
    difference[..., 0] = 0.2
    half = torch.tensor([[[[1.0, 0.0], [1.0, 0.0]]]])
    assert images_psnr_db(difference).item() == pytest.approx(10 * math.log10(4 / 0.02), abs=1e-4)
    assert images_psnr_db(difference, half).item() == pytest.approx(20, abs=1e-4)


def test_psnr_of_pictures_by_hand() -> None:
    assert psnr_db(np.array([0, 255, 255, 0])) == pytest.approx(10 * math.log10(2))
    assert psnr_db(np.zeros(4, np.int16)) is None
