"""A damaged or wrong model is named with its file and the remedy, and never used."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from safetensors.torch import load_file, save_file

from pipeline.diffusion.backbone import Backbone, load_backbone
from pipeline.diffusion.controlnet import conditioning_channels, load_controlnet
from pipeline.ground.errors import InputError

WEIGHTS = {
    "unet": "unet/diffusion_pytorch_model.safetensors",
    "vae": "vae/diffusion_pytorch_model.safetensors",
    "text_encoder": "text_encoder/model.safetensors",
}
SCHEDULER = "scheduler/scheduler_config.json"
TOKENIZER = "tokenizer/tokenizer.json"
TOKENIZER_CONFIG = "tokenizer/tokenizer_config.json"
Damage = Callable[[Path], object]
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 603\n"


def settings(file: str, **values: object) -> Damage:
    """Change settings of a JSON file."""

    def damage(folder: Path) -> None:
        path = folder / file
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return damage


def content(file: str, text: bytes) -> Damage:
    return lambda folder: (folder / file).write_bytes(text)


def gone(file: str) -> Damage:
    return lambda folder: (folder / file).unlink()


def cut(file: str) -> Damage:
    return lambda folder: (folder / file).write_bytes((folder / file).read_bytes()[:-9])


def half(file: str) -> Damage:
    """As a download that broke off leaves it."""

    def damage(folder: Path) -> None:
        whole = (folder / file).read_bytes()
        (folder / file).write_bytes(whole[: len(whole) // 2])

    return damage


def tensors(file: str, what: str) -> Damage:
    """Change the first tensor of a file, or add one."""

    def damage(folder: Path) -> None:
        path = folder / file
        weights = load_file(path)
        first = min(weights)
        if what == "missing":
            del weights[first]
        else:
            weights |= {
                "shape": {first: torch.ones(2, 3)},
                "not finite": {first: weights[first] * torch.nan},
                "unknown": {"extra": torch.ones(2)},
            }[what]
        path.unlink()
        save_file(weights, path, {"format": "pt"})

    return damage


def other_kind(name: str, make: Callable[[Path], object]) -> Damage:
    def damage(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return damage


def fewer_merges(folder: Path) -> None:
    path = folder / TOKENIZER
    found = json.loads(path.read_text())
    found["model"]["merges"] = found["model"]["merges"][:9]
    path.write_text(json.dumps(found))


PARTS = {
    f"{part} {name}": (damage(file), rf"{part}\b.*{words}")
    for part, file in WEIGHTS.items()
    for name, damage, words in (
        ("tensor missing", lambda file: tensors(file, "missing"), r"1 missing \("),
        ("tensor unknown", lambda file: tensors(file, "unknown"), r"1 not known to it \(extra\)"),
        ("tensor misshapen", lambda file: tensors(file, "shape"), "shape"),
        ("not finite", lambda file: tensors(file, "not finite"), "not finite"),
        ("weights truncated", cut, r"\.safetensors is no safetensors file"),
        ("weights empty", lambda file: content(file, b""), r"\.safetensors is no safetensors file"),
        ("weights half", half, r"\.safetensors is no safetensors file"),
        ("weights a pointer", lambda file: content(file, POINTER), "Git LFS: `git lfs pull`"),
        ("weights gone", gone, "no file named .*safetensors"),
    )
}
CONFIGS = {
    f"{part} config {name}": (damage(f"{part}/config.json"), rf"{part}/config\.json {words}")
    for part in WEIGHTS
    for name, damage, words in (
        ("garbage", lambda file: content(file, b"{x"), "is no JSON"),
        ("list", lambda file: content(file, b"[]"), "must hold a JSON object, found list"),
        ("gone", gone, "cannot be read"),
    )
}
NO_FILES = {
    f"{file} {name}": (damage(file, make), rf"{file} cannot be read \({words}")
    for file in (
        "unet/config.json",
        "text_encoder/model.safetensors",
        SCHEDULER,
        TOKENIZER,
        TOKENIZER_CONFIG,
    )
    for name, damage, make, words in (
        ("pipe", other_kind, os.mkfifo, "no file: a pipe"),
        ("folder", other_kind, os.mkdir, "Is a directory"),
        ("loop", other_kind, lambda path: path.symlink_to(path.name), "Too many levels"),
        ("lost link", other_kind, lambda path: path.symlink_to("gone"), "No such file"),
    )
}
OTHERS: dict[str, tuple[Damage, str]] = {
    "fewer layers": (settings("text_encoder/config.json", num_hidden_layers=1), "16 not known"),
    "no heads": (settings("text_encoder/config.json", num_attention_heads=0), "ZeroDivision"),
    "scaling": (settings("vae/config.json", scaling_factor="x"), "scaling_factor 'x'"),
    "no scaling": (settings("vae/config.json", scaling_factor=1e-300), "scaling_factor 1e-300"),
    "far shift": (settings("vae/config.json", shift_factor=1e308), "shift_factor 1e.308"),
    "prediction": (settings(SCHEDULER, prediction_type="sample"), "prediction_type sample; known"),
    "schedule": (settings(SCHEDULER, beta_end=5), "no noise schedule"),
    "schedule text": (settings(SCHEDULER, beta_start="a"), "no noise schedule: TypeError"),
    "2 timesteps": (settings(SCHEDULER, num_train_timesteps=2), "2 timesteps end with 0.99"),
    "half the timesteps": (settings(SCHEDULER, num_train_timesteps=450), "must end in noise"),
    "scheduler list": (content(SCHEDULER, b"[1]"), f"{SCHEDULER} must hold a JSON object"),
    "index garbage": (content("model_index.json", b"\xff"), "model_index.json is no JSON"),
    "index list": (content("model_index.json", b"[]"), "model_index.json must hold"),
    "class": (
        settings("model_index.json", unet=["diffusers", "UNet3DConditionModel"]),
        "unet is a UNet3DConditionModel: only UNet2DConditionModel",
    ),
    "tokenizer garbage": (content(TOKENIZER, b"\xff"), "tokenizer holds no CLIPTokenizer"),
    "tokenizer gone": (gone(TOKENIZER), "tokenizer has no vocabulary"),
    "tokenizer cut short": (fewer_merges, "tokenizer has no merges for"),
    "texts not cut": (gone(TOKENIZER_CONFIG), "tokenizer cuts texts at .*text encoder reads 16"),
} | {
    f"texts cut at {limit!r}": (
        settings(TOKENIZER_CONFIG, model_max_length=limit),
        f"cuts texts at {re.escape(repr(limit))} tokens",
    )
    for limit in ("x", [1], -1, 0, 2, 17, 9.5, True)
}
DAMAGES = PARTS | CONFIGS | OTHERS | NO_FILES


@pytest.fixture(scope="module")
def backbone(tiny_backbone: Path) -> Backbone:
    return load_backbone(str(tiny_backbone), Path())


@pytest.mark.parametrize(("damage", "words"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_backbone_is_named(
    tiny_backbone: Path, tmp_path: Path, damage: Damage, words: str
) -> None:
    damage(shutil.copytree(tiny_backbone, tmp_path / "damaged"))
    with pytest.raises(InputError, match=rf"^model\.backbone: .*{words}.*save_pretrained"):
        load_backbone("damaged", tmp_path)


def test_a_byte_order_mark_before_the_index_does_no_harm(
    tiny_backbone: Path, tmp_path: Path
) -> None:
    """Some editors write one."""
    index = shutil.copytree(tiny_backbone, tmp_path / "marked") / "model_index.json"
    index.write_bytes(b"\xef\xbb\xbf" + index.read_bytes())
    assert load_backbone("marked", tmp_path).factor


def test_parts_of_two_models_are_no_backbone(tiny_backbone: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_backbone, tmp_path / "mixed")
    unet = load_backbone("mixed", tmp_path).unet.config
    shutil.rmtree(folder / "unet")
    UNet2DConditionModel.from_config({**unet, "cross_attention_dim": 64}).save_pretrained(
        folder / "unet"
    )
    with pytest.raises(InputError, match="unet reads embeddings of 64, text_encoder makes 32"):
        load_backbone("mixed", tmp_path)


def save_controlnet(backbone: Backbone, folder: Path, **settings: object) -> Path:
    torch.manual_seed(0)
    ControlNetModel.from_unet(
        backbone.unet,
        **{
            "conditioning_channels": 2,
            "conditioning_embedding_out_channels": (4, 8),
            **settings,
        },
    ).save_pretrained(folder)
    return folder


CONTROLNET = "diffusion_pytorch_model.safetensors"
CONTROLNET_DAMAGES = {
    "tensor missing": (tensors(CONTROLNET, "missing"), "1 missing"),
    "not finite": (tensors(CONTROLNET, "not finite"), r"not finite \(.*diverges"),
    "garbage": (content(CONTROLNET, b"garbage" * 9), "is no safetensors file"),
    "config garbage": (content("config.json", b"{"), "config.json is no JSON"),
    "channels": (settings("config.json", conditioning_channels="x"), "conditioning_channels 'x'"),
    **{
        f"{name} {value}": (settings("config.json", **{name: value}), f"{name} {words}")
        for name, value, words in (
            ("controlnet_conditioning_channel_order", "xyz", "'xyz': ours are made with 'rgb'"),
            ("controlnet_conditioning_channel_order", "bgr", "'bgr': ours are made with 'rgb'"),
            ("global_pool_conditions", True, "True: ours are made with False"),
            ("act_fn", "gelu", "is gelu, the backbone's silu"),
            ("attention_head_dim", 2, "is 2, the backbone's 4"),
        )
    },
}


@pytest.mark.parametrize(("damage", "words"), CONTROLNET_DAMAGES.values(), ids=CONTROLNET_DAMAGES)
def test_a_damaged_controlnet_is_named(
    backbone: Backbone, tmp_path: Path, damage: Damage, words: str
) -> None:
    folder = save_controlnet(backbone, tmp_path)
    load_controlnet(folder, backbone)
    damage(folder)
    with pytest.raises(InputError, match=rf"the trained ControlNet: .*{words}.*`dvc repro`"):
        load_controlnet(folder, backbone)


def test_a_controlnet_never_falls_back_on_a_pickle(backbone: Backbone, tmp_path: Path) -> None:
    folder = save_controlnet(backbone, tmp_path)
    torch.save(load_file(folder / CONTROLNET), folder / "diffusion_pytorch_model.bin")
    (folder / CONTROLNET).unlink()
    with pytest.raises(InputError, match="there is no trained ControlNet"):
        load_controlnet(folder, backbone)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"conditioning_embedding_out_channels": (4, 8, 8)}, "shrinks controls by 4"),
        ({"conditioning_channels": 5}, "conditioning_channels 5"),
    ],
    ids=["size", "channels"],
)
def test_a_controlnet_for_other_pictures_or_controls_is_refused(
    backbone: Backbone, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    folder = save_controlnet(backbone, tmp_path, **change)
    with pytest.raises(InputError, match=words):
        load_controlnet(folder, backbone)


def test_a_controlnet_of_another_backbone_is_refused(backbone: Backbone, tmp_path: Path) -> None:
    ControlNetModel(
        block_out_channels=(16, 16),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        layers_per_block=1,
        cross_attention_dim=64,
        attention_head_dim=4,
        norm_num_groups=4,
        conditioning_channels=2,
        conditioning_embedding_out_channels=(4, 8),
    ).save_pretrained(tmp_path)
    assert conditioning_channels(tmp_path) == 2
    with pytest.raises(InputError, match=r"another backbone: cross_attention_dim is 64, .* 32"):
        load_controlnet(tmp_path, backbone)
