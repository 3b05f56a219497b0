"""A stage that is killed in its middle goes on to the result of an uninterrupted run."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from dvc_repository import OURS, DvcRepository, kill, stages
from ingest_inputs import tree
from stage_inputs import INPUTS, PARAMS

from pipeline.ground import artefacts
from pipeline.ground.artefacts import OUTS
from pipeline.ground.files import write_text
from pipeline.ground.workspace import Workspace
from pipeline.registry import module_of
from pipeline.scenes.refusals import write_rejections

STAGES = ("scene_cuts", "keyword_masks", "attention_heatmap", "variant")
"""Those that put their files in place one item at a time; validate follows below."""


def start(stage: str, workspace: Workspace) -> subprocess.Popen[bytes]:
    """Start a stage as `dvc repro` does, in a process group of its own."""
    command = [sys.executable, "-m", "pipeline", stage, "--root", str(workspace.root)]
    return subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL, cwd=OURS)


def instants() -> Iterator[None]:
    """Yield at short intervals, for a minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        yield
        time.sleep(0.002)


def prepared(stage: str, workspace: Workspace, whole: Path) -> Workspace:
    """Write a stage's inputs; return a copy of the data root on which the stage has run."""
    INPUTS[stage](workspace, 20)
    write_text(workspace.path("params.yaml"), PARAMS)
    shutil.copytree(workspace.root, whole)
    module_of(stage).main(Workspace(whole))
    return Workspace(whole)


def same_outs(outs: tuple[str, ...], one: Workspace, other: Workspace) -> bool:
    folders = [str(Path(out).parent) if Path(out).suffix else out for out in outs]
    return all(tree(one.path(folder)) == tree(other.path(folder)) for folder in folders)


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_run_goes_on_to_the_same_result(
    workspace: Workspace, tmp_path: Path, stage: str
) -> None:
    whole = prepared(stage, workspace, tmp_path / "whole")
    module = module_of(stage)
    total = len(made(whole, OUTS[stage][0]))

    process = start(stage, workspace)
    next(None for _ in instants() if len(made(workspace, OUTS[stage][0])) >= total // 4)
    kill(process)
    at_the_kill = made(workspace, OUTS[stage][0])
    assert total // 4 <= len(at_the_kill) < total

    module.main(workspace)
    assert same_outs(OUTS[stage], workspace, whole)
    # All but the video that was being put in place when the kill came.
    after = made(workspace, OUTS[stage][0])
    of_one_video = 21 if stage == "variant" else 3
    assert sum(after[name] == at for name, at in at_the_kill.items()) >= (
        len(at_the_kill) - of_one_video
    )


@pytest.mark.parametrize("reached", ["measurements.sqlite", "staging/validate"])
def test_a_killed_validation_goes_on_to_the_same_result(
    workspace: Workspace, tmp_path: Path, reached: str
) -> None:
    """It is killed while it measures, and while it writes: its files come into place as one."""
    from pipeline.stages.validate import stage as validate

    whole = prepared("validate", workspace, tmp_path / "whole")
    process = start("validate", workspace)
    next(None for _ in instants() if (workspace.state / reached).exists())
    kill(process)
    assert not workspace.path(artefacts.SCENES).exists()
    validate.main(workspace)
    tables = (artefacts.SCENES, artefacts.REJECTED, artefacts.VALIDATION_SUMMARY)
    assert all(
        workspace.path(table).read_bytes() == whole.path(table).read_bytes() for table in tables
    )


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
    # No out is in MLflow: a server that does not answer costs a warning, and no time.
    repository.environment |= {
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    }
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
        (workspace.state / "staging/validate").exists,
        workspace.path("data/valid_scenes.csv").exists,
        lambda: len(made(workspace, "outputs/variants_v3")) >= maps // 4,
    ]
    for here in reached:
        process = repository.start("dvc", "repro")
        next(None for _ in instants() if here())
        kill(process)
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
