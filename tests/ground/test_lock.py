"""Two runs of one stage: the second is refused by name, and a killed one leaves no lock behind."""

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from pipeline.ground.artefacts import OUTS
from pipeline.ground.code import Key
from pipeline.ground.errors import BusyError, StorageError
from pipeline.ground.lock import stage_lock
from pipeline.ground.outs import StageOuts, foreign_files
from pipeline.ground.workspace import Workspace

KEYS = {"a": Key("1", ("pipeline.ground.files",))}
OUTS_OF_OTHER = """
import sys, time; from pathlib import Path
from pipeline.ground import outs as module
from pipeline.ground.workspace import Workspace
module.OUTS["variant"] = ("out",)
with module.StageOuts(Workspace(Path(sys.argv[1])), "variant") as outs:
    outs.begin({"a": module.Key("1", ("pipeline.ground.files",))})
    (outs.staging / "out").mkdir()
    (outs.staging / "out/a.txt").write_text("made")
    print("at work", flush=True)
    sys.stdin.readline()
    outs.accept("a", ["out/a.txt"])
"""


@pytest.fixture
def other(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen]:
    """Another process that runs the stage, until it is told to end."""
    monkeypatch.setitem(OUTS, "variant", ("out",))
    command = [sys.executable, "-c", OUTS_OF_OTHER, str(workspace.root)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout.readline() == "at work\n"
        yield process
        process.kill()


def test_a_second_run_is_refused_by_the_firsts_id_and_disturbs_nothing(
    workspace: Workspace, other: subprocess.Popen, gazeshift
) -> None:
    with (
        pytest.raises(BusyError, match=f"^variant: process {other.pid} on "),
        StageOuts(workspace, "variant"),
    ):
        pass
    for command in ("adopt", "vouch"):
        status, _, said = gazeshift(command, "variant")
        assert status == 1
        assert f"process {other.pid}" in said
    with stage_lock(workspace, "edit"):
        other.communicate("\n")
    assert other.returncode == 0
    assert foreign_files(workspace, "variant") == []
    with StageOuts(workspace, "variant") as outs:
        assert outs.begin(KEYS) == set()
    assert workspace.path("out/a.txt").read_text() == "made"


def test_the_lock_of_a_killed_run_is_gone_with_it(
    workspace: Workspace, other: subprocess.Popen
) -> None:
    other.kill()
    other.wait()
    with StageOuts(workspace, "variant") as outs:
        assert outs.begin(KEYS) == {"a"}


@pytest.mark.parametrize(
    "code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP], ids=errno.errorcode.get
)
def test_a_file_system_without_locks_is_named(
    workspace: Workspace, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "lockf", fail)
    with (
        pytest.raises(StorageError, match=r"has no locks.*\.gazeshift on a local disk"),
        stage_lock(workspace, "edit"),
    ):
        pass
