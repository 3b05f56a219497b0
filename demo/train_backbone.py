"""Train the demo's backbone: an autoencoder, then a UNet with its text encoder.

`python -m demo.train_backbone --out DIR [--minutes 60] [--seed 1]` writes a diffusers folder that
`StableDiffusionPipeline` loads. Scenes, latents and checkpoints lie in `DIR.work`; stopped by
Ctrl-C or killed, the same command goes on where the last checkpoint is. The folder is written
anew every ten minutes, so that there is always something to use.

The same seed and number of steps take the same training steps; sums in another order, as another
number of threads gives, change the last digits.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL

from demo.backbone.autoencoder import (
    AutoencoderLoss,
    make_autoencoder,
    set_closed_form,
    set_scaling_factor,
)
from demo.backbone.diffusion import (
    KEYWORD_DROPOUT,
    DiffusionLoss,
    KeywordUNet,
    load_or_encode,
)
from demo.backbone.drawn_scenes import (
    NO_KEYWORD,
    VIVIDNESS,
    DrawnScenes,
    Part,
    load_or_draw,
)
from demo.backbone.figures import measure, write_samples
from demo.backbone.folder import CARD, refuse_other_folder, write_folder
from demo.backbone.text import make_text_encoder, make_tokenizer, tokenize
from demo.backbone.training import Schedule, Trained, fit, seconds_per_step
from demo.products import PRODUCT_CLASSES
from pipeline.ground.errors import GazeshiftError, ParamsError
from pipeline.ground.files import write_text
from pipeline.ground.params import ComputeParams
from pipeline.pictures.tensors import tensor_of

PURPOSE = "Train the demo's backbone on freshly drawn scenes, on a CPU."
# Images that fix the autoencoder's closed form and the latents' scale.
FIT_IMAGES = 96
AUTOENCODER_BATCH = 8
AUTOENCODER_LEARNING_RATE = 1e-3
UNET_LEARNING_RATE = 6e-4
COMPUTE = ComputeParams(backend="loky", n_jobs=-1)


@dataclass(frozen=True)
class Recipe:
    """What is trained, and on how much.

    Attributes:
        image_size: Height and width in pixels, multiples of 16.
        scenes: Scenes to train on.
        held_out: Scenes to validate on.
        latent_channels: Channels of the latents, at a quarter of the image's size.
        autoencoder_channels: At full, half and quarter size.
        autoencoder_steps: Its optimizer steps, of `AUTOENCODER_BATCH` crops each.
        unet_channels: At each level, from the latents' size down.
        text_width: Width of the text encoder.
        batch_size: Scenes in a step of the UNet.
        pause_s: Seconds between checkpoints.
    """

    image_size: tuple[int, int] = (176, 96)
    scenes: int = 18_000
    held_out: int = 128
    latent_channels: int = 12
    autoencoder_channels: tuple[int, ...] = (16, 48, 64)
    autoencoder_steps: int = 1_400
    unet_channels: tuple[int, ...] = (64, 96, 160)
    text_width: int = 128
    batch_size: int = 16
    pause_s: float = 600


def train_backbone(
    recipe: Recipe, out: Path, work: Path, seed: int, *, minutes: float, steps: int | None = None
) -> None:
    """Train a backbone, or go on where a run in `work` stopped, and write it to `out`.

    Args:
        recipe: What is trained.
        out: The diffusers folder to write.
        work: Where scenes, latents and checkpoints are kept.
        seed: Of scenes, weights and steps.
        minutes: About how long to train the UNet, at the pace of the first steps.
        steps: Train it for so many steps instead.

    Raises:
        UserFilesError: `out` has content, but is no diffusers folder.
        ParamsError: `work` holds another training.
    """
    refuse_other_folder(out)
    _claim(work / "recipe.json", recipe, seed)
    drawn = partial(
        load_or_draw,
        work / "scenes",
        seed=seed,
        image_size=recipe.image_size,
        compute=COMPUTE,
    )
    training = drawn(Part("training", recipe.scenes))
    held_out = drawn(Part("validation", recipe.held_out))
    tokenizer = make_tokenizer()
    autoencoder_training = train_autoencoder(recipe, training, work, seed)
    autoencoder = autoencoder_training.averaged
    encode = partial(load_or_encode, autoencoder=autoencoder, tokenizer=tokenizer)
    latents = encode(work / "latents.npy", scenes=training)
    unseen = encode(work / "held_out_latents.npy", scenes=held_out)

    torch.manual_seed(seed)
    latent_size = latents.latents.shape[2:]
    text_encoder = make_text_encoder(tokenizer, recipe.text_width)
    model = KeywordUNet(latent_size, recipe.latent_channels, recipe.unet_channels, text_encoder)
    loss = DiffusionLoss(model, latents, recipe.batch_size, seed)
    schedule = Schedule(
        steps or _planned_steps(work / "plan.json", model, loss, minutes), UNET_LEARNING_RATE
    )

    def publish(trained: Trained[KeywordUNet]) -> None:
        figures = measure(autoencoder, trained.averaged, held_out, unseen, recipe.batch_size)
        figures["Training of the UNet"] = _effort(trained)
        figures["Training of the autoencoder"] = _effort(autoencoder_training)
        write_text(work / f"figures-{trained.steps:06d}.json", json.dumps(figures, indent=2))
        tokens = tokenize(tokenizer, [NO_KEYWORD, *PRODUCT_CLASSES])
        write_samples(
            work / f"samples-{trained.steps:06d}.png", autoencoder, trained.averaged, tokens
        )
        card = make_card(recipe, autoencoder, figures, seed)
        write_folder(out, autoencoder, trained.averaged, tokenizer, card)

    publish(
        fit(
            model,
            loss,
            schedule,
            work / "unet.pt",
            "training the UNet",
            pause_s=recipe.pause_s,
            on_pause=publish,
        )
    )


def train_autoencoder(
    recipe: Recipe, training: DrawnScenes, work: Path, seed: int
) -> Trained[AutoencoderKL]:
    """Train the autoencoder from its closed form; its scaling factor is set."""
    torch.manual_seed(seed)
    autoencoder = make_autoencoder(recipe.autoencoder_channels, recipe.latent_channels)
    checkpoint = work / "autoencoder.pt"
    if not checkpoint.exists():
        set_closed_form(autoencoder, tensor_of(training.images[:FIT_IMAGES]))
    trained = fit(
        autoencoder,
        AutoencoderLoss(autoencoder, training.images, AUTOENCODER_BATCH, seed),
        Schedule(recipe.autoencoder_steps, AUTOENCODER_LEARNING_RATE),
        checkpoint,
        "training the autoencoder",
        pause_s=recipe.pause_s,
        on_pause=lambda _: None,
    )
    set_scaling_factor(trained.averaged, training.images[:FIT_IMAGES])
    return trained


def _claim(path: Path, recipe: Recipe, seed: int) -> None:
    """Refuse to go on with what another recipe or seed has begun."""
    ours = json.dumps({"seed": seed, **asdict(recipe)}, indent=2)
    if not path.exists():
        write_text(path, ours)
    elif path.read_text(encoding="utf-8") != ours:
        raise ParamsError(
            f"{path} says that another training was begun there, with another seed or recipe. "
            f"Choose another folder with --out, or delete {path.parent} to begin anew."
        )


def _planned_steps(path: Path, model: KeywordUNet, loss: DiffusionLoss, minutes: float) -> int:
    """Return the steps that fit into the time; a run that goes on keeps its plan."""
    if not path.exists():
        steps = max(1, round(60 * minutes / seconds_per_step(model, loss)))
        write_text(path, json.dumps({"unet_steps": steps}))
    return int(json.loads(path.read_text(encoding="utf-8"))["unet_steps"])


def make_card(
    recipe: Recipe, autoencoder: AutoencoderKL, figures: dict[str, str], seed: int
) -> str:
    """Return the model card."""
    height, width = recipe.image_size
    factor = 2 ** (len(autoencoder.config.block_out_channels) - 1)
    rows = [f"| {name} | {value} |" for name, value in figures.items()]
    return CARD.format(
        figures="\n".join(["| on held-out scenes | |", "|---|---|", *rows]),
        seed=seed,
        scenes=recipe.scenes,
        vividness=f"{VIVIDNESS[0]} to {VIVIDNESS[1]}",
        height=height,
        width=width,
        latents=recipe.latent_channels,
        latent_height=height // factor,
        latent_width=width // factor,
        classes=", ".join(PRODUCT_CLASSES),
        dropout=KEYWORD_DROPOUT,
    )


def _effort(trained: Trained[Any]) -> str:
    minutes, threads = trained.seconds / 60, torch.get_num_threads()
    return f"{trained.steps:,} steps, {minutes:.0f} minutes, {threads} CPU threads"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m demo.train_backbone", description=PURPOSE)
    parser.add_argument("--out", type=Path, required=True, help="diffusers folder to write")
    parser.add_argument("--minutes", type=float, default=60, help="about how long the UNet trains")
    parser.add_argument("--steps", type=int, help="train the UNet for so many steps instead")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another backbone")
    options = parser.parse_args(arguments)
    work = options.out.with_name(f"{options.out.name}.work")
    try:
        train_backbone(
            Recipe(),
            options.out,
            work,
            options.seed,
            minutes=options.minutes,
            steps=options.steps,
        )
    except GazeshiftError as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    except KeyboardInterrupt:
        parser.exit(130, f"{parser.prog}: stopped; the same command goes on from {work}\n")


if __name__ == "__main__":
    main()
