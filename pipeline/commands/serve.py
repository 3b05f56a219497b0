"""`gazeshift serve`: the promoted editor answers over HTTP, with limits (docs/serving.md)."""

from __future__ import annotations

import os
import sys

from pipeline.commands.promote import ALIAS, EDITOR
from pipeline.ground.errors import InputError
from pipeline.ground.workspace import Workspace
from pipeline.tracking.models import served_folder


def main(workspace: Workspace, host: str, port: int, timeout: float, cache_gb: float) -> None:
    """Become the editor's server, until it is stopped; its code is the model's own.

    Raises:
        InputError: no editor was promoted, or by an older version, or the store cannot be reached.
    """
    folder = served_folder(workspace, EDITOR, ALIAS)
    if not (folder / "code/pipeline/serving/server.py").is_file():
        raise InputError(
            f"{EDITOR}@{ALIAS} was promoted by an older version, whose code has no server. Run "
            "`gazeshift promote`."
        )
    sys.stderr.flush()
    os.chdir(folder / "code")
    server = [sys.executable, "-m", "pipeline.serving.server", str(folder / "artifacts/editor")]
    options = ["--host", host, "--port", str(port), "--timeout", str(timeout)]
    options += ["--cache-gb", str(cache_gb)]
    os.execv(sys.executable, [*server, *options])
