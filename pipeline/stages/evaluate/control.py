"""Does the ControlNet read its control? Its losses on the scenes that prove the edits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.diffusion.controlnet import load_controlnet, weights_digest
from pipeline.editing.params import EditParams
from pipeline.ground.artefacts import CONTROLNET, ENCODED
from pipeline.ground.code import Key
from pipeline.ground.errors import InputError
from pipeline.ground.files import digest
from pipeline.ground.params import ModelParams
from pipeline.ground.workspace import Workspace
from pipeline.proof.params import EvaluateParams
from pipeline.stages.evaluate.proofs import SCENE
from pipeline.stages.evaluate.scene_table import chosen_scenes

if TYPE_CHECKING:
    from torch.utils.data import Dataset


# By their names: torch is imported where it is used.
_CHECKED, _BACKBONE = "pipeline.learning.control_check", "pipeline.diffusion.backbone"


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


def control_check(workspace: Workspace, params: EvaluateParams) -> ControlCheck:
    """Return the check of the trained ControlNet on the encoded scenes of the chosen part.

    Scenes whose heatmap is a model's guess are left out, as in the rest of the proof.

    Raises:
        InputError: the ControlNet or the encoded scenes are missing, or are fewer than two.
    """
    from torch.utils.data import Subset

    from pipeline.learning.encoded import EncodedScenes

    weights = weights_digest(workspace.path(CONTROLNET))
    split = None if params.videos == "all" else params.videos
    encoded = EncodedScenes(workspace.path(ENCODED), split)
    table = chosen_scenes(workspace, params)
    observed = table.loc[table["heatmap_source"] != "predicted", SCENE]
    known = set(observed.itertuples(index=False, name=None))
    rows = zip(encoded.table["video_id"], encoded.table["scene_number"], strict=True)
    scenes = Subset(encoded, [place for place, scene in enumerate(rows) if scene in known])
    if len(scenes) < 2:
        raise InputError(
            f"evaluate.videos is {params.videos!r}: {len(scenes)} encoded scenes belong to that "
            "part and have a heatmap that was recorded or imported, the control check needs two. "
            "Add videos, or choose another part."
        )
    manifest = str(sorted(encoded.manifest["files"].items()))
    inputs = digest(
        weights,
        manifest,
        encoded.backbone,
        str((scenes.indices, params.control_draws, params.seed)),
    )
    return ControlCheck(
        Key(inputs, (_CHECKED, _BACKBONE)),
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
