"""MLflow: every run of a stage is a run in one store.

No other module imports it, but for the script that MLflow itself executes to serve the editor.

The store is that of the main workspace, also for experiments that DVC runs in a copy of it;
`MLFLOW_TRACKING_URI` wins where it is set.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pipeline.errors import InputError
from pipeline.storage.files import file_digest, write_text
from pipeline.storage.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

LOG = logging.getLogger(__name__)

Metrics: TypeAlias = float | Sequence[float | None] | None

STORE = "mlruns"
EXPERIMENT = "gazeshift"
_ABOUT = (
    "Every run of a stage of [dvc.yaml](https://dvc.org/doc/user-guide/pipelines), newest first. "
    "`train` has loss curves and samples, `variant` contact sheets of the heatmaps, `evaluate` the "
    "proof of the edits, `report` the page to begin with. The tag `dvc.exp` names the experiment."
)
_DEMO = "**Demo**: drawn ads, simulated viewers; nothing here is about real people."
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
    run_id = None
    with _forgiving(workspace, run):
        client, experiment = _store(workspace)
        run_id = _begin(client, experiment, workspace, run)
        _finish(client, run_id, run)
    return run_id


class LiveRun:
    """A run that can be watched while the work goes on; a resumed one goes on with its curves.

    A store that cannot be written costs a warning and the run's record, as in `log_run`.

    Args:
        workspace: the data root.
        run: name, params, tags, description.
        id_file: keeps the run's id until `finish`, for the run that resumes.
    """

    def __init__(self, workspace: Workspace, run: TrackedRun, id_file: Path) -> None:
        self.workspace = workspace
        self.run = run
        self.id_file = id_file
        self.run_id: str | None = None
        self._monitor: Any = None
        with _forgiving(workspace, run):
            self._client, experiment = _store(workspace)
            if not (id_file.is_file() and self._take_up(id_file.read_text())):
                self.run_id = _begin(self._client, experiment, workspace, run)
                write_text(id_file, self.run_id)
            self._watch_the_machine()

    def lightning_logger(self) -> Any:
        """Return a logger for Lightning, False where there is no run."""
        if self.run_id is None:
            return False
        from lightning.pytorch.loggers import MLFlowLogger

        return MLFlowLogger(
            EXPERIMENT, tracking_uri=tracking_uri(self.workspace), run_id=self.run_id
        )

    def add_dataset(self, table: pd.DataFrame, name: str, source: str) -> None:
        """Say what table the run read, from `source` below the root; the digest is the file's."""
        if self.run_id is None:
            return
        with _forgiving(self.workspace, self.run):
            import mlflow.data
            from mlflow.entities import DatasetInput, InputTag

            digest = file_digest(self.workspace.path(source))
            dataset: Any = mlflow.data.from_pandas(  # type: ignore[attr-defined]
                table, source=source, name=name, digest=digest
            )
            context = InputTag("mlflow.data.context", self.run.stage)
            entity = DatasetInput(dataset._to_mlflow_entity(), tags=[context])
            self._client.log_inputs(self.run_id, [entity])

    def add_picture(self, path: Path, folder: str) -> None:
        """Show a picture at once."""
        if self.run_id is not None:
            with _forgiving(self.workspace, self.run):
                self._client.log_artifact(self.run_id, str(path), folder)

    def finish(self, done: TrackedRun, model: TrackedModel | None = None) -> None:
        """Add the figures, files and the model, and close the run."""
        if self._monitor is not None:
            self._monitor.finish()
        if self.run_id is not None:
            with _forgiving(self.workspace, self.run):
                if model is not None:
                    _log_model(self.workspace, self._client, self.run_id, model)
                _finish(self._client, self.run_id, done)
        self.id_file.unlink(missing_ok=True)

    def _take_up(self, run_id: str) -> bool:
        from mlflow.exceptions import MlflowException

        try:
            self._client.update_run(run_id, status="RUNNING")
        except MlflowException:
            return False
        self.run_id = run_id
        return True

    def _watch_the_machine(self) -> None:
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        assert self.run_id is not None
        self._monitor = SystemMetricsMonitor(
            self.run_id, resume_logging=True, tracking_uri=tracking_uri(self.workspace)
        )
        self._monitor.start()


@dataclass(frozen=True)
class TrackedModel:
    """A folder of weights (safetensors) to register."""

    folder: Path
    registered_name: str
    loader: str
    """The class that loads it, by its full name."""
    inputs: Mapping[str, tuple[int, ...]]
    """Shapes of its float32 inputs; -1 is any."""
    outputs: Mapping[str, tuple[int, ...]]
    digest: str
    """Hash of the weights: the registered version's tag `weights`."""
    description: str
    """Of the model in general."""
    words: str
    """About this version."""
    alias: str = "candidate"


