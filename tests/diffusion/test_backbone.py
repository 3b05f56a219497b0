import json
import shutil
from pathlib import Path

import pytest
import torch

from pipeline.diffusion.backbone import Backbone, backbone_digest, load_backbone
from pipeline.ground.errors import InputError, ParamsError


@pytest.fixture(scope="module")
def backbone(tiny_backbone: Path) -> Backbone:
    return load_backbone(str(tiny_backbone), Path())


def test_latents_are_scaled_as_the_unet_expects(backbone: Backbone) -> None:
    images = torch.rand(2, 3, 32, 16) * 2 - 1
    latents = backbone.encode_images(images)
    assert latents.shape == (2, 4, 16, 8)
    mode = backbone.vae.encode(images).latent_dist.mode()
    torch.testing.assert_close(latents, (mode - 0.1) * 0.5)
    torch.testing.assert_close(backbone.decode(latents), backbone.vae.decode(mode).sample)
    assert backbone.factor == 2


def test_decoding_is_differentiable_and_weights_are_frozen(backbone: Backbone) -> None:
    latents = torch.zeros(1, 4, 4, 4, requires_grad=True)
    backbone.decode(latents).sum().backward()
    assert latents.grad is not None
    assert latents.grad.abs().sum() > 0
    for model in (backbone.unet, backbone.vae, backbone.text_encoder):
        assert not model.training
        assert not any(weight.requires_grad for weight in model.parameters())


def test_a_text_has_one_embedding_whatever_stands_beside_it(backbone: Backbone) -> None:
    alone = backbone.encode_texts(["cup"])
    together = backbone.encode_texts(["", "cup", "a " * 100])
    assert together.shape == (3, *alone.shape[1:])
    torch.testing.assert_close(together[1:2], alone)
    assert (together[0] - together[1]).abs().max() > 0


def test_the_scheduler_is_the_folders(backbone: Backbone) -> None:
    assert backbone.prediction_type == "v_prediction"
    scheduler = backbone.noise_scheduler()
    assert scheduler.config.beta_start == 0.00085
    assert scheduler.config.prediction_type == "v_prediction"


def test_the_digest_is_of_the_content(tiny_backbone: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_backbone, tmp_path / "elsewhere")
    (copy / "README.md").write_text("a note")
    assert backbone_digest(copy) == backbone_digest(tiny_backbone)
    config = copy / "scheduler/scheduler_config.json"
    config.write_text(config.read_text().replace("v_prediction", "epsilon"))
    assert backbone_digest(copy) != backbone_digest(tiny_backbone)


def test_sdxl_is_refused(tiny_backbone: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_backbone, tmp_path / "sdxl")
    index = json.loads((copy / "model_index.json").read_text())
    index |= {"text_encoder_2": ["transformers", "CLIPTextModelWithProjection"]}
    (copy / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match="SDXL has, which is not supported yet"):
        load_backbone("sdxl", tmp_path)


def test_pickled_weights_are_refused(tiny_backbone: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_backbone, tmp_path / "pickled")
    weights = copy / "unet/diffusion_pytorch_model.safetensors"
    torch.save({}, weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(InputError, match=r"no file named .*\.safetensors"):
        load_backbone("pickled", tmp_path)


@pytest.mark.parametrize("part", ["vae", "tokenizer"])
def test_a_missing_part_is_named(tiny_backbone: Path, tmp_path: Path, part: str) -> None:
    copy = shutil.copytree(tiny_backbone, tmp_path / "partial")
    shutil.rmtree(copy / part)
    with pytest.raises(InputError, match=f"lacks {part}"):
        load_backbone("partial", tmp_path)


def test_a_size_that_pictures_do_not_come_back_with_is_refused(backbone: Backbone) -> None:
    step = backbone.factor
    backbone.check_size((6 * step, 5 * step))
    nearest = rf"multiples of {step}\. The nearest is \[{6 * step}, {5 * step}\]"
    with pytest.raises(ParamsError, match=nearest):
        backbone.check_size((6 * step + 1, 5 * step))


@pytest.mark.parametrize(
    "location", ["models/sd15", "./sd15", "/data/sd15", "a/b/c", "models\\sd15", "here/sd15"]
)
def test_a_folder_that_is_not_there_is_not_looked_for_on_the_hub(
    tmp_path: Path, location: str
) -> None:
    (tmp_path / "here").mkdir()
    with pytest.raises(InputError, match=r"^model\.backbone: there is no folder") as refused:
        load_backbone(location, tmp_path)
    assert "hf download" not in str(refused.value)


def test_a_folder_that_was_not_pulled_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dvc pull models/demo_backbone\.dvc"):
        load_backbone("models/demo_backbone", tmp_path)
