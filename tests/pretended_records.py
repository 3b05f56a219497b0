"""Records of stages that did not run here."""

import json

from pipeline.ground.artefacts import record_of
from pipeline.ground.code import code_digest
from pipeline.ground.files import write_text
from pipeline.ground.workspace import Workspace

MAKER = "pipeline.ground.files"


def write_records(workspace: Workspace, *stages: str) -> None:
    """Have each stage's record say that the present code made its outs."""
    for stage in stages:
        head = {"code": [[MAKER, code_digest(MAKER)]]}
        write_text(workspace.path(record_of(stage)), json.dumps(head) + "\n")
