import json

import pytest
from mlflow import MlflowClient
from tiny_editor import register_controlnet, write_controlnet, write_gate, write_tiny_editor

from pipeline.commands import promote
from pipeline.diffusion.controlnet import WEIGHTS
from pipeline.ground.artefacts import CONTROLNET, GATE
from pipeline.ground.errors import InputError
from pipeline.ground.files import write_bytes, write_text
from pipeline.ground.workspace import Workspace
from pipeline.tracking.models import REGISTERED
from pipeline.tracking.store import tracking_uri


@pytest.fixture
def trained(workspace: Workspace) -> Workspace:
    write_tiny_editor(workspace)
    return workspace


def test_the_champions_move_on_a_pass_only_and_go_by_the_weights(trained, capsys) -> None:
    client = MlflowClient(tracking_uri(trained))

    def champions() -> tuple[str, str]:
        controlnet, editor = (
            str(client.get_model_version_by_alias(name, promote.ALIAS).version)
            for name in (REGISTERED, promote.EDITOR)
        )
        return controlnet, editor

    register_controlnet(trained, write_controlnet(trained, 1))
    for _ in range(2):
        assert promote.main(trained) == 0
        assert champions() == ("1", "1")

    register_controlnet(trained, write_controlnet(trained, 2, failed=("dose",)))
    assert promote.main(trained) == 0
    assert champions() == ("1", "1")
    assert "Not promoted: these proofs failed: dose" in capsys.readouterr().out

    write_controlnet(trained, 2)
    assert promote.main(trained) == 0
    assert champions() == ("2", "2")

    write_controlnet(trained, 1)
    assert promote.main(trained) == 0
    assert champions() == ("1", "1")

    write_controlnet(trained, 3)
    with pytest.raises(InputError, match=r"no version of gazeshift-controlnet"):
        promote.main(trained)


def test_other_params_make_another_editor_that_is_to_be_evaluated(trained) -> None:
    client = MlflowClient(tracking_uri(trained))
    register_controlnet(trained, write_controlnet(trained, 1))
    promote.main(trained)
    params = trained.path("params.yaml")
    evaluated = params.read_text()
    for old, new in (
        ("image_size: [48, 32]", "image_size: [64, 32]"),
        ("on_clip: solve", "on_clip: solve, quality: 90"),
        ("steps: 4", "steps: 5"),
    ):
        assert old in evaluated
        params.write_text(evaluated.replace(old, new))
        with pytest.raises(InputError, match="edits by other models or params"):
            promote.main(trained)
    write_gate(trained)
    promote.main(trained)
    assert len(client.search_model_versions(f"name = '{promote.EDITOR}'")) == 2


@pytest.mark.parametrize(
    "changes", [{"pass": "no"}, {"pass": False}, {"failed": None}, {"checks": [{}]}]
)
def test_a_damaged_gate_is_named(trained, changes) -> None:
    write_controlnet(trained, 1)
    write_gate(trained)
    whole = json.loads(trained.path(GATE).read_text())
    without = {name: value for name, value in whole.items() if name not in changes}
    for content in ("{", json.dumps(without), json.dumps(whole | changes)):
        write_text(trained.path(GATE), content)
        with pytest.raises(InputError, match="is damaged"):
            promote.main(trained)


def test_an_editor_that_cannot_be_loaded_is_not_registered(trained) -> None:
    client = MlflowClient(tracking_uri(trained))
    register_controlnet(trained, write_controlnet(trained, 1))
    write_bytes(trained.path("outputs/attention_model/model.safetensors"), b"damaged")
    damaged = r"edit\.guide: .*/guide/model\.safetensors is no safetensors file"
    with pytest.raises(InputError, match=damaged):
        promote.main(trained)
    assert not client.search_model_versions(f"name = '{promote.EDITOR}'")
    assert not client.get_registered_model(REGISTERED).aliases


def test_a_gate_of_other_weights_and_none_are_named(workspace) -> None:
    with pytest.raises(InputError, match="dvc repro evaluate"):
        promote.main(workspace)
    write_tiny_editor(workspace)
    write_bytes(workspace.path(CONTROLNET) / WEIGHTS, b"trained since")
    with pytest.raises(InputError, match="another ControlNet"):
        promote.main(workspace)
