"""The ControlNet's losses on scenes, under their own and under other controls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.ground.code import Key

if TYPE_CHECKING:
    from torch.utils.data import Dataset


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


def check_control(check: ControlCheck, root: Path) -> list[dict[str, Any]]:
    """Make the check; return one row per scene: its video, and the losses inside the mask."""
    import torch

    from pipeline.diffusion.backbone import load_backbone
    from pipeline.diffusion.controlnet import load_controlnet
    from pipeline.learning.control_check import control_losses

    device = "cuda" if torch.cuda.is_available() else "cpu"
    backbone = load_backbone(check.backbone, root, device=device)
    controlnet = load_controlnet(check.controlnet, device)
    losses = control_losses(
        backbone,
        controlnet,
        check.scenes,
        batch_size=check.batch_size,
        draws=check.draws,
        seed=check.seed,
    )
    columns = zip(losses.video_ids, losses.true, losses.shuffled, losses.zero, strict=True)
    return [
        {"video_id": video, "true": float(true), "shuffled": float(other), "zero": float(zero)}
        for video, true, other, zero in columns
    ]
