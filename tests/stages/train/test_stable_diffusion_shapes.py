"""Stable Diffusion 1.5's shapes through encode and train: real sizes, random weights."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from scene_trees import videos_of, write_scene_tree

from demo.backbone.text import make_tokenizer
from pipeline.ground import artefacts

ROOT = Path(__file__).parents[3]
TRAIN = {
    "steps": 2,
    "batch_size": 1,
    "warmup_steps": 1,
    "gradient_checkpointing": True,
    "val_every": 2,
    "val_draws": 1,
    "samples": 0,
}


def save_random_stable_diffusion(folder: Path) -> None:
    """Save random weights in the shapes of Stable Diffusion 1.5 (from its published configs)."""
    import torch
    from diffusers import (
        AutoencoderKL,
        PNDMScheduler,
        StableDiffusionPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    tokenizer = make_tokenizer()
    tokenizer.model_max_length = 77
    StableDiffusionPipeline(
        unet=UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8),
        vae=AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            sample_size=512,
        ),
        text_encoder=CLIPTextModel(
            CLIPTextConfig(
                vocab_size=49408,
                hidden_size=768,
                intermediate_size=3072,
                num_hidden_layers=12,
                num_attention_heads=12,
                max_position_embeddings=77,
                bos_token_id=tokenizer.bos_token_id,
                eos_token_id=tokenizer.eos_token_id,
            )
        ),
        tokenizer=tokenizer,
        scheduler=PNDMScheduler(
            beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)


def run(stage: str, root: Path) -> None:
    command = [sys.executable, "-m", "pipeline", stage, "--root", str(root)]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=root, check=True)


@pytest.mark.slow
def test_two_steps_and_a_validation_at_512(tmp_path, capsys) -> None:
    videos = dict.fromkeys([*videos_of("train", 1), *videos_of("val", 1)], 2)
    write_scene_tree(tmp_path, videos, size=(640, 640), image_size=(512, 512))
    save_random_stable_diffusion(tmp_path / "models/sd")
    params = {"image_size": 512, "model": {"backbone": "models/sd"}, "train": TRAIN}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    run("encode", tmp_path)
    run("train", tmp_path)
    metrics = json.loads((tmp_path / artefacts.TRAIN_METRICS).read_text())
    assert metrics["steps"] == 2
    assert metrics["val_loss"] > 0
    config = json.loads((tmp_path / artefacts.TRAINING / "controlnet/config.json").read_text())
    assert config["block_out_channels"] == [320, 640, 1280, 1280]
    assert config["conditioning_channels"] == 2
    peak_gb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    with capsys.disabled():
        sys.stdout.write(f"\npeak memory of a stage: {peak_gb:.1f} GB\n")
