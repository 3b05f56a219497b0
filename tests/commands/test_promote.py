import json

import pytest

from pipeline.commands import promote
from pipeline.errors import InputError
from pipeline.evaluate import GATE
from pipeline.evaluation.control import CONTROLNET, WEIGHTS
from pipeline.storage.files import file_digest, write_bytes, write_text
from pipeline.storage.workspace import Workspace
from pipeline.tracking import tracking_uri
from pipeline.train import REGISTERED


def write_gate(workspace: Workspace, weights: bytes, passed: bool = True) -> str:
    """Pretend that these weights were trained and evaluated; return their hash."""
    path = workspace.path(CONTROLNET) / WEIGHTS
    write_bytes(path, weights)
    gate = {"pass": passed, "model": file_digest(path), "failed": [] if passed else ["dose"]}
    write_text(workspace.path(GATE), json.dumps(gate))
    return file_digest(path)


def test_the_champion_moves_on_a_pass_only_and_goes_by_the_weights(workspace, capsys) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri(workspace))
    client.create_registered_model(REGISTERED)

    def register(weights: str) -> str:
        tags = {"weights": weights}
        return str(client.create_model_version(REGISTERED, "file:///nowhere", tags=tags).version)

    def champion() -> str:
        return str(client.get_model_version_by_alias(REGISTERED, promote.ALIAS).version)

    first = register(write_gate(workspace, b"first"))
    assert promote.main(workspace) == 0
    assert champion() == first
    assert promote.main(workspace) == 0
    assert champion() == first

    second = register(write_gate(workspace, b"second", passed=False))
    assert promote.main(workspace) == 0
    assert champion() == first
    assert "Not promoted: these proofs failed: dose" in capsys.readouterr().out

    write_gate(workspace, b"second")
    assert promote.main(workspace) == 0
    assert champion() == second

    write_gate(workspace, b"nobody registered these")
    with pytest.raises(InputError, match=r"no version of gazeshift-controlnet"):
        promote.main(workspace)


def test_a_gate_of_other_weights_and_none_are_named(workspace) -> None:
    with pytest.raises(InputError, match="dvc repro evaluate"):
        promote.main(workspace)
    write_gate(workspace, b"first")
    write_bytes(workspace.path(CONTROLNET) / WEIGHTS, b"trained since")
    with pytest.raises(InputError, match="another ControlNet"):
        promote.main(workspace)
