"""MLflow, and the only module that imports it: every run of a stage is a run in one store.

The store is that of the main workspace, also for experiments that DVC runs in a copy of it;
`MLFLOW_TRACKING_URI` wins where it is set.
"""

from __future__ import annotations

import logging
import math
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pipeline.storage.files import file_digest
from pipeline.storage.workspace import Workspace

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOG = logging.getLogger(__name__)

Metrics: TypeAlias = float | Sequence[float | None] | None

STORE = "mlruns"
EXPERIMENT = "gazeshift"
_SQLITE = "sqlite:///"
_LOCK_WAIT_S = 120


@dataclass(frozen=True)
class TrackedRun:
    """What one run of a stage leaves in MLflow."""

    stage: str
    name: str
    started_s: float
    """Unix time."""
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Metrics] = field(default_factory=dict)
    """A sequence is logged with its positions as steps, which MLflow draws as a curve; None and NaN
    are left out."""
    tags: Mapping[str, str] = field(default_factory=dict)
    artifacts: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    """Files by the artifact folder that they go to ("" is the top)."""
    description: str = ""
    """Markdown, shown on the run's page."""


def log_run(workspace: Workspace, run: TrackedRun) -> str | None:
    """Write a finished run to MLflow; return its id.

    The run is nested under the one that `MLFLOW_RUN_ID` names, if any. A store that cannot be
    written costs a warning and the run's record, never the stage's outputs: those are in DVC.
    """
    _quiet()
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return _log(workspace, run)
    except (MlflowException, SQLAlchemyError, OSError) as error:
        LOG.warning(
            "%s: the outputs are complete, but this run is not in MLflow: %s. Make the store %s "
            "writable (or unset MLFLOW_TRACKING_URI) and run `dvc repro -f %s` to log it.",
            run.stage,
            str(error).splitlines()[0] if str(error) else type(error).__name__,
            tracking_uri(workspace),
            run.stage,
        )
        return None


def tracking_uri(workspace: Workspace) -> str:
    """Return `MLFLOW_TRACKING_URI`, or the SQLite store of the main workspace."""
    given = os.environ.get("MLFLOW_TRACKING_URI")
    return given or f"{_SQLITE}{workspace.shared_root / STORE / 'mlflow.db'}"


def data_version(workspace: Workspace, scenes: Path) -> dict[str, str]:
    """Return the tags that name the data of a run: hashes of the scene table and of data.dvc."""
    files = {"data.valid_scenes": scenes, "data.dvc": workspace.path("data.dvc")}
    return {name: file_digest(path) for name, path in files.items() if path.is_file()}


def _quiet() -> None:
    """Before MLflow is imported: no phone-home, and no minutes of waiting for a dead server."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    # Alembic tells of each step by which it makes a new database.
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _log(workspace: Workspace, run: TrackedRun) -> str:
    from mlflow import MlflowClient

    uri = tracking_uri(workspace)
    with _locked(uri):
        client = MlflowClient(uri)
        experiment = _experiment(client, uri)
    return _write(client, experiment, workspace, run)


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
    return str(client.create_experiment(EXPERIMENT, artifact_location=location))


def _write(client: MlflowClient, experiment: str, workspace: Workspace, run: TrackedRun) -> str:
    from mlflow.entities import Metric, Param, RunTag

    tags = {
        "stage": run.stage,
        "git.commit": _commit(workspace),
        "dvc.exp": os.environ.get("DVC_EXP_NAME", ""),
        "dvc.stage": os.environ.get("DVC_STAGE", ""),
        "mlflow.parentRunId": os.environ.get("MLFLOW_RUN_ID", ""),
        "mlflow.note.content": run.description,
        **run.tags,
    }
    now_ms = int(time.time() * 1000)
    created = client.create_run(
        experiment, start_time=int(run.started_s * 1000), run_name=_shown_name(run)
    )
    run_id = str(created.info.run_id)
    client.log_batch(
        run_id,
        metrics=[
            Metric(name, value, now_ms, step)
            for name, values in run.metrics.items()
            for step, value in enumerate(values if isinstance(values, Sequence) else [values])
            if value is not None and not math.isnan(value)
        ],
        params=[Param(name, str(value)) for name, value in run.params.items()],
        tags=[RunTag(name, value) for name, value in tags.items() if value],
    )
    for place, paths in run.artifacts.items():
        for path in paths:
            client.log_artifact(run_id, str(path), place or None)
    client.set_terminated(run_id, "FINISHED")
    return run_id


def _shown_name(run: TrackedRun) -> str:
    experiment = os.environ.get("DVC_EXP_NAME")
    return f"{run.name} ({experiment})" if experiment else run.name


def _commit(workspace: Workspace) -> str:
    """Return the commit of the data root, "" outside git."""
    command = ["git", "rev-parse", "--verify", "--quiet", "HEAD"]
    try:
        answer = subprocess.run(command, cwd=workspace.root, capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return answer.stdout.strip()
