"""Fixtures that several test folders share; this file also puts `tests/` on the import path."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from dvc_repository import FOREIGN

from pipeline import cli
from pipeline.ground.workspace import Workspace

# The suite runs a process per core: more threads than that would only wait for one another, and a
# tiny model's training takes a hundred times as long. Before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module", autouse=True)
def _own_environment() -> None:
    """For what a module makes once: it knows as little of DVC and MLflow as a workspace does."""
    for name in FOREIGN:
        os.environ.pop(name, None)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """An empty data root that knows nothing of the repository, of DVC or of an MLflow server."""
    for name in FOREIGN:
        monkeypatch.setenv(name, "")  # MLflow sets some itself: so that this is undone as well.
        monkeypatch.delenv(name)
    root = tmp_path / "root"
    root.mkdir()
    (root / "params.yaml").write_text("")
    return Workspace(root)


class Answer(NamedTuple):
    """Of a command: its exit status, and what it said."""

    status: int
    out: str
    err: str


@pytest.fixture
def gazeshift(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """What runs a command of the command line on the workspace."""

    def run(*command: str) -> Answer:
        capsys.readouterr()
        status = cli.main([*command, "--root", str(workspace.root)])
        return Answer(status, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def tiny_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the weights of `tiny_backbone.py`; who changes one takes a copy of it."""
    from tiny_backbone import save_tiny_backbone

    return save_tiny_backbone(tmp_path_factory.mktemp("tiny_backbone"))
