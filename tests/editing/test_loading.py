from tiny_editor import write_tiny_editor

from pipeline.editing.cache import TensorCache
from pipeline.editing.loading import current_editor_key, load_models, make_editor
from pipeline.editing.params import EditParams
from pipeline.ground.workspace import Workspace


def key_of_editor(workspace: Workspace) -> str:
    params = EditParams.load(workspace)
    models = load_models(workspace, params)
    return make_editor(models, params, TensorCache(workspace.path("cache"), 1)).key()


def test_the_key_that_promote_asks_for_is_that_of_the_editor_that_edits(workspace) -> None:
    """One is computed without the backbone: if they part, no proof is of the current editor."""
    write_tiny_editor(workspace)
    key = current_editor_key(workspace)
    assert key == key_of_editor(workspace)
    params = workspace.path("params.yaml")
    params.write_text(params.read_text().replace("steps: 4", "steps: 3"))
    assert key != current_editor_key(workspace) == key_of_editor(workspace)
