"""`gazeshift promote`: the ControlNet whose edits passed the proof becomes MLflow's `champion`.

So does the editor around it, which `gazeshift serve` answers with (docs/serving.md).
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.commands.gate import read_gate
from pipeline.ground.errors import InputError
from pipeline.ground.files import make_folder
from pipeline.ground.params import load_image_size
from pipeline.ground.terminal import say
from pipeline.ground.workspace import Workspace
from pipeline.serving.edit_requests import FIELDS, example_row
from pipeline.serving.pack import CODE, SCRIPT, pack_editor, requirements
from pipeline.serving.served_editor import ANSWER_FIELDS, ServedEditor
from pipeline.tracking.models import REGISTERED, ServedModel, promote, register_served
from pipeline.tracking.store import tracking_uri

ALIAS = "champion"
EDITOR = "gazeshift-editor"
_ABOUT = (
    "Redraws a scene so that attention on the product follows alpha; docs/serving.md of the "
    "repository says what to send and what comes back."
)


def main(workspace: Workspace) -> int:
    """Move the aliases to the versions with the evaluated weights, on a pass only.

    What DVC restores from its cache logs nothing in MLflow; so this goes by the hash of the
    weights, and doing it again changes nothing. A fail leaves the champion and is no error here:
    `gazeshift gate` is for that.

    Raises:
        InputError: nothing was evaluated, MLflow does not know these weights, or a model that the
            editor needs is missing or unreadable.
        ParamsError: the editor's params cannot work.
    """
    gate = read_gate(workspace)
    if not gate["pass"]:
        failed = ", ".join(gate["failed"])
        say(f"Not promoted: these proofs failed: {failed}. The champion stays.")
        return 0
    make_folder(workspace.state)
    with TemporaryDirectory(dir=workspace.state) as name:
        folder = Path(name) / "editor"
        digest = pack_editor(workspace, folder)
        # Before an alias moves: MLflow registers what cannot be loaded with no more than a warning.
        ServedEditor(Workspace(folder))
        version = promote(workspace, REGISTERED, gate["model"], ALIAS)
        if version is None:
            raise InputError(
                f"{tracking_uri(workspace)} has no version of {REGISTERED} with the weights "
                f"{gate['model']}: they were trained with another store, or it cannot be reached. "
                "Run `dvc repro -f train`, or set MLFLOW_TRACKING_URI to that store."
            )
        say(f"{REGISTERED} version {version} is the {ALIAS}.")
        version = promote(workspace, EDITOR, digest, ALIAS)
        if version is None:
            _register_editor(workspace, folder, digest, gate["verdict"])
            version = promote(workspace, EDITOR, digest, ALIAS)
        say(f"{EDITOR} version {version} is the {ALIAS}.")
    return 0


def _register_editor(workspace: Workspace, folder: Path, digest: str, verdict: str) -> None:
    """Register the editor as it is here; it is told from others by its models, params and code."""
    model = ServedModel(
        registered_name=EDITOR,
        script=SCRIPT,
        artifacts={"editor": folder},
        code=CODE,
        requirements=requirements(),
        inputs=FIELDS,
        outputs=ANSWER_FIELDS,
        example=example_row(load_image_size(workspace)),
        digest=digest,
        words=verdict,
        description=_ABOUT,
    )
    register_served(workspace, model)
