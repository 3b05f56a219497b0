"""Attention models: one interface, whoever made the model."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_image

from pipeline.attention.models import NAMES, load_attention_model
from pipeline.ground.errors import ParamsError
from pipeline.pictures.tensors import pixels_of, tensor_of

INSTALLED = importlib.util.find_spec("mediaattention") is not None
OWN = ("centre_surround", "spectral_residual")
# "ads" and "unisal" fetch their weights.
OFFLINE = [name for name in NAMES if name not in ("mediaattention:ads", "mediaattention:unisal")]


def maps(name: str, pixels: np.ndarray) -> np.ndarray:
    return load_attention_model(name, Path()).maps(tensor_of(pixels[None]))[0].numpy()


def red_dot() -> np.ndarray:
    image = np.full((96, 64, 3), 128, np.uint8)
    image[60:68, 40:48] = (220, 30, 30)
    return image


@pytest.mark.parametrize("name", OWN)
def test_a_red_dot_on_grey_draws_attention(name: str) -> None:
    attention = maps(name, red_dot())
    row, column = np.unravel_index(attention.argmax(), attention.shape)
    assert abs(row - 64) <= 8
    assert abs(column - 44) <= 8


@pytest.mark.parametrize("name", OFFLINE)
def test_every_model_gives_a_map_of_the_images_size(name: str) -> None:
    if name.startswith("mediaattention") and not INSTALLED:
        pytest.skip("mediaattention is not installed")
    model = load_attention_model(name, Path())
    noise = np.random.default_rng(0).integers(0, 256, (2, 96, 64, 3), np.uint8)
    attention = model.maps(tensor_of(noise))
    assert attention.shape == (2, 96, 64)
    assert attention.dtype == torch.float32
    assert torch.isfinite(attention).all()
    assert attention.min() >= 0
    assert attention.max() > 0
    assert model.name == name
    assert len(model.digest) == 32


@pytest.mark.parametrize("name", OWN)
def test_the_flower_in_a_photograph_draws_attention(name: str) -> None:
    attention = maps(name, load_sample_image("flower.jpg"))
    # The flower is left of and above the centre; it must draw more than the dark right edge.
    assert attention[:, :500].mean() > 1.5 * attention[:, 560:].mean()


@pytest.mark.parametrize("name", OWN)
def test_a_picture_gets_the_same_map_in_any_company(name: str) -> None:
    model = load_attention_model(name, Path())
    noise = np.random.default_rng(0).integers(0, 256, (1, 96, 64, 3), np.uint8)
    both = model.maps(tensor_of(np.concatenate([red_dot()[None], noise])))
    np.testing.assert_allclose(both[0].numpy(), maps(name, red_dot()), atol=1e-6)


def test_more_contrast_draws_more_and_the_gradient_says_so() -> None:
    model = load_attention_model("centre_surround", Path())
    assert model.differentiable
    image = tensor_of(red_dot()[None])
    dot = torch.zeros(96, 64, dtype=torch.bool)
    dot[60:68, 40:48] = True
    contrast = torch.tensor(1.0, requires_grad=True)
    # The grey around the dot is 128, which is 1/255 in [-1, 1].
    changed = torch.where(dot, contrast * (image - 1 / 255) + 1 / 255, image)
    attention = model.maps(changed)
    (attention[0][dot].sum() / attention.sum()).backward()
    assert contrast.grad is not None
    assert contrast.grad > 0.05


def test_pixels_survive_the_way_there_and_back() -> None:
    levels = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    np.testing.assert_array_equal(pixels_of(tensor_of(levels)), levels)


@pytest.mark.skipif(INSTALLED, reason="installed")
def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(ParamsError, match=r"pip install 'gazeshift\[mediaattention\]'"):
        load_attention_model("mediaattention:ads", Path())


def test_an_unknown_model_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="'deepgaze' is no attention model: name one of centre_"):
        load_attention_model("deepgaze", tmp_path)
