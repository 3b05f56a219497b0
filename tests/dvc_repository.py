"""A DVC repository of its own, for tests that run stages as users do: with `dvc repro`."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import yaml

OURS = Path(__file__).parents[1]
# What DVC and MLflow tell a process, and what a test must not hear from who runs it.
FOREIGN = ("DVC_ROOT", "DVC_EXP_NAME", "DVC_STAGE", "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID")


class DvcRepository:
    """A folder in which `dvc` runs the code under test, or that of another folder."""

    def __init__(self, root: Path, code: Path = OURS) -> None:
        self.root = root
        kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        # DVC starts its queue workers as plain `dvc`, and is silent if the path has none.
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        self.environment = {**kept, "PYTHONPATH": str(code), "DVC_NO_ANALYTICS": "1", "PATH": path}

    def init(self, git: bool = False) -> None:
        """Make it a DVC repository, and a git repository as well if asked to."""
        if git:
            self.run("git", "init", "-q")
            self.run("git", "config", "user.email", "someone@example.org")
            self.run("git", "config", "user.name", "Someone")
        self.dvc("init", "-q", *([] if git else ["--no-scm"]))

    def leave_mlflow_alone(self) -> None:
        """Nothing listens there: a run costs a warning, and no time."""
        self.environment["MLFLOW_TRACKING_URI"] = "http://127.0.0.1:9"
        self.environment["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"

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
