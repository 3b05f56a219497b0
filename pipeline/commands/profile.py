"""`gazeshift profile`: take the scenes that are valid now as the reference for drift."""

from __future__ import annotations

import json

from pipeline.ground.artefacts import SCENES
from pipeline.ground.contract import ContractBroken, read_checked
from pipeline.ground.errors import InputError
from pipeline.ground.files import write_text
from pipeline.ground.terminal import say
from pipeline.ground.workspace import Workspace
from pipeline.stages.validate.params import ValidateParams


def main(workspace: Workspace) -> int:
    """Write the distributions of the valid scenes' figures to `validate.reference_profile`.

    Raises:
        InputError: there is no scene table, or nothing in it, or it breaks its contract.
    """
    from schemas.scene_batch import make_profile
    from schemas.valid_scenes import VALID_SCENES_TABLE

    path = workspace.path(SCENES)
    try:
        table = read_checked(path, VALID_SCENES_TABLE) if path.is_file() else None
    except ContractBroken as error:
        raise InputError(f"{path}: {error}. Delete it and run `dvc repro validate`.") from error
    if table is None or table.empty:
        raise InputError(f"{SCENES} is missing or empty. Run `dvc repro validate` first.")
    target = ValidateParams.load(workspace).reference_profile
    write_text(workspace.path(target), json.dumps(make_profile(table), indent=1) + "\n")
    say(f"wrote {target}, from {len(table)} scenes")
    return 0
