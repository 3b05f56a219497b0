"""`gazeshift serve`: the promoted editor answers over HTTP, with limits (docs/serving.md)."""

from __future__ import annotations

import os
import sys

from pipeline.commands.promote import ALIAS, EDITOR
from pipeline.ground.workspace import Workspace
from pipeline.tracking.models import served_folder


def main(workspace: Workspace, host: str, port: str, timeout: str) -> None:
    """Become the editor's server, until it is stopped; its code is the model's own.

    Raises:
        InputError: no editor was promoted, or the store cannot be reached.
    """
    folder = served_folder(workspace, EDITOR, ALIAS)
    sys.stderr.flush()
    os.chdir(folder / "code")
    server = [sys.executable, "-m", "pipeline.serving.server", str(folder / "artifacts/editor")]
    os.execv(sys.executable, [*server, "--host", host, "--port", port, "--timeout", timeout])
