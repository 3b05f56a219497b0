from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_scenes import TinyScenes

from pipeline.diffusion import precision
from pipeline.diffusion.backbone import Backbone, load_backbone
from pipeline.stages.train.callbacks import draw_samples
from pipeline.stages.train.controlnet_module import ControlNetModule
from pipeline.stages.train.params import TrainParams


@pytest.fixture(scope="module")
def backbone(tiny_backbone: Path) -> Backbone:
    return load_backbone(str(tiny_backbone), Path())


@pytest.mark.parametrize(
    ("wanted", "autocast"), [("bf16-mixed", True), ("auto", True), ("32-true", False)]
)
def test_samples_are_drawn_one_by_one_in_the_precision_of_the_training(
    backbone: Backbone, monkeypatch: pytest.MonkeyPatch, wanted: Any, autocast: bool
) -> None:
    monkeypatch.setattr(precision, "half_type", lambda device: torch.bfloat16)
    params = TrainParams(embedding_channels=(4, 8), precision=wanted)
    module = ControlNetModule(backbone, params, backbone.encode_texts([""])[0])
    seen = set()
    handle = backbone.unet.register_forward_pre_hook(
        lambda unet, inputs: seen.add((len(inputs[0]), torch.is_autocast_enabled("cpu")))
    )
    samples = [TinyScenes(3)[place] for place in range(3)]
    picture = draw_samples(module, samples)
    handle.remove()
    assert seen == {(1, autocast)}
    assert picture.shape == (3 * 24, 3 * 16, 3)
