"""Does the ControlNet read its control? Which scenes prove it, and what the answer depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.diffusion.controlnet import WITH_DOSE, conditioning_channels, weights_digest
from pipeline.editing.loading import shared_cache
from pipeline.editing.params import EditParams
from pipeline.ground.artefacts import CONTROLNET, ENCODED
from pipeline.ground.code import Key
from pipeline.ground.errors import InputError
from pipeline.ground.files import digest
from pipeline.ground.params import ModelParams, load_image_size
from pipeline.ground.workspace import Workspace
from pipeline.learning.params import DistilParams
from pipeline.proof.params import EvaluateParams
from pipeline.stages.evaluate.control_losses import ControlCheck, DoseCheck, check_control
from pipeline.stages.evaluate.figures import SCENE
from pipeline.stages.evaluate.scene_table import chosen_scenes

if TYPE_CHECKING:
    import pandas as pd

# Imported where the check is made.
_DOSE_MAKERS = ("pipeline.learning.dose_loss", "pipeline.learning.ladders")


def control_check(workspace: Workspace, params: EvaluateParams) -> ControlCheck | DoseCheck:
    """Return the check of the ControlNet that edits, on the scenes of the chosen part.

    Scenes whose heatmap is a model's guess are left out, as in the rest of the proof.

    Raises:
        InputError: the ControlNet or the scenes are missing, or are fewer than two.
    """
    edit = EditParams.load(workspace)
    table = chosen_scenes(workspace, params)
    observed = table[table["heatmap_source"] != "predicted"]
    if len(observed) < 2:
        raise InputError(
            f"evaluate.videos is {params.videos!r}: {len(observed)} scenes belong to that part and "
            "have a heatmap that was recorded or imported, the control check needs two. Add "
            "videos, or choose another part."
        )
    if conditioning_channels(workspace.path(edit.controlnet)) == WITH_DOSE:
        return _dose_check(workspace, params, edit, observed)
    return _heatmap_check(workspace, params, edit, observed)


def _dose_check(
    workspace: Workspace, params: EvaluateParams, edit: EditParams, observed: pd.DataFrame
) -> DoseCheck:
    from pipeline.attention.models import load_attention_model
    from pipeline.diffusion.backbone import backbone_digest, backbone_folder

    distil, size = DistilParams.load(workspace), load_image_size(workspace)
    location = ModelParams.load(workspace).backbone
    guide = load_attention_model(edit.guide, workspace.root, parameter="edit.guide")
    weights = [weights_digest(workspace.path(path)) for path in (edit.controlnet, CONTROLNET)]
    taught = distil.model_dump_json(include={"factors", "depth", "largest_shift"})
    inputs = digest(
        *weights,
        backbone_digest(backbone_folder(location, workspace.root)),
        guide.digest,
        *observed["digest"],
        taught,
        str((size, edit.feather_px, params.control_draws, params.seed)),
    )
    return DoseCheck(
        Key(inputs, (check_control.__module__, *_DOSE_MAKERS, *guide.makers)),
        workspace.path(edit.controlnet),
        workspace.path(CONTROLNET),
        observed.to_dict("records"),
        location,
        edit.guide,
        distil,
        size,
        edit.feather_px,
        params.control_draws,
        params.seed,
        shared_cache(workspace, edit),
    )


def _heatmap_check(
    workspace: Workspace, params: EvaluateParams, edit: EditParams, observed: pd.DataFrame
) -> ControlCheck:
    from torch.utils.data import Subset

    from pipeline.learning.encoded import EncodedScenes

    weights = weights_digest(workspace.path(edit.controlnet))
    split = None if params.videos == "all" else params.videos
    encoded = EncodedScenes(workspace.path(ENCODED), split)
    known = set(observed[SCENE].itertuples(index=False, name=None))
    rows = zip(encoded.table["video_id"], encoded.table["scene_number"], strict=True)
    scenes = Subset(encoded, [place for place, scene in enumerate(rows) if scene in known])
    if len(scenes) < len(observed):
        raise InputError(
            f"{ENCODED} has {len(scenes)} of the {len(observed)} scenes that the control check "
            "needs. Run `dvc repro encode`."
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
        workspace.path(edit.controlnet),
        scenes,
        ModelParams.load(workspace).backbone,
        params.control_draws,
        edit.batch_size,
        params.seed,
    )
