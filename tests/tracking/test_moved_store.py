"""A store that was moved, copied or mounted elsewhere: what runs left is found there."""

import os
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.ground.workspace import Workspace
from pipeline.tracking.models import TrackedModel, log_model, promote
from pipeline.tracking.runs import TrackedRun, log_run
from pipeline.tracking.store import open_store, tracking_uri

ODD = "a%2Fb ?#ü&%20"


def log(root: Path, name: str) -> str:
    """Log a run with a picture and a model, both with its name as content; return its id."""
    picture, weights = root / "picture.png", root / "weights"
    weights.mkdir(exist_ok=True)
    for file in (picture, weights / "weights.safetensors"):
        file.write_text(name)
    workspace = Workspace(root)
    run_id = log_run(workspace, TrackedRun("train", name, 1.0, artifacts={"": [picture]}))
    assert run_id is not None
    shape = {"x": (1,)}
    model = TrackedModel(
        folder=weights,
        registered_name="net",
        loader="pipeline.Net",
        inputs=shape,
        outputs=shape,
        digest=name,
        description="A net.",
        words="New.",
    )
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MLFLOW_TRACKING_URI", tracking_uri(workspace))  # MLflow sets it too.
        log_model(workspace, open_store(workspace)[0], run_id, model)
    promote(workspace, "net", name, "champion")
    return run_id


def found(root: Path) -> dict[str, tuple[str, str]]:
    """Return what the picture and the model of each run hold, by the run's name."""
    import mlflow
    from mlflow.artifacts import download_artifacts

    client, experiment = open_store(Workspace(root))
    names = {run.info.run_id: run.info.run_name for run in client.search_runs([experiment])}
    content = {}
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MLFLOW_TRACKING_URI", client.tracking_uri)  # MLflow sets it too.
        mlflow.set_tracking_uri(client.tracking_uri)
        for version in client.search_model_versions("name = 'net'"):
            picture = Path(client.download_artifacts(version.run_id, "picture.png"))
            folder = Path(download_artifacts(f"models:/net/{version.version}"))
            assert folder.is_relative_to(root / "mlruns/artifacts/models")
            model = folder / "weights/weights.safetensors"
            content[names.pop(version.run_id)] = (picture.read_text(), model.read_text())
        champion = Path(download_artifacts("models:/net@champion"))
    assert not names
    assert (champion / "weights/weights.safetensors").read_text() == max(content)
    return content


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with a run, which has since been moved: nothing lies at the path that MLflow knows."""
    root = tmp_path_factory.mktemp("first") / "repository"
    root.mkdir()
    log(root, "first")
    client, _ = open_store(Workspace(root))
    client.create_experiment("beside", (root / "mlruns/beside").as_uri())
    client.create_experiment("plain", str(root / "mlruns/plain"))
    client.create_experiment("elsewhere", (root / "elsewhere").as_uri())
    return root.rename(root.parent / "moved")


@pytest.fixture
def moved(first: Path, workspace: Workspace, tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: Path(shutil.copytree(first, tmp_path / name))


@pytest.mark.parametrize("name", ["new", ODD])
def test_old_and_new_runs_are_found_where_the_store_lies(first: Path, moved, name: str) -> None:
    root = moved(name)
    assert found(root) == {"first": ("first", "first")}
    log(root, "second")
    assert found(root) == {"first": ("first", "first"), "second": ("second", "second")}
    assert not (first.parent / "repository").exists()
    assert {path.name for path in root.parent.iterdir()} == {"root", name}


def test_a_copy_leaves_the_original_as_it_is(moved) -> None:
    one = moved("one")
    found(one)
    before = {path: path.stat().st_mtime_ns for path in one.glob("mlruns/**/*")}
    two = Path(shutil.copytree(one, one.parent / "two"))
    log(two, "second")
    assert set(found(two)) == {"first", "second"}
    assert {path: path.stat().st_mtime_ns for path in one.glob("mlruns/**/*")} == before
    assert set(found(one)) == {"first"}


def test_experiments_of_others_move_if_they_lay_in_the_store(first: Path, moved) -> None:
    root = moved(ODD)
    client, _ = open_store(Workspace(root))
    lies = {each.name: each.artifact_location for each in client.search_experiments()}
    assert lies["beside"] == (root / "mlruns/beside").as_uri()
    assert lies["plain"] == (root / "mlruns/plain").as_uri()
    assert lies["elsewhere"] == (first.parent / "repository/elsewhere").as_uri()


def test_two_that_open_a_moved_store_at_once_both_go_on(moved) -> None:
    workspace = Workspace(moved("new"))
    with ThreadPoolExecutor(2) as pool:
        ids = list(pool.map(lambda name: log_run(workspace, TrackedRun("edit", name, 1.0)), "ab"))
    client, _ = open_store(workspace)
    here = workspace.path("mlruns/artifacts").as_uri()
    assert all(client.get_run(run_id).info.artifact_uri.startswith(here) for run_id in ids)


def test_a_store_that_was_named_stays_as_it_is(moved, monkeypatch) -> None:
    root = moved("new")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root}/mlruns/mlflow.db")
    client, experiment = open_store(Workspace(root.parent))
    assert "/repository/" in client.get_experiment(experiment).artifact_location


def test_the_pages_show_a_moved_store(moved, monkeypatch, capfd) -> None:
    root = moved(ODD)
    started = []
    monkeypatch.setattr(os, "execv", lambda *command: started.append(command))
    assert cli.main(["ui", "--root", str(root), "--port", "5001"]) == 0
    uri = tracking_uri(Workspace(root))
    options = ["--backend-store-uri", uri, "--host", "127.0.0.1", "--port", "5001"]
    assert started == [(sys.executable, [sys.executable, "-m", "mlflow", "ui", *options])]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server:5000")
    assert cli.main(["ui", "--root", str(root)]) == 1
    assert "open http://server:5000 in a browser" in capfd.readouterr().err
    assert len(started) == 1
