"""The backbone as a diffusers folder with a model card."""

from __future__ import annotations

import shutil
from copy import deepcopy
from pathlib import Path

from diffusers import AutoencoderKL, StableDiffusionPipeline
from transformers import CLIPTokenizer

from demo.backbone.diffusion import KeywordUNet, make_noise_scheduler
from pipeline.ground.errors import UserFilesError
from pipeline.ground.files import write_text

_INDEX = "model_index.json"
CARD = """---
license: apache-2.0
library_name: diffusers
tags: [text-to-image, gazeshift, demo]
---

# Gazeshift's demo backbone

**A stand-in, not a picture model.** It stands where Stable Diffusion 1.5 stands for real users, so
that Gazeshift's demo can train a ControlNet and edit scenes on a laptop. It has only ever seen
vertical ads drawn by a program: no photograph, no real ad, no person. It was trained on
CPU cores and never saw a GPU. It can draw nothing else, and says nothing about real images.

{figures}

- Made by `python -m demo.train_backbone --out DIR --seed {seed}` on {scenes:,} freshly drawn scenes
  (`demo/scenes.py`), with the vividness of every object spread evenly over {vividness}. Their seeds
  cannot coincide with those of the demo corpus.
- Pictures: {height}×{width} pixels (height × width). Latents: {latents}×{latent_height}×{latent_width}.
- Prompts: the product's name ({classes}), or "" ({dropout:.0%} of the training).
- Predicts v, on Stable Diffusion 1.5's noise schedule. The UNet's and the
  autoencoder's weights are stored in half precision.

Licence: Apache-2.0, as the rest of the repository; no third-party material.
"""  # noqa: E501


def refuse_other_folder(out: Path) -> None:
    """Refuse to replace a folder that is no diffusers folder.

    Raises:
        UserFilesError: `out` has content, but no `model_index.json`.
    """
    if out.exists() and not (out / _INDEX).exists() and (out.is_file() or any(out.iterdir())):
        raise UserFilesError(
            f"{out} is not empty and no diffusers folder (it has no {_INDEX}), and would be "
            "replaced. Choose another folder with --out."
        )


def write_folder(
    out: Path, autoencoder: AutoencoderKL, model: KeywordUNet, tokenizer: CLIPTokenizer, card: str
) -> None:
    """Write the backbone; `out` is replaced as a whole once all is written."""
    pipeline = StableDiffusionPipeline(
        vae=deepcopy(autoencoder).half(),
        # Half would be loaded as half, beside a UNet that diffusers loads as single.
        text_encoder=model.text_encoder,
        tokenizer=tokenizer,
        unet=deepcopy(model.unet).half(),
        scheduler=make_noise_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    fresh, old = out.with_name(f".{out.name}.part"), out.with_name(f".{out.name}.old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    pipeline.save_pretrained(fresh)
    write_text(fresh / "README.md", card)
    refuse_other_folder(out)
    if out.exists():
        out.rename(old)
    fresh.rename(out)
    shutil.rmtree(old, ignore_errors=True)
