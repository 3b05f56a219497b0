"""All models of the editor with random weights, saved where the stages would leave them."""

import json

import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from mlflow import MlflowClient
from stage_runs import write_records
from tiny_backbone import save_tiny_backbone

from pipeline.attention.models import load_attention_model
from pipeline.attention.network import AttentionNetwork
from pipeline.attention.network_config import NetworkConfig
from pipeline.attention.predictor import save_predictor
from pipeline.diffusion.controlnet import WEIGHTS, weights_digest
from pipeline.editing.loading import current_editor_key
from pipeline.ground.artefacts import CONTROLNET, GATE
from pipeline.ground.files import file_digest, write_text
from pipeline.ground.workspace import Workspace
from pipeline.proof.gate import edited_with, proved_on
from pipeline.tracking.models import REGISTERED
from pipeline.tracking.store import tracking_uri

PARAMS = """
image_size: [48, 32]
model: {backbone: models/tiny}
variant: {on_clip: solve}
edit:
  steps: 4
  half_precision: false
  controlnet: outputs/training_v3/controlnet
  control_strength: 2
  gradient_strength: 0.7
"""


def write_tiny_editor(workspace: Workspace) -> None:
    """Write params, backbone, guide and the ControlNet of seed 1."""
    workspace.path("params.yaml").write_text(PARAMS)
    save_tiny_backbone(workspace.path("models/tiny"))
    torch.manual_seed(0)
    network = AttentionNetwork(NetworkConfig(area_px=256, scales=2, width=4))
    save_predictor(network, workspace.path("outputs/attention_model"))
    write_controlnet(workspace, seed=1)


def register_controlnet(workspace: Workspace, weights: str) -> None:
    """Register a version by the hash of its weights, as training does."""
    client = MlflowClient(tracking_uri(workspace))
    if not client.search_registered_models(f"name = '{REGISTERED}'"):
        client.create_registered_model(REGISTERED)
    client.create_model_version(REGISTERED, "file:///nowhere", tags={"weights": weights})


def write_controlnet(workspace: Workspace, seed: int, failed: tuple[str, ...] = ()) -> str:
    """Write a ControlNet whose residuals are not zero, and its gate; return its hash."""
    torch.manual_seed(seed)
    unet = UNet2DConditionModel.from_pretrained(workspace.path("models/tiny/unet"))
    controlnet = ControlNetModel.from_unet(
        unet, conditioning_channels=2, conditioning_embedding_out_channels=(4, 8)
    )
    for block in (*controlnet.controlnet_down_blocks, controlnet.controlnet_mid_block):
        torch.nn.init.normal_(block.weight, std=0.05)
    controlnet.save_pretrained(workspace.path(CONTROLNET))
    weights = file_digest(workspace.path(CONTROLNET) / WEIGHTS)
    write_gate(workspace, failed)
    return weights


def write_gate(workspace: Workspace, failed: tuple[str, ...] = ()) -> None:
    """Write what the stage evaluate would say of the editor that is there."""
    load_attention_model.cache_clear()
    write_records(workspace, "edit", "dose_curve", "render", "evaluate")
    gate = {
        "pass": not failed,
        "model": weights_digest(workspace.path(CONTROLNET)),
        **edited_with(workspace, current_editor_key(workspace)),
        "proved_on": proved_on(workspace),
        "failed": list(failed),
        "checks": [],
        "verdict": "FAIL." if failed else "PASS.",
    }
    write_text(workspace.path(GATE), json.dumps(gate))
