"""Saliency models: one call, whoever made the model."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from sklearn.datasets import load_sample_image

from pipeline.errors import ParamsError
from pipeline.saliency.models import load_model


def test_a_red_dot_on_grey_is_salient() -> None:
    image = np.full((96, 64, 3), 128, np.uint8)
    image[60:68, 40:48] = (220, 30, 30)
    heatmap = load_model("spectral_residual")(image)
    row, column = np.unravel_index(heatmap.argmax(), heatmap.shape)
    assert abs(row - 64) <= 8
    assert abs(column - 44) <= 8


@pytest.mark.parametrize("name", ["spectral_residual", "mediaattention:spectral"])
def test_every_model_gives_a_map_of_the_images_size(name: str) -> None:
    if name.startswith("mediaattention"):
        pytest.importorskip("mediaattention")
    heatmap = load_model(name)(np.random.default_rng(0).integers(0, 256, (96, 64, 3), np.uint8))
    assert heatmap.shape == (96, 64)
    assert heatmap.dtype == np.float32
    assert 0 <= heatmap.min() < heatmap.max() < np.inf


def test_the_flower_in_a_photograph_is_salient() -> None:
    heatmap = load_model("spectral_residual")(load_sample_image("flower.jpg"))
    # The flower is left of and above the centre; it must draw more than the dark right edge.
    assert heatmap[:, :500].mean() > 1.5 * heatmap[:, 560:].mean()


@pytest.mark.skipif(importlib.util.find_spec("mediaattention") is not None, reason="installed")
def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(ParamsError, match=r"pip install 'gazeshift\[mediaattention\]'"):
        load_model("mediaattention:ads")
