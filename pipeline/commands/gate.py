"""`gazeshift gate`: exit 0 if the last evaluation passed, 1 if not; say why."""

from __future__ import annotations

from typing import Any

from pipeline.diffusion.controlnet import weights_digest
from pipeline.editing.params import EditParams
from pipeline.ground.artefacts import GATE
from pipeline.ground.damage import read_json, reading
from pipeline.ground.errors import InputError
from pipeline.ground.terminal import say
from pipeline.ground.workspace import Workspace
from pipeline.proof.gate import edited_with, outdated


def main(workspace: Workspace) -> int:
    """Print the verdict, figure by figure; return 0 for a pass and 1 for a fail.

    Raises:
        InputError: there is no evaluation of what is there now.
    """
    gate = read_gate(workspace)
    say(*_lines(gate))
    return 0 if gate["pass"] else 1


def _lines(gate: dict[str, Any]) -> list[str]:
    marks = {True: "pass", False: "FAIL"}
    lines = [f"{marks[c['pass']]}  {c['proof']:<12} {c['words']}" for c in gate["checks"]]
    return [*lines, gate["verdict"].partition(":")[0]]


def read_gate(workspace: Workspace) -> dict[str, Any]:
    """Return `gate.json` of the last evaluation.

    Raises:
        InputError: there is none, or it is about other scenes, variants or another judge than are
            there now, or another editor than models and params make now.
    """
    from pipeline.editing.loading import current_editor_key

    path = workspace.path(GATE)
    if not path.is_file():
        raise InputError(f"{path}: nothing has been evaluated. Run `dvc repro evaluate`.")
    gate = read_json(path, "evaluate")
    with reading(path, "evaluate"):
        _lines(gate)
        if gate["pass"] is not (gate["failed"] == []):
            raise ValueError("'pass' and 'failed' contradict each other")
    if changed := outdated(workspace, gate):
        raise InputError(
            f"{path} is older than {' and '.join(changed)}: it proves nothing of what is there "
            "now. Run `dvc repro evaluate`."
        )
    controlnet = EditParams.load(workspace).controlnet
    if gate.get("model") != weights_digest(workspace.path(controlnet)):
        raise InputError(
            f"{path} is about another ControlNet than {controlnet} holds now. Run "
            "`dvc repro evaluate`."
        )
    wanted = edited_with(workspace, current_editor_key(workspace))
    if any(gate.get(name) != value for name, value in wanted.items()):
        raise InputError(
            f"{path} is about edits by other models or params: the backbone, the guide, or in "
            "params.yaml image_size, section `edit` or variant.on_clip, format or quality changed "
            "since. Run `dvc repro evaluate`."
        )
    return gate