@dataclass(frozen=True)
class ServedModel:
    """A model from code, which MLflow can serve; nothing of it is pickled."""

    registered_name: str
    script: Path
    """Sets the model: `mlflow.models.set_model`."""
    artifacts: Mapping[str, Path]
    """Folders that it loads, by the names it knows them by."""
    code: Sequence[Path]
    """Packages that it imports."""
    requirements: Sequence[str]
    """Packages of others that it imports, with their versions."""
    inputs: Mapping[str, str]
    """MLflow's types of a request's fields."""
    outputs: Mapping[str, str]
    """… and of an answer's."""
    example: Mapping[str, Any]
    """A request."""
    digest: str
    """Hash of all that an answer depends on: the registered version's tag `weights`."""
    description: str
    """Of the model in general."""
    words: str
    """About this version."""


@contextmanager
def _forgiving(workspace: Workspace, run: TrackedRun) -> Iterator[None]:
    _quiet()
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        LOG.warning(
            "%s: the outputs are complete, but this run is not in MLflow: %s. Make the store %s "
            "writable (or unset MLFLOW_TRACKING_URI) and run `dvc repro -f %s` to log it.",
            run.stage,
            str(error).splitlines()[0] if str(error) else type(error).__name__,
            tracking_uri(workspace),
            run.stage,
        )


def tracking_uri(workspace: Workspace) -> str:
    """Return `MLFLOW_TRACKING_URI`, or the SQLite store of the main workspace."""
    given = os.environ.get("MLFLOW_TRACKING_URI")
    return given or f"{_SQLITE}{workspace.shared_root / STORE / 'mlflow.db'}"


def data_version(workspace: Workspace, scenes: Path) -> dict[str, str]:
    """Return the tags that name the data of a run: hashes of the scene table and of data.dvc."""
    files = {"data.valid_scenes": scenes, "data.dvc": workspace.path("data.dvc")}
    return {name: file_digest(path) for name, path in files.items() if path.is_file()}


def _quiet() -> None:
    """Before MLflow is imported: no phone-home, no minutes of waiting for a dead server, no bar."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # Alembic tells of each step by which it makes a new database.
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _store(workspace: Workspace) -> tuple[MlflowClient, str]:
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


def _begin(client: MlflowClient, experiment: str, workspace: Workspace, run: TrackedRun) -> str:
    """Create the run with what is known before the work: name, params, tags."""
    from mlflow.entities import Param, RunTag

    demo = workspace.holds_demo
    tags = {
        "stage": run.stage,
        "demo": "drawn ads, simulated viewers" if demo else "",
        "git.commit": commit(workspace),
        "mlflow.source.type": "LOCAL",
        "mlflow.source.name": f"python -m pipeline {run.stage}",
        "dvc.exp": os.environ.get("DVC_EXP_NAME", ""),
        "dvc.stage": os.environ.get("DVC_STAGE", ""),
        "mlflow.parentRunId": os.environ.get("MLFLOW_RUN_ID", ""),
        "mlflow.note.content": f"{_DEMO}\n\n{run.description}" if demo else run.description,
        **run.tags,
    }
    created = client.create_run(
        experiment, start_time=int(run.started_s * 1000), run_name=_shown_name(run, demo)
    )
    run_id = str(created.info.run_id)
    client.log_batch(
        run_id,
        params=[Param(name, str(value)) for name, value in run.params.items()],
        tags=[RunTag(name, value) for name, value in tags.items() if value],
    )
    return run_id


def _finish(client: MlflowClient, run_id: str, run: TrackedRun) -> None:
    """Add what the work gave, and close the run."""
    from mlflow.entities import Metric

    now_ms = int(time.time() * 1000)
    client.log_batch(
        run_id,
        metrics=[
            Metric(name, value, now_ms, step)
            for name, values in run.metrics.items()
            for step, value in enumerate(values if isinstance(values, Sequence) else [values])
            if value is not None and not math.isnan(value)
        ],
    )
    for place, paths in run.artifacts.items():
        for path in paths:
            client.log_artifact(run_id, str(path), place or None)
    client.set_terminated(run_id, "FINISHED")


class _FolderFlavour:
    """How MLflow saves a folder of weights: as it is, with a note of what loads it. No pickle."""

    @staticmethod
    def save_model(path: str, mlflow_model: Any, model: TrackedModel) -> None:
        """Fill MLflow's folder of a model."""
        import numpy as np
        from mlflow.models import ModelSignature
        from mlflow.types import Schema, TensorSpec

        inputs, outputs = (
            Schema([TensorSpec(np.dtype("float32"), shape, name) for name, shape in part.items()])
            for part in (model.inputs, model.outputs)
        )
        shutil.copytree(model.folder, Path(path, "weights"))
        module, _, name = model.loader.rpartition(".")
        mlflow_model.add_flavor(module.partition(".")[0], model_class=name, folder="weights")
        mlflow_model.signature = ModelSignature(inputs, outputs)
        mlflow_model.save(str(Path(path, "MLmodel")))


