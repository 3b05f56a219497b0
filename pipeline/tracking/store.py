"""The store: that of the main workspace, also for experiments that DVC runs in a copy of it.

`MLFLOW_TRACKING_URI` wins where it is set. MLflow knows the place of every file by its absolute
location; so where the workspace's own store has been moved or copied, what opens it says so first.
"""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pipeline.ground.files import file_digest
from pipeline.ground.places import SCENES
from pipeline.ground.workspace import TRACKED, Workspace

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOG = logging.getLogger(__name__)

STORE = "mlruns"
EXPERIMENT = "gazeshift"
DEMO = "**Demo**: drawn ads, simulated viewers; nothing here is about real people."
_ABOUT = (
    "Every run of a stage of [dvc.yaml](https://dvc.org/doc/user-guide/pipelines), newest first. "
    "`train` has loss curves and samples, `variant` contact sheets of the heatmaps, `evaluate` the "
    "proof of the edits, `report` the page to begin with. The tag `dvc.exp` names the experiment."
)
_LOCK_WAIT_S = 120
_LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("trace_tags", "value"),
)
"""Where MLflow's database holds locations of files: table and column."""


def tracking_uri(workspace: Workspace) -> str:
    """Return `MLFLOW_TRACKING_URI`, or the SQLite store of the main workspace."""
    return os.environ.get("MLFLOW_TRACKING_URI") or _sqlite_uri(_own_database(workspace))


def data_version(workspace: Workspace) -> dict[str, str]:
    """Return the tags that name the data of a run: hashes of the scene table and of data.dvc."""
    files = {"data.valid_scenes": workspace.path(SCENES), "data.dvc": workspace.path(TRACKED)}
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


def _keep_quiet() -> None:
    """Before MLflow is imported: no phone-home, no minutes of waiting for a dead server, no bar."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # Alembic tells of each step by which it makes a new database.
    logging.getLogger("alembic").setLevel(logging.WARNING)


def open_store(workspace: Workspace) -> tuple[MlflowClient, str]:
    """Return a client and the id of our experiment; a moved store of our own is put right.

    What else imports MLflow does so after this, as it says what MLflow is to leave out.

    Raises:
        Exception: one of `store_errors`, where the store cannot be reached or written.
    """
    _keep_quiet()
    from mlflow import MlflowClient

    uri = tracking_uri(workspace)
    database = _database(uri)
    with _locked(database):
        client = MlflowClient(uri)
        return client, _experiment(client, database, own=database == _own_database(workspace))


def store_errors(*others: type[Exception]) -> tuple[type[Exception], ...]:
    """Return what a store raises that cannot be reached or written, and others beside it."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return MlflowException, SQLAlchemyError, OSError, *others


def put_right(workspace: Workspace) -> None:
    """Make the store, or put a moved one right; where that cannot be done, warn."""
    try:
        open_store(workspace)
    except store_errors() as error:
        LOG.warning(
            "%s cannot be written: %s. If it was moved, its pictures are not found.",
            tracking_uri(workspace),
            error,
        )


def _own_database(workspace: Workspace) -> Path:
    return workspace.shared_root / STORE / "mlflow.db"


def _sqlite_uri(database: Path) -> str:
    quoted = str(database).replace("%", "%25").replace("?", "%3F")
    # After a plain "sqlite:", MLflow takes what is quoted for the name of a folder, and makes it.
    return f"sqlite{'' if quoted == str(database) else '+pysqlite'}:///{quoted}"


def _database(uri: str) -> Path | None:
    from sqlalchemy.engine import make_url

    name = make_url(uri).database if uri.startswith("sqlite") else None
    return Path(name) if name else None


@contextmanager
def _locked(database: Path | None) -> Iterator[None]:
    """Hold a local store's lock: queued experiments may find no store at once and all make it."""
    from filelock import FileLock

    if database is None:
        yield
        return
    database.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(database.with_suffix(".lock"), timeout=_LOCK_WAIT_S):
        yield


def _experiment(client: MlflowClient, database: Path | None, own: bool) -> str:
    """Return the experiment's id; a local store's artifacts lie beside its database."""
    known = client.get_experiment_by_name(EXPERIMENT)
    location = (database.parent.resolve() / "artifacts").as_uri() if database else None
    if known is not None:
        before = str(known.artifact_location)
        if own and location and before != location and _is_local_store(before):
            _relocate(client.tracking_uri, before, location)
        return str(known.experiment_id)
    # MLflow's pages for prompts and traces, which it shows otherwise, are not for this.
    tags = {"mlflow.experimentKind": "custom_model_development", "mlflow.note.content": _ABOUT}
    return str(client.create_experiment(EXPERIMENT, artifact_location=location, tags=tags))


def _is_local_store(location: str) -> bool:
    return location.startswith("file:///") and location.endswith("/artifacts")


def _relocate(uri: str, before: str, now: str) -> None:
    """Let all that lay in the store's folder, our experiment's or not, be found where it is now.

    Args:
        uri: the store's.
        before: where the experiment's artifacts lay, as the database has it.
        now: where they lie.
    """
    from sqlalchemy import NullPool, create_engine, text

    old, new = (location.removesuffix("artifacts") for location in (before, now))
    # MLflow's own default for an experiment is a plain path.
    starts = (old, unquote(old.removeprefix("file://")))
    with create_engine(uri, poolclass=NullPool).begin() as connection:
        for start, (table, column) in product(starts, _LOCATIONS):
            change = text(
                f"UPDATE {table} SET {column} = :new || substr({column}, :length + 1) "
                f"WHERE substr({column}, 1, :length) = :start"
            )
            connection.execute(change, {"new": new, "start": start, "length": len(start)})
    LOG.info("MLflow's store was moved or copied: from %s to %s", old, new)
