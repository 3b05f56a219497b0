"""What stages leave behind, also those that are killed in their middle, or never ran."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.ground.artefacts import OUTS, record_of, refused_by
from pipeline.ground.code import code_digest
from pipeline.ground.files import write_text
from pipeline.ground.outs import StageOuts
from pipeline.ground.workspace import Workspace
from pipeline.scenes.refusals import read_rejections
from schemas.rejected_scenes import Reason

ROOT = Path(__file__).parents[1]


def tree(folder: Path) -> dict[str, bytes]:
    """All files below a folder with their content, in order of their paths."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def outs_of(workspace: Workspace, stage: str) -> dict[str, bytes]:
    """All files of a stage's outs with their content."""
    found = {}
    for out in OUTS[stage]:
        path = workspace.path(out)
        below = {f"{out}/{name}": content for name, content in tree(path).items()}
        found |= {out: path.read_bytes()} if path.is_file() else below
    return found


def written_at(folder: Path, suffix: str) -> dict[str, int]:
    """When the files of a kind below a folder were written, by their names."""
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob(f"*{suffix}")}


def refusals(workspace: Workspace, stage: str) -> list[tuple[str, int | None, Reason]]:
    """The scenes that an ingest stage refused."""
    rejections = read_rejections(workspace.path(refused_by(stage)))
    return [(one.video_id, one.scene_number, one.reason) for one in rejections]


def write_records(workspace: Workspace, *stages: str) -> None:
    """Have each stage's record say that the present code made its outs, though it did not run."""
    maker = "pipeline.ground.files"
    head = {"code": [[maker, code_digest(maker)]]}
    for stage in stages:
        write_text(workspace.path(record_of(stage)), json.dumps(head) + "\n")


def run_and_kill(stage: str, root: Path, reached: Callable[[], object]) -> None:
    """Run a stage as `dvc repro` does, and kill it where it has got to."""
    command = [sys.executable, "-m", "pipeline", stage, "--root", str(root)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, start_new_session=True)
    kill_when(process, reached)


def kill_when(process: subprocess.Popen[bytes], reached: Callable[[], object]) -> None:
    """Kill -9 a process that was started in a group of its own, and all that it started."""
    deadline = time.monotonic() + 600
    while not reached():
        assert process.poll() is None, "it has ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


@contextmanager
def killed_after_one_item(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a run end, as by Ctrl-C, before its second item is taken up."""
    made = []
    accept = StageOuts.accept

    def killed(outs: StageOuts, item: str, *arguments: object) -> None:
        if made:
            raise KeyboardInterrupt
        made.append(item)
        accept(outs, item, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(StageOuts, "accept", killed)
        with pytest.raises(KeyboardInterrupt):
            yield