def _log_model(
    workspace: Workspace, client: MlflowClient, run_id: str, model: TrackedModel
) -> None:
    import mlflow
    from mlflow.models import Model

    mlflow.set_tracking_uri(tracking_uri(workspace))
    # A model is logged into the active experiment, whatever its run's.
    mlflow.set_experiment(EXPERIMENT)
    logged = Model.log(
        artifact_path=None,
        name=model.registered_name,
        flavor=_FolderFlavour,
        registered_model_name=model.registered_name,
        run_id=run_id,
        model=model,
    )
    version = str(logged.registered_model_version)
    _describe(client, model, version, workspace.holds_demo)
    client.set_registered_model_alias(model.registered_name, model.alias, version)


def _describe(
    client: MlflowClient, model: TrackedModel | ServedModel, version: str, demo: bool
) -> None:
    name = model.registered_name
    client.update_registered_model(name, model.description)
    client.update_model_version(name, version, f"{_DEMO} {model.words}" if demo else model.words)
    client.set_model_version_tag(name, version, "weights", model.digest)
    client.set_model_version_tag(name, version, "demo", str(demo).lower())


def _shown_name(run: TrackedRun, demo: bool) -> str:
    experiment = os.environ.get("DVC_EXP_NAME")
    name = f"demo: {run.name}" if demo else run.name
    return f"{name} ({experiment})" if experiment else name


def commit(workspace: Workspace) -> str:
    """Return the commit of the data root, "" outside git."""
    command = ["git", "rev-parse", "--verify", "--quiet", "HEAD"]
    try:
        answer = subprocess.run(command, cwd=workspace.root, capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return answer.stdout.strip()


def register_served(workspace: Workspace, model: ServedModel) -> None:
    """Register a model that `mlflow models serve` can serve, from any folder.

    Raises:
        InputError: the store cannot be reached or written.
    """
    _quiet()
    import mlflow.pyfunc
    import pandas as pd
    from mlflow.exceptions import MlflowException
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema
    from sqlalchemy.exc import SQLAlchemyError

    inputs, outputs = (
        Schema([ColSpec(kind, name) for name, kind in fields.items()])
        for fields in (model.inputs, model.outputs)
    )
    uri = tracking_uri(workspace)
    try:
        client, _ = _store(workspace)
        mlflow.set_tracking_uri(uri)
        mlflow.set_experiment(EXPERIMENT)
        logged = mlflow.pyfunc.log_model(
            name=model.registered_name,
            registered_model_name=model.registered_name,
            python_model=str(model.script),
            artifacts={name: str(folder) for name, folder in model.artifacts.items()},
            code_paths=[str(folder) for folder in model.code],
            pip_requirements=list(model.requirements),
            signature=ModelSignature(inputs, outputs),
            input_example=pd.DataFrame([model.example]),
        )
        version = str(logged.registered_model_version)
        _describe(client, model, version, workspace.holds_demo)
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise InputError(
            f"{model.registered_name} could not be registered in {uri}: {error}. Make the store "
            "writable, or set MLFLOW_TRACKING_URI to another, and run the command again."
        ) from error


def promote(workspace: Workspace, registered_name: str, weights: str, alias: str) -> str | None:
    """Give an alias to the registered version with these weights; return the version.

    Doing so again changes nothing. None where no version has these weights, or the store cannot be
    reached.

    Args:
        workspace: the data root.
        registered_name: of the model.
        weights: hash of the weights, the version's tag `weights`.
        alias: to move.
    """
    _quiet()
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    wanted = f"name = '{registered_name}' and tag.weights = '{weights}'"
    try:
        client, _ = _store(workspace)
        found = client.search_model_versions(wanted)
        if not found:
            return None
        # Weights that were trained twice are registered twice; the last one's run is at hand.
        version = max((str(each.version) for each in found), key=int)
        client.set_registered_model_alias(registered_name, alias, version)
    except (MlflowException, SQLAlchemyError, OSError) as error:
        LOG.warning("the model registry %s: %s", tracking_uri(workspace), error)
        return None
    return version
