"""Equal means equal: however a run was cut in pieces."""

import shutil
from pathlib import Path

import pytest
from scene_trees import write_scene_tree
from stage_runs import killed_after_one_item, outs_of
from tiny_models import BrightnessGuide, TinyBackbone, tiny_controlnet

from pipeline.editing.loading import EditModels
from pipeline.ground.workspace import Workspace
from pipeline.stages.dose_curve import stage as dose_curve
from pipeline.stages.edit import stage as edit
from pipeline.stages.variant import stage as variant

PARAMS = """
image_size: [48, 32]
compute: {n_jobs: 1}
variant: {sample_videos: 0}
edit: {steps: 2, half_precision: false, gradient_strength: 0, batch_size: 2}
dose_curve: {videos: all, alphas: [1.5], ablation_alphas: [1.5]}
"""
VIDEO = "7000000000000000001"


def inputs(root: Path) -> Workspace:
    write_scene_tree(root, {VIDEO: 4})
    (root / "params.yaml").write_text(PARAMS)
    return Workspace(root)


@pytest.mark.parametrize("stage", [edit, pytest.param(dose_curve, marks=pytest.mark.slow)])
def test_a_run_that_goes_on_writes_what_one_run_writes(
    stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = TinyBackbone()
    models = EditModels(backbone, tiny_controlnet(backbone), BrightnessGuide(), "tiny")
    monkeypatch.setattr(stage, "load_models", lambda workspace, params: models)
    monkeypatch.setattr(variant, "_track", lambda *arguments: None)
    name = stage.__name__.split(".")[-2]
    at_once = inputs(tmp_path / "at_once")
    variant.main(at_once)
    pieces = Workspace(tmp_path / "pieces")
    shutil.copytree(at_once.root, pieces.root)
    stage.main(at_once)
    with killed_after_one_item(monkeypatch):
        stage.main(pieces)
    stage.main(pieces)
    assert outs_of(pieces, name) == outs_of(at_once, name)
