"""What one run of a stage leaves in MLflow, written at its end or while it goes on."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pipeline.ground.errors import InputError
from pipeline.ground.files import file_digest, write_text
from pipeline.ground.workspace import Workspace
from pipeline.tracking.models import TrackedModel, log_model
from pipeline.tracking.store import (
    DEMO,
    EXPERIMENT,
    commit,
    data_version,
    open_store,
    store_errors,
    tracking_uri,
)

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

LOG = logging.getLogger(__name__)

Metrics: TypeAlias = float | Sequence[float | None] | None


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
    """Besides those that every run has: of its stage, its code and its data."""
    artifacts: Mapping[str, Sequence[str | Path]] = field(default_factory=dict)
    """Files, relative to the root, by the artifact folder that they go to ("" is the top)."""
    description: str = ""
    """Markdown, shown on the run's page."""


def log_run(workspace: Workspace, run: TrackedRun) -> str | None:
    """Write a finished run to MLflow; return its id.

    The run is nested under the one that `MLFLOW_RUN_ID` names, if any. A store that cannot be
    written costs a warning and the run's record, never the stage's outputs: those are in DVC.
    """
    run_id = None
    with _forgiving(workspace, run):
        client, experiment = open_store(workspace)
        run_id = _begin(client, experiment, workspace, run)
        _finish(client, workspace, run_id, run)
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
            self._client, experiment = open_store(workspace)
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
            from mlflow.data.pandas_dataset import from_pandas
            from mlflow.entities import DatasetInput, InputTag

            digest = file_digest(self.workspace.path(source))
            dataset = from_pandas(table, source=source, name=name, digest=digest)
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
                    log_model(self.workspace, self._client, self.run_id, model)
                _finish(self._client, self.workspace, self.run_id, done)
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


@contextmanager
def _forgiving(workspace: Workspace, run: TrackedRun) -> Iterator[None]:
    try:
        yield
    except store_errors(InputError) as error:
        LOG.warning(
            "%s: the outputs are complete, but this run is not in MLflow: %s. Make the store %s "
            "writable (or unset MLFLOW_TRACKING_URI) and run `dvc repro -f %s` to log it.",
            run.stage,
            str(error).splitlines()[0] if str(error) else type(error).__name__,
            tracking_uri(workspace),
            run.stage,
        )


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
        "mlflow.note.content": f"{DEMO}\n\n{run.description}" if demo else run.description,
        **data_version(workspace),
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


def _finish(client: MlflowClient, workspace: Workspace, run_id: str, run: TrackedRun) -> None:
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
            client.log_artifact(run_id, str(workspace.path(path)), place or None)
    client.set_terminated(run_id, "FINISHED")


def _shown_name(run: TrackedRun, demo: bool) -> str:
    experiment = os.environ.get("DVC_EXP_NAME")
    name = f"demo: {run.name}" if demo else run.name
    return f"{name} ({experiment})" if experiment else name
