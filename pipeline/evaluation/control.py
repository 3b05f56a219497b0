"""Does the ControlNet read its control? Its losses on the scenes that prove the edits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.diffusion.controlnet import CONTROLNET, load_controlnet, weights_digest
from pipeline.editing.settings import EditParams
from pipeline.errors import InputError
from pipeline.evaluation.settings import EvaluateParams
from pipeline.params import ModelParams
from pipeline.storage.files import digest
from pipeline.storage.workspace import Workspace

if TYPE_CHECKING:
    from pipeline.encoding.reader import EncodedScenes

CODE_VERSION = "3"
ENCODED = "outputs/encoded"


class ControlCheck(NamedTuple):
    """The check that is to be made."""

    key: str
    """A digest of all that its result depends on."""
    controlnet: Path
    scenes: EncodedScenes
    backbone: str
    """Where it is: a folder or a hub's name."""
    draws: int
    batch_size: int
    """Scenes at a time; no part of the key."""
    seed: int


def control_check(workspace: Workspace, params: EvaluateParams) -> ControlCheck:
    """Return the check of the trained ControlNet on the encoded scenes of the chosen part.

    Raises:
        InputError: the ControlNet or the encoded scenes are missing, or are fewer than two.
    """
    from pipeline.encoding.reader import EncodedScenes

    weights = weights_digest(workspace)
    split = None if params.videos == "all" else params.videos
    scenes = EncodedScenes(workspace.path(ENCODED), split)
    if len(scenes) < 2:
        raise InputError(
            f"evaluate.videos is {params.videos!r}: {len(scenes)} encoded scenes belong to that "
            "part, the control check needs two. Add videos, or choose another part."
        )
    manifest = str(sorted(scenes.manifest["files"].items()))
    key = digest(
        weights,
        manifest,
        scenes.backbone,
        str((split, params.control_draws, params.seed)),
        CODE_VERSION,
    )
    return ControlCheck(
        key,
        workspace.path(CONTROLNET),
        scenes,
        ModelParams.load(workspace).backbone,
        params.control_draws,
        EditParams.load(workspace).batch_size,
        params.seed,
    )


def check_control(check: ControlCheck, root: Path) -> list[dict[str, Any]]:
    """Make the check; return one row per scene: its video, and the losses inside the mask."""
    import torch

    from pipeline.diffusion.backbone import load_backbone
    from pipeline.training.control_check import control_losses

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
