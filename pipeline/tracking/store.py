"""The store: that of the main workspace, also for experiments that DVC runs in a copy of it.

`MLFLOW_TRACKING_URI` wins where it is set.
"""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.ground.files import file_digest
from pipeline.ground.workspace import TRACKED, Workspace

if TYPE_CHECKING:
    from mlflow import MlflowClient

STORE = "mlruns"
EXPERIMENT = "gazeshift"
DEMO = "**Demo**: drawn ads, simulated viewers; nothing here is about real people."
_ABOUT = (
    "Every run of a stage of [dvc.yaml](https://dvc.org/doc/user-guide/pipelines), newest first. "
    "`train` has loss curves and samples, `variant` contact sheets of the heatmaps, `evaluate` the "
    "proof of the edits, `report` the page to begin with. The tag `dvc.exp` names the experiment."
)
_SQLITE = "sqlite:///"
_LOCK_WAIT_S = 120


def tracking_uri(workspace: Workspace) -> str:
    """Return `MLFLOW_TRACKING_URI`, or the SQLite store of the main workspace."""
    given = os.environ.get("MLFLOW_TRACKING_URI")
    return given or f"{_SQLITE}{workspace.shared_root / STORE / 'mlflow.db'}"


def data_version(workspace: Workspace, scenes: Path) -> dict[str, str]:
    """Return the tags that name the data of a run: hashes of the scene table and of data.dvc."""
    files = {"data.valid_scenes": scenes, "data.dvc": workspace.path(TRACKED)}
    return {name: file_digest(path) for name, path in files.items() if path.is_file()}


def commit(workspace: Workspace) -> str:
    """Return the commit of the data root, with "-dirty" where files differ; "" outside git.

    `dvc.lock` does not count: every stage of a run changes it.
    """
    head = _git(workspace, "rev-parse", "--verify", "--quiet", "HEAD")
    changed = head and _git(workspace, "status", "--porcelain", "-uno", "--", ".", ":!dvc.lock")
    return f"{head}-dirty" if changed else head


def _git(workspace: Workspace, *command: str) -> str:
    try:
        answer = subprocess.run(
            ["git", *command], cwd=workspace.root, capture_output=True, text=True
        )
    except FileNotFoundError:
        return ""
    return answer.stdout.strip()


def keep_quiet() -> None:
    """Before MLflow is imported: no phone-home, no minutes of waiting for a dead server, no bar."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # Alembic tells of each step by which it makes a new database.
    logging.getLogger("alembic").setLevel(logging.WARNING)


def open_store(workspace: Workspace) -> tuple[MlflowClient, str]:
    """Return a client and the id of our experiment."""
    from mlflow import MlflowClient

    uri = tracking_uri(workspace)
    with _locked(uri):
        client = MlflowClient(uri)
        return client, _experiment(client, uri)


def _database(uri: str) -> Path | None:
    return Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None


@contextmanager
def _locked(uri: str) -> Iterator[None]:
    """Hold a local store's lock: queued experiments may find no store at once and all make it."""
    from filelock import FileLock

    database = _database(uri)
    if database is None:
        yield
        return
    database.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(database.with_suffix(".lock"), timeout=_LOCK_WAIT_S):
        yield


def _experiment(client: MlflowClient, uri: str) -> str:
    """Return the experiment's id; a local store's artifacts lie beside its database."""
    known = client.get_experiment_by_name(EXPERIMENT)
    if known is not None:
        return str(known.experiment_id)
    database = _database(uri)
    location = (database.parent / "artifacts").resolve().as_uri() if database else None
    # MLflow's pages for prompts and traces, which it shows otherwise, are not for this.
    tags = {"mlflow.experimentKind": "custom_model_development", "mlflow.note.content": _ABOUT}
    return str(client.create_experiment(EXPERIMENT, artifact_location=location, tags=tags))
