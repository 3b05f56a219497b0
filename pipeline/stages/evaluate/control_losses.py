"""The ControlNet's losses on scenes, under their own and under other controls."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.ground.code import Key

if TYPE_CHECKING:
    from torch.utils.data import Dataset

    from pipeline.editing.cache import Cache
    from pipeline.learning.control_check import ControlLosses
    from pipeline.learning.dose_loss import DoseLosses
    from pipeline.learning.params import DistilParams


class ControlCheck(NamedTuple):
    """The check that is to be made."""

    key: Key
    """What its result depends on."""
    controlnet: Path
    scenes: Dataset[Any]
    backbone: str
    """Where it is: a folder or a hub's name."""
    draws: int
    batch_size: int
    """Scenes at a time; no part of the key."""
    seed: int


class DoseCheck(NamedTuple):
    """The check of a ControlNet that carries the dose, by the loss that it was trained for."""

    key: Key
    """What its result depends on."""
    controlnet: Path
    frozen: Path
    """What it learned from."""
    rows: Sequence[dict[Any, Any]]
    """Of the scene table."""
    backbone: str
    """Where it is: a folder or a hub's name."""
    guide: str
    distil: DistilParams
    image_size: tuple[int, int]
    feather_px: float
    draws: int
    seed: int
    cache: Cache
    """Of ladders."""


def check_dose(check: DoseCheck, root: Path) -> list[dict[str, Any]]:
    """Make the check; return one row per scene: its video, and the losses in the region.

    `shuffled` has the scene's own maps with the shift that another scene is asked for, `zero` its
    unchanged control, which asks for nothing.
    """
    import torch

    from pipeline.attention.models import load_attention_model
    from pipeline.diffusion.backbone import load_backbone
    from pipeline.diffusion.controlnet import load_controlnet
    from pipeline.learning.dose_loss import dose_losses
    from pipeline.learning.ladders import LadderMaker, read_ladders

    device = "cuda" if torch.cuda.is_available() else "cpu"
    backbone = load_backbone(check.backbone, root, device=device)
    guide = load_attention_model(check.guide, root, device, "edit.guide")
    maker = LadderMaker(backbone, guide, check.distil.factors, check.feather_px, check.image_size)
    losses = dose_losses(
        backbone,
        load_controlnet(check.controlnet, backbone),
        load_controlnet(check.frozen, backbone),
        read_ladders(check.rows, maker, root, check.seed, check.cache),
        depth=check.distil.depth,
        largest=check.distil.largest_shift,
        draws=check.draws,
        seed=check.seed,
    )
    return _rows([row["video_id"] for row in check.rows], losses)


def check_control(check: ControlCheck | DoseCheck, root: Path) -> list[dict[str, Any]]:
    """Make the check; return one row per scene: its video, and the losses inside the mask."""
    if isinstance(check, DoseCheck):
        return check_dose(check, root)
    import torch

    from pipeline.diffusion.backbone import load_backbone
    from pipeline.diffusion.controlnet import load_controlnet
    from pipeline.learning.control_check import control_losses

    device = "cuda" if torch.cuda.is_available() else "cpu"
    backbone = load_backbone(check.backbone, root, device=device)
    controlnet = load_controlnet(check.controlnet, backbone)
    losses = control_losses(
        backbone,
        controlnet,
        check.scenes,
        batch_size=check.batch_size,
        draws=check.draws,
        seed=check.seed,
    )
    return _rows(losses.video_ids, losses)


def _rows(videos: Sequence[str], losses: ControlLosses | DoseLosses) -> list[dict[str, Any]]:
    columns = zip(videos, losses.true, losses.shuffled, losses.zero, strict=True)
    return [
        {"video_id": video, "true": float(true), "shuffled": float(other), "zero": float(zero)}
        for video, true, other, zero in columns
    ]
