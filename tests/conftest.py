"""Fixtures that several test folders share; this file also puts `tests/` on the import path."""

import os
from pathlib import Path

import pytest

from pipeline.ground.workspace import Workspace

# The suite runs a process per core: more threads than that would only wait for one another, and a
# tiny model's training takes a hundred times as long. Before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """An empty data root that knows nothing of the repository, of DVC or of an MLflow server."""
    for name in ("DVC_ROOT", "DVC_EXP_NAME", "DVC_STAGE", "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "root"
    root.mkdir()
    (root / "params.yaml").write_text("")
    return Workspace(root)
