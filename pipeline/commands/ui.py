"""`gazeshift ui`: runs, models and pictures in MLflow's pages, wherever the repository lies now."""

from __future__ import annotations

import os
import sys

from pipeline.ground.errors import InputError
from pipeline.ground.workspace import Workspace
from pipeline.tracking.store import put_right, tracking_uri


def main(workspace: Workspace, host: str, port: int) -> None:
    """Become MLflow's server, until it is stopped.

    Raises:
        InputError: the runs are on a server, which has pages of its own.
    """
    uri = tracking_uri(workspace)
    if uri.startswith(("http://", "https://")):
        raise InputError(
            f"MLFLOW_TRACKING_URI names a server: open {uri} in a browser, or unset it to see the "
            "runs of this repository's own store."
        )
    put_right(workspace)
    sys.stderr.flush()
    mlflow = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri]
    os.execv(sys.executable, [*mlflow, "--host", host, "--port", str(port)])
