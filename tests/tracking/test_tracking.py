import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.ground.artefacts import CORPUS, SCENES
from pipeline.ground.files import write_text
from pipeline.ground.workspace import Workspace
from pipeline.tracking.models import promote
from pipeline.tracking.runs import TrackedRun, log_run
from pipeline.tracking.store import EXPERIMENT, commit, data_version, tracking_uri


def client(workspace: Workspace):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri(workspace))


def tracked(name: str = "variant α=2", **values) -> TrackedRun:
    return TrackedRun("variant", name, 1_700_000_000.0, **values)


def test_a_run_can_be_read_back_with_all_it_left(workspace, tmp_path, monkeypatch) -> None:
    picture = tmp_path / "sheet.png"
    picture.write_bytes(b"png")
    run_id = log_run(
        workspace,
        tracked(
            params={"alpha": 2.0},
            metrics={"feasible": 0.5, "share": [0.1, None, 0.3], "undefined": None},
            tags={"data.dvc": "abc"},
            artifacts={"samples": [picture]},
            description="Says what it is.",
        ),
    )
    assert run_id is not None
    run = client(workspace).get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "variant α=2"
    assert run.data.params == {"alpha": "2.0"}
    assert run.data.metrics == {"feasible": 0.5, "share": 0.3}
    curve = client(workspace).get_metric_history(run_id, "share")
    assert [(point.step, point.value) for point in curve] == [(0, 0.1), (2, 0.3)]
    assert run.data.tags["stage"] == "variant"
    assert run.data.tags["data.dvc"] == "abc"
    assert run.data.tags["mlflow.note.content"] == "Says what it is."
    artifacts = workspace.path("mlruns/artifacts")
    assert run.info.artifact_uri == (artifacts / run_id / "artifacts").as_uri()
    assert (artifacts / run_id / "artifacts/samples/sheet.png").is_file()

    # A second run goes to the same experiment, nested under the first.
    monkeypatch.setenv("MLFLOW_RUN_ID", run_id)
    monkeypatch.setenv("DVC_EXP_NAME", "quiet-cat")
    child = client(workspace).get_run(log_run(workspace, tracked()) or "")
    assert child.data.tags["mlflow.parentRunId"] == run_id
    assert child.info.run_name == "variant α=2 (quiet-cat)"
    assert child.data.tags["dvc.exp"] == "quiet-cat"
    assert child.info.experiment_id == run.info.experiment_id


def test_runs_that_find_no_store_at_once_make_one(workspace: Workspace) -> None:
    code = (
        "import sys; from pathlib import Path; from pipeline.ground.workspace import Workspace; "
        "from pipeline.tracking.runs import TrackedRun, log_run; "
        "assert log_run(Workspace(Path(sys.argv[1])), TrackedRun('variant', sys.argv[2], 1.0))"
    )

    def start(name: str) -> int:
        return subprocess.run([sys.executable, "-c", code, str(workspace.root), name]).returncode

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(start, ["one", "two"])) == [0, 0]
    found = client(workspace)
    experiment = found.get_experiment_by_name(EXPERIMENT)
    names = {run.info.run_name for run in found.search_runs([experiment.experiment_id])}
    assert names == {"one", "two"}


def test_a_store_that_cannot_be_written_costs_a_warning(workspace, caplog) -> None:
    workspace.path("mlruns").write_text("a file, where the store's folder would be")
    with caplog.at_level(logging.WARNING):
        assert log_run(workspace, tracked()) is None
    assert "the outputs are complete, but this run is not in MLflow" in caplog.text
    assert "dvc repro -f variant" in caplog.text


def test_the_store_is_the_main_workspaces_unless_one_is_named(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert tracking_uri(workspace) == f"sqlite:///{tmp_path}/mlruns/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server:5000")
    assert tracking_uri(workspace) == "http://server:5000"


def test_the_data_version_names_both_hashes(workspace: Workspace) -> None:
    scenes = workspace.path(SCENES)
    write_text(scenes, "one")
    assert list(data_version(workspace)) == ["data.valid_scenes"]
    workspace.path("data.dvc").write_text("outs: []")
    versions = data_version(workspace)
    scenes.write_text("two")
    changed = data_version(workspace)
    assert changed["data.valid_scenes"] != versions["data.valid_scenes"]
    assert changed["data.dvc"] == versions["data.dvc"]


def test_runs_on_the_demo_say_so(workspace: Workspace) -> None:
    assert client(workspace).get_run(log_run(workspace, tracked())).info.run_name == "variant α=2"
    workspace.path("data").mkdir()
    workspace.path(CORPUS).write_text("# Drawn")
    run = client(workspace).get_run(log_run(workspace, tracked(description="Maps.")))
    assert run.info.run_name == "demo: variant α=2"
    assert run.data.tags["demo"] == "drawn ads, simulated viewers"
    assert run.data.tags["mlflow.note.content"].startswith("**Demo**")
    assert run.data.tags["mlflow.note.content"].endswith("Maps.")


def test_own_data_are_no_demo_once_data_dvc_no_longer_lists_its_note(workspace: Workspace) -> None:
    workspace.path("data").mkdir()
    workspace.path(CORPUS).write_text("# Drawn")
    workspace.path("data.dvc").write_text(f"outs:\n- path: data/videos\n- path: {CORPUS}\n")
    assert workspace.holds_demo
    workspace.path("data.dvc").write_text("outs:\n- path: data/videos\n")
    assert not workspace.holds_demo


def test_a_registry_that_cannot_be_reached_promotes_nothing(
    workspace, monkeypatch, tmp_path
) -> None:
    (tmp_path / "file").write_text("no folder")
    for uri in (f"sqlite:///{tmp_path}/file/mlflow.db", "nosuch://host"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        assert promote(workspace, "a-model", "0", "champion") is None


def test_a_broken_data_dvc_costs_the_record_and_no_output(workspace, caplog) -> None:
    workspace.path("data.dvc").write_text("outs: 7")
    assert log_run(workspace, tracked()) is None
    assert "no file as DVC writes it" in caplog.text
    assert "the outputs are complete" in caplog.text


def test_a_commit_that_is_not_what_ran_says_so(workspace: Workspace) -> None:
    def git(*arguments: str) -> None:
        user = ("-c", "user.name=Someone", "-c", "user.email=someone@example.org")
        subprocess.run(["git", *user, *arguments], cwd=workspace.root, check=True)

    assert commit(workspace) == ""
    git("init", "-q")
    for name in ("params.yaml", "dvc.lock"):
        workspace.path(name).write_text("first\n")
    git("add", "params.yaml", "dvc.lock")
    git("commit", "-qm", "A state")
    head = commit(workspace)
    assert len(head) == 40
    workspace.path("dvc.lock").write_text("second\n")
    workspace.path("notes.txt").write_text("not tracked\n")
    assert commit(workspace) == head
    workspace.path("params.yaml").write_text("second\n")
    assert commit(workspace) == f"{head}-dirty"
