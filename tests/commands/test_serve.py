"""`gazeshift serve`, before it becomes the server."""

from pathlib import Path

import pytest

from pipeline.commands import serve
from pipeline.ground.errors import InputError
from pipeline.ground.files import write_text
from pipeline.ground.workspace import Workspace


def test_a_champion_of_an_older_version_is_named(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(tmp_path / "champion/code/pipeline/serving/editor_model.py", "")
    monkeypatch.setattr(serve, "served_folder", lambda *_: tmp_path / "champion")
    with pytest.raises(InputError, match=r"older version.* Run `gazeshift promote`"):
        serve.main(workspace, "127.0.0.1", 5001, 60.0, 1.0)
