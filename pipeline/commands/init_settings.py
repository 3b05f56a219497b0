"""What `gazeshift init` sets in params.yaml, by the inputs that are there and what was chosen."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pipeline.ground.artefacts import CUTS_CSV, FIXATIONS, IMPORT, KEYWORDS, PREDICTOR, VIDEOS
from pipeline.ground.damage import SIGNS
from pipeline.ground.errors import ParamsError, first_line
from pipeline.ground.params import ModelParams
from pipeline.learning.params import DistilParams
from pipeline.proof.params import EvaluateParams
from pipeline.stages.train.params import TrainParams

ANNOTATIONS = "data/annotations"
OWN_CUTS = f"{IMPORT}/video_scene_cuts"
OWN_MASKS = f"{IMPORT}/keyword_masks"
OWN_HEATMAPS = f"{IMPORT}/attention_heatmap"
INPUTS = (VIDEOS, KEYWORDS, ANNOTATIONS, FIXATIONS, OWN_CUTS, OWN_MASKS, OWN_HEATMAPS)
"""What people give, by its place; the first two are always needed, or cuts in place of videos."""

MASK_INPUTS = {"annotations": ANNOTATIONS, "folder": OWN_MASKS, "clipseg": KEYWORDS}
ATTENTION_INPUTS = {"fixations": FIXATIONS, "folder": OWN_HEATMAPS, "saliency": CUTS_CSV}
"""{source: input} of the stages that find the product, and attention."""

GUIDE_OF_PEOPLE, JUDGE_OF_PEOPLE = "people_a", "people_b"
"""They learned from the gaze of different people."""

# Stable Diffusion 1.5's; of one that lies below the root, its configuration says it.
_SIDE, _UNIT = 512, 64

Settings = dict[str, Any]
"""{"section.parameter": value}."""


class Choices(NamedTuple):
    """What was found or asked."""

    cuts: Literal["videos", "folder"]
    masks: Literal["annotations", "folder", "clipseg"]
    attention: Literal["fixations", "folder", "saliency"]
    pixels_per_degree: float | None
    """Only of fixations."""
    backbone: str
    aspect: float
    """Width by height of most scenes."""


def ingest_settings(choices: Choices) -> Settings:
    """Return where scenes, masks and attention come from."""
    settings: Settings = {
        "scene_cuts.source": choices.cuts,
        "scene_cuts.input": VIDEOS if choices.cuts == "videos" else OWN_CUTS,
        "keyword_masks.source": choices.masks,
        "keyword_masks.input": MASK_INPUTS[choices.masks],
        "attention_heatmap.source": choices.attention,
        "attention_heatmap.input": ATTENTION_INPUTS[choices.attention],
    }
    if choices.pixels_per_degree is not None:
        settings["attention_heatmap.pixels_per_degree"] = choices.pixels_per_degree
    if choices.attention == "saliency":
        settings["attention_heatmap.model"] = GUIDE_OF_PEOPLE
    return settings


def observer_settings(choices: Choices) -> Settings:
    """Return who guides, judges and looks on, and what is proven, in place of the demo's."""
    guide = guide_of(choices.attention)
    panel = [name for name in EvaluateParams().panel if name not in (guide, JUDGE_OF_PEOPLE)]
    return {
        "edit.videos": "all",
        "edit.guide": guide,
        "render.videos": "all",
        "evaluate.judge": JUDGE_OF_PEOPLE,
        "evaluate.panel": panel,
        "evaluate.counterfactual": None,
    }


def guide_of(attention: str) -> str:
    """Return the guide that fits a source: learned from recorded gaze, where there is any."""
    return PREDICTOR if attention == "fixations" else GUIDE_OF_PEOPLE


def backbone_settings(choices: Choices, root: Path) -> Settings:
    """Return the size that suits the backbone and the pictures, and how it is trained on.

    Raises:
        ParamsError: its configuration is damaged.
    """
    settings: Settings = {
        "image_size": image_size(root / choices.backbone, choices.aspect),
        "model.backbone": choices.backbone,
    }
    if choices.backbone == ModelParams().backbone:
        return settings
    return settings | {
        "encode.batch_size": 4,
        "encode.flip": False,
        **_defaults(TrainParams()),
        # For 24 GB; the README has a table of cards.
        "train.batch_size": 1,
        "train.accumulate": 64,
        "train.gradient_checkpointing": True,
        **_defaults(DistilParams(), but="depth"),  # which is as deep as edits go
        "edit.batch_size": 2,
    }


def _defaults(section: TrainParams | DistilParams, but: str = "") -> Settings:
    values = section.model_dump(mode="json", exclude={but})
    return {f"{section.name}.{name}": value for name, value in values.items()}


def image_size(backbone: Path, aspect: float) -> list[int]:
    """Return the height and width that suit a backbone and pictures of an aspect.

    They are multiples of what its autoencoder and UNet halve by, of about the area that it was
    trained at, and of about the pictures' width by height: what both together miss least.

    Raises:
        ParamsError: the backbone's configuration is damaged.
    """
    area, unit = float(_SIDE**2), _UNIT
    unet, vae = (backbone / part / "config.json" for part in ("unet", "vae"))
    if unet.is_file() and vae.is_file():
        try:
            described = json.loads(unet.read_text(encoding="utf-8"))
            halvings = len(json.loads(vae.read_text(encoding="utf-8"))["block_out_channels"]) - 1
            sample = described["sample_size"]
            sides = sample if isinstance(sample, list) else [sample, sample]
            area = float(math.prod(side << halvings for side in sides))
            unit = 1 << halvings + len(described["block_out_channels"]) - 1
        except SIGNS as error:
            raise ParamsError(
                f"model.backbone: {backbone} describes no UNet and autoencoder of diffusers "
                f"({type(error).__name__}: {first_line(error)})."
            ) from error
    longest = range(1, 2 + 4 * math.isqrt(int(area)) // unit)

    def missed(size: Sequence[int]) -> float:
        height, width = size
        return abs(math.log(width / height / aspect)) + abs(math.log(width * height / area))

    return min(([h * unit, w * unit] for h in longest for w in longest), key=missed)


def changed(values: Mapping[str, Any], settings: Settings) -> Settings:
    """Return those settings that differ from the values of params.yaml."""
    return {name: value for name, value in settings.items() if value_of(values, name, ...) != value}


def value_of(values: Mapping[str, Any], name: str, default: Any = None) -> Any:
    """Return the value at `section.parameter`, or of what has no section."""
    section, _, parameter = name.partition(".")
    inside = values.get(section, default)
    if not parameter:
        return inside
    return inside.get(parameter, default) if isinstance(inside, Mapping) else default
