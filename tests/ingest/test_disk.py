"""A full disk and a read-only folder: one line that says what to do, and nothing lost."""

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stage_inputs import INPUTS, PARAMS
from stage_runs import outs_of

from pipeline.ground import artefacts
from pipeline.ground.files import write_text
from pipeline.ground.workspace import Workspace


@pytest.fixture
def small_disk(workspace: Workspace) -> Iterator[Workspace]:
    """A file system of 24 MB as data root; where one may not mount, the test is skipped."""
    root = str(workspace.root)
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", root]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small file system needs root, and a container that lets it")
    try:
        write_text(workspace.path("params.yaml"), PARAMS)
        yield workspace
    finally:
        subprocess.run(["umount", "--lazy", root], check=True)


@pytest.fixture
def run(gazeshift) -> Callable[[str], tuple[int, str]]:
    """What runs a stage; its answer is the exit status, and the one line of the error if any."""

    def answered(stage: str) -> tuple[int, str]:
        status, _, said = gazeshift(stage)
        errors = [line for line in said.splitlines() if "gazeshift" in line]
        assert len(errors) == status
        return status, "".join(errors)

    return answered


@pytest.mark.parametrize("stage", INPUTS)
@pytest.mark.parametrize("free_bytes", [0, 200_000])
def test_a_full_disk_is_said_in_one_line_and_the_stage_goes_on_later(
    small_disk: Workspace, stage: str, free_bytes: int, run
) -> None:
    INPUTS[stage](small_disk, 6)
    spare, fill = small_disk.path("spare"), small_disk.path("fill")
    spare.write_bytes(bytes(free_bytes))
    with pytest.raises(OSError, match="No space left"):
        fill.write_bytes(bytes(30_000_000))
    spare.unlink()
    status, error = run(stage)
    assert status == 1
    assert "No space left" in error or "full" in error
    assert "Free some space" in error
    fill.unlink()
    assert run(stage) == (0, "")
    assert outs_of(small_disk, stage)


@pytest.mark.parametrize("stage", INPUTS)
def test_a_read_only_folder_is_said_in_one_line(small_disk: Workspace, stage: str, run) -> None:
    INPUTS[stage](small_disk, 2)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk.root)], check=True)
    status, error = run(stage)
    assert status == 1
    assert "Read-only file system" in error or "readonly" in error
    assert "make the folder writable" in error


@pytest.mark.parametrize("stage", INPUTS)
def test_an_out_that_may_not_be_written_is_named_and_the_stage_goes_on_later(
    workspace: Workspace, stage: str, run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the user that runs the tests, whoever it is; no file system is mounted for it."""
    INPUTS[stage](workspace, 2)
    write_text(workspace.path("params.yaml"), PARAMS)
    out = workspace.path(artefacts.OUTS[stage][0])
    folder = out.parent if out.suffix else out
    with monkeypatch.context() as patch:
        lock(folder, patch)
        status, error = run(stage)
        assert status == 1
        assert f"cannot write {folder}" in error
        assert "Permission denied" in error
        assert "make the folder writable" in error
    folder.chmod(0o755)
    assert run(stage) == (0, "")
    assert outs_of(workspace, stage)


def lock(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Take away the right to write in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o555)
    if not os.access(folder, os.W_OK):
        return

    # Root may write in any folder, so it is told what others are told.
    move = os.replace

    def move_elsewhere(source: Path, target: Path) -> None:
        if Path(target).is_relative_to(folder):
            refused = os.strerror(errno.EACCES)
            raise OSError(errno.EACCES, refused, str(source), None, str(target))
        move(source, target)

    patch.setattr(os, "replace", move_elsewhere)
