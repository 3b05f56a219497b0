"""The command line: help at once, errors as one message, statuses that scripts can use."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.ground.terminal import say

HEAVY = ("torch", "pandas", "numpy", "cv2", "mlflow", "great_expectations", "pandera", "yaml")


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys, pipeline.cli\n"
        "try: pipeline.cli.main(['--help'])\n"
        f"except SystemExit: print('heavy:', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert answer.stdout.endswith("heavy: []\n")


def test_outside_a_repository_the_remedy_is_named(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["adopt", "variant"]) == 1
    assert "--root DIR" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"),
    [("--port", "x"), ("--port", "65536"), ("--timeout", "nan"), ("--timeout", "1 min")],
)
def test_what_a_server_cannot_take_is_told_before_it_starts(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["serve", option, value])
    assert f"argument {option}: must be a number" in capsys.readouterr().err


def test_a_stage_that_code_from_outside_ends_has_not_succeeded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pipeline.commands.adopt.main", lambda *_, **__: sys.exit(0))
    assert cli.main(["adopt", "variant", "--root", str(tmp_path)]) == 1
    assert "was made to exit (0)" in capsys.readouterr().err


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_cannot_be_written_gives_one_line(
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full_disk(*_: object, **__: object) -> None:
        raise OSError(code, "no way to write", str(tmp_path / "out"))

    monkeypatch.setattr("pipeline.commands.adopt.main", full_disk)
    assert cli.main(["adopt", "variant", "--root", str(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "no way to write" in message
    assert "what was finished is kept" in message


def test_whoever_reads_may_stop_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pipeline.commands.adopt.main", lambda *_, **__: say("moved"))
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        monkeypatch.setattr("sys.stdout", closed)
        assert cli.main(["adopt", "variant", "--root", str(tmp_path)]) == 1
    assert capsys.readouterr().err == ""
