"""Does the ControlNet read its control? Which scenes prove it, and what the answer depends on."""

from __future__ import annotations

from pipeline.diffusion.controlnet import weights_digest
from pipeline.editing.params import EditParams
from pipeline.ground.artefacts import CONTROLNET, ENCODED
from pipeline.ground.code import Key
from pipeline.ground.errors import InputError
from pipeline.ground.files import digest
from pipeline.ground.params import ModelParams
from pipeline.ground.workspace import Workspace
from pipeline.proof.params import EvaluateParams
from pipeline.stages.evaluate.control_losses import ControlCheck, check_control
from pipeline.stages.evaluate.figures import SCENE
from pipeline.stages.evaluate.scene_table import chosen_scenes


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
        Key(inputs, (check_control.__module__, EncodedScenes.__module__)),
        workspace.path(CONTROLNET),
        scenes,
        ModelParams.load(workspace).backbone,
        params.control_draws,
        EditParams.load(workspace).batch_size,
        params.seed,
    )
