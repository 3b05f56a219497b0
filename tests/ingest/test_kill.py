"""A stage that is killed in its middle goes on to the result of an uninterrupted run."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from dvc_repository import OURS, DvcRepository, stages
from stage_inputs import INPUTS, PARAMS
from stage_runs import kill_when, outs_of, run_and_kill, tree

from pipeline.ground import artefacts
from pipeline.ground.artefacts import OUTS
from pipeline.ground.files import write_text
from pipeline.ground.workspace import Workspace
from pipeline.registry import module_of
from pipeline.scenes.refusals import write_rejections

STAGES = ("scene_cuts", "keyword_masks", "attention_heatmap", "variant")
"""Those that put their files in place one item at a time; validate follows below, and where it is
killed as it measures, `stages/validate/test_measurements.py`."""


def prepared(stage: str, workspace: Workspace, whole: Path) -> Workspace:
    """Write a stage's inputs; return a copy of the data root on which the stage has run."""
    INPUTS[stage](workspace, 20)
    write_text(workspace.path("params.yaml"), PARAMS)
    shutil.copytree(workspace.root, whole)
    module_of(stage).main(Workspace(whole))
    return Workspace(whole)


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_run_goes_on_to_the_same_result(
    workspace: Workspace, tmp_path: Path, stage: str
) -> None:
    whole = prepared(stage, workspace, tmp_path / "whole")
    total = len(made(whole, OUTS[stage][0]))
    run_and_kill(stage, workspace.root, lambda: len(made(workspace, OUTS[stage][0])) >= total // 4)
    at_the_kill = made(workspace, OUTS[stage][0])
    assert total // 4 <= len(at_the_kill) < total

    module_of(stage).main(workspace)
    assert outs_of(workspace, stage) == outs_of(whole, stage)
    # All but the video that was being put in place when the kill came.
    after = made(workspace, OUTS[stage][0])
    kept = sum(after[name] == at for name, at in at_the_kill.items())
    assert kept >= len(at_the_kill) - (21 if stage == "variant" else 3)


def test_a_validation_that_is_killed_as_it_writes_goes_on_to_the_same_result(
    workspace: Workspace, tmp_path: Path
) -> None:
    """Its files come into place as one."""
    whole = prepared("validate", workspace, tmp_path / "whole")
    run_and_kill(
        "validate", workspace.root, (workspace.state / "staging/validate" / artefacts.SCENES).exists
    )
    assert not workspace.path(artefacts.SCENES).exists()
    module_of("validate").main(workspace)
    assert outs_of(workspace, "validate") == outs_of(whole, "validate")


def write_repository(workspace: Workspace) -> DvcRepository:
    """Write what `dvc repro` makes the scene table and its variants of."""
    INPUTS["validate"](workspace, 20)
    for stage in ("scene_cuts", "keyword_masks", "attention_heatmap"):
        write_rejections(workspace.path(f"reports/ingest/{stage}.csv"), [])
    shutil.copy(OURS / "schemas/reference_profile.json", workspace.path("profile.json"))
    sections = "validate: {reference_profile: profile.json}\nvariant: {sample_videos: 1}\n"
    write_text(workspace.path("params.yaml"), PARAMS + sections)
    write_text(workspace.path("dvc.yaml"), yaml.safe_dump(stages("validate", "variant")))
    repository = DvcRepository(workspace.root)
    repository.init()
    repository.leave_mlflow_alone()
    return repository


def test_dvc_repro_after_kills_makes_what_it_makes_without(
    workspace: Workspace, tmp_path: Path
) -> None:
    """DVC is killed with the stage: in validate, between the stage and its lock, in variant."""
    whole = Workspace(tmp_path / "whole")
    whole.root.mkdir()
    write_repository(whole).dvc("repro")
    maps = len(made(whole, "outputs/variants_v3"))

    repository = write_repository(workspace)
    reached: list[Callable[[], bool]] = [
        (workspace.state / "staging/validate" / artefacts.SCENES).exists,
        workspace.path("data/valid_scenes.csv").exists,
        lambda: len(made(workspace, "outputs/variants_v3")) >= maps // 4,
    ]
    for here in reached:
        kill_when(repository.start("dvc", "repro"), here)
    assert maps // 4 <= len(made(workspace, "outputs/variants_v3")) < maps

    repository.dvc("repro")
    for outs in ("data", "outputs", "reports"):
        assert tree(workspace.path(outs)) == tree(whole.path(outs))
    assert workspace.path("dvc.lock").read_bytes() == whole.path("dvc.lock").read_bytes()
    assert "up to date" in repository.dvc("status")


def made(workspace: Workspace, out: str) -> dict[str, int]:
    """Files of the out that the stage under test made, with their times."""
    suffixes = {".jpg", ".png"}
    found = [path for path in workspace.path(out).rglob("*") if path.suffix in suffixes]
    return {str(path): path.stat().st_mtime_ns for path in found}
