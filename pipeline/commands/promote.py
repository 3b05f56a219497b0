"""`gazeshift promote`: the ControlNet whose edits passed the proof becomes MLflow's `champion`."""

from __future__ import annotations

import sys

from pipeline import tracking
from pipeline.commands.gate import read_gate
from pipeline.errors import InputError
from pipeline.storage.workspace import Workspace
from pipeline.train import REGISTERED

ALIAS = "champion"


def main(workspace: Workspace) -> int:
    """Move the alias to the version with the evaluated weights, on a pass only.

    What DVC restores from its cache logs nothing in MLflow; so this goes by the hash of the
    weights, and doing it again changes nothing. A fail leaves the champion and is no error here:
    `gazeshift gate` is for that.

    Raises:
        InputError: nothing was evaluated, or MLflow does not know these weights.
    """
    gate = read_gate(workspace)
    if not gate["pass"]:
        failed = ", ".join(gate["failed"])
        sys.stdout.write(f"Not promoted: these proofs failed: {failed}. The champion stays.\n")
        return 0
    version = tracking.promote(workspace, REGISTERED, gate["model"], ALIAS)
    if version is None:
        raise InputError(
            f"{tracking.tracking_uri(workspace)} has no version of {REGISTERED} with the weights "
            f"{gate['model']}: they were trained with another store, or it cannot be reached. Run "
            "`dvc repro -f train`, or set MLFLOW_TRACKING_URI to that store."
        )
    sys.stdout.write(f"{REGISTERED} version {version} is the {ALIAS}.\n")
    return 0
