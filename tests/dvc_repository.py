"""A DVC repository of its own, for tests that run stages as users do: with `dvc repro`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import yaml

OURS = Path(__file__).parents[1]
_FOREIGN = ("DVC_ROOT", "DVC_EXP_NAME", "DVC_STAGE", "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID")


class DvcRepository:
    """A folder in which `dvc` runs the code under test.

    Args:
        root: the folder.
        git: whether it is a git repository as well.
    """

    def __init__(self, root: Path, git: bool = False) -> None:
        self.root = root
        self.environment = self.environment_of(OURS)
        if git:
            self.run("git", "init", "-q")
            self.run("git", "config", "user.email", "someone@example.org")
            self.run("git", "config", "user.name", "Someone")
        self.dvc("init", "-q", *([] if git else ["--no-scm"]))

    @staticmethod
    def environment_of(code: Path) -> dict[str, str]:
        """Return the environment in which that code is what runs."""
        kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
        # DVC starts its queue workers as plain `dvc`, and is silent if the path has none.
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        return kept | {"PYTHONPATH": str(code), "DVC_NO_ANALYTICS": "1", "PATH": path}

    def start(self, *command: str, output: Any = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Start a command in a process group of its own."""
        return subprocess.Popen(
            command,
            cwd=self.root,
            env=self.environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )

    def run(self, *command: str) -> str:
        """Run a command that must succeed; return what it says."""
        # A file, not a pipe: DVC's queue worker outlives the command and would keep a pipe open.
        with TemporaryFile("w+") as output:
            status = self.start(*command, output=output).wait()
            output.seek(0)
            text = output.read()
        assert status == 0, text
        return text

    def dvc(self, *arguments: str) -> str:
        """Run `dvc`; return what it says."""
        return self.run("dvc", *arguments)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill -9 a process that was started in a group of its own, and all that it started."""
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def stages(*names: str) -> Mapping[str, Any]:
    """Return a dvc.yaml with those stages of ours, without what their code depends on."""
    ours = yaml.safe_load((OURS / "dvc.yaml").read_text())["stages"]
    chosen = {name: ours[name] for name in names}
    for stage in chosen.values():
        stage["deps"] = [
            dep for dep in stage["deps"] if not dep.startswith(("pipeline", "schemas"))
        ]
        stage["cmd"] = stage["cmd"].replace("python", sys.executable, 1)
    return {"stages": chosen}
