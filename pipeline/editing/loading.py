"""The models of the stages that edit, from where earlier stages and params say they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pipeline.diffusion.controlnet import load_controlnet, weights_digest
from pipeline.editing.cache import Cache, TensorCache
from pipeline.editing.denoiser import Denoiser
from pipeline.editing.editor import SceneEditor, editor_key
from pipeline.editing.params import EditParams
from pipeline.editing.prepare import preparation_key
from pipeline.ground.errors import ParamsError
from pipeline.ground.files import digest
from pipeline.ground.params import ModelParams, load_image_size
from pipeline.ground.workspace import Workspace

if TYPE_CHECKING:
    from diffusers import ControlNetModel

    from pipeline.attention.models import AttentionModel
    from pipeline.diffusion.backbone import Backbone


class EditModels(NamedTuple):
    """Frozen models on their device, and a digest of them all."""

    backbone: Backbone
    controlnet: ControlNetModel
    guide: AttentionModel
    digest: str


def load_models(workspace: Workspace, params: EditParams) -> EditModels:
    """Load backbone, ControlNet and guide; on a GPU where there is one.

    Raises:
        InputError: the ControlNet or the guide has not been trained, or a model is damaged.
        ParamsError: the guide has no gradient, but gradient guidance is on.
    """
    import torch

    from pipeline.attention.models import load_attention_model
    from pipeline.diffusion.backbone import load_backbone

    weights = weights_digest(workspace.path(params.controlnet))
    torch.manual_seed(params.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    location = ModelParams.load(workspace).backbone
    backbone = load_backbone(location, workspace.root, device=device)
    backbone.check_size(load_image_size(workspace))
    controlnet = load_controlnet(workspace.path(params.controlnet), backbone)
    guide = load_attention_model(params.guide, workspace.root, device, "edit.guide")
    if params.gradient_strength and not guide.differentiable:
        raise ParamsError(
            f"edit.guide: {params.guide} has no gradient, but edit.gradient_strength is "
            f"{params.gradient_strength:g}. Set it to 0, or choose a differentiable guide."
        )
    version = digest(backbone.digest, weights, guide.digest)
    return EditModels(backbone, controlnet, guide, version)


def current_editor_key(workspace: Workspace) -> str:
    """Return the key of the editor that models and params make now, without loading the backbone.

    Edits and their proof carry the key of the editor that made them (`SceneEditor.key`).

    Raises:
        InputError: the ControlNet or the guide has not been trained, or there is no backbone.
    """
    from pipeline.attention.models import load_attention_model
    from pipeline.diffusion.backbone import backbone_digest, backbone_folder

    params = EditParams.load(workspace)
    folder = backbone_folder(ModelParams.load(workspace).backbone, workspace.root)
    guide = load_attention_model(params.guide, workspace.root, parameter="edit.guide")
    models = digest(
        backbone_digest(folder), weights_digest(workspace.path(params.controlnet)), guide.digest
    )
    return editor_key(preparation_key(models, params, uses_control=True), params)


def make_editor(
    models: EditModels, params: EditParams, cache: Cache, uses_control: bool = True
) -> SceneEditor:
    """Return an editor that keeps inversions and edits in `cache`."""
    denoiser = Denoiser(models.backbone, models.controlnet, params.half_precision, uses_control)
    return SceneEditor(denoiser, models.guide, params, models.digest, cache)


def shared_cache(workspace: Workspace, params: EditParams) -> TensorCache:
    """Return the cache of inversions and edits that all runs of the repository share."""
    return TensorCache(workspace.shared_root / ".gazeshift/cache/edits", params.cache_gb)
