"""The outs of a stage: exact, resumable, and never at the cost of a user's file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.ground.artefacts import OUTS
from pipeline.ground.code import Key
from pipeline.ground.errors import UserFilesError
from pipeline.ground.outs import StageOuts, foreign_files, is_made
from pipeline.ground.workspace import Workspace

MAKER = "pipeline.ground.files"


@pytest.fixture(autouse=True)
def stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OUTS, "demo", ("out", "reports/table.csv"))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "params.yaml").write_text("")
    return Workspace.find(tmp_path)


def plan(inputs: dict[str, str]) -> dict[str, Key]:
    return {item: Key(found, (MAKER,)) for item, found in inputs.items()}


def run(workspace: Workspace, keys: dict[str, str]) -> set[str]:
    """Run a stage that writes each item's key into a file; return the items it made."""
    with StageOuts(workspace, "demo") as outs:
        todo = outs.begin(plan(keys))
        for item in todo:
            path = f"out/{item}/content.txt"
            (outs.staging / path).parent.mkdir(parents=True)
            (outs.staging / path).write_text(keys[item])
            outs.accept(item, [path], {"key": keys[item]})
        assert dict(outs.results()) == {item: {"key": key} for item, key in keys.items()}
    return todo


def tree(workspace: Workspace) -> dict[str, str]:
    files = sorted(path for path in workspace.path("out").rglob("*") if path.is_file())
    return {workspace.relative(path): path.read_text() for path in files}


def test_only_changed_items_are_made_again(workspace: Workspace) -> None:
    assert run(workspace, {"a": "1", "b": "1"}) == {"a", "b"}
    assert run(workspace, {"a": "1", "b": "2"}) == {"b"}
    assert tree(workspace) == {"out/a/content.txt": "1", "out/b/content.txt": "2"}


def test_what_the_plan_no_longer_has_is_deleted_with_its_folder(workspace: Workspace) -> None:
    run(workspace, {"a": "1", "b": "1"})
    run(workspace, {"b": "1"})
    assert tree(workspace) == {"out/b/content.txt": "1"}
    assert not workspace.path("out/a").exists()


def test_whether_all_is_made_can_be_asked_and_changes_no_file(
    workspace: Workspace,
) -> None:
    assert not is_made(workspace, "demo", plan({"a": "1"}))
    run(workspace, {"a": "1"})
    before = {path.name: path.read_bytes() for path in workspace.state.iterdir() if path.is_file()}
    assert is_made(workspace, "demo", plan({"a": "1"}))
    assert not is_made(workspace, "demo", plan({"a": "2"}))
    after = {path.name: path.read_bytes() for path in workspace.state.iterdir() if path.is_file()}
    assert after == before
    workspace.path("out/a/content.txt").unlink()
    assert not is_made(workspace, "demo", plan({"a": "1"}))
    workspace.path(".gazeshift/records/demo.sqlite").write_bytes(b"half written")
    assert not is_made(workspace, "demo", plan({"a": "1"}))


def test_a_pulled_record_is_known_to_who_only_asks(workspace: Workspace) -> None:
    run(workspace, {"a": "1"})
    database = workspace.path(".gazeshift/records/demo.sqlite")
    database.unlink()
    assert is_made(workspace, "demo", plan({"a": "1"}))
    assert not is_made(workspace, "demo", plan({"a": "2"}))
    assert not database.exists()


def test_a_lost_file_is_made_again(workspace: Workspace) -> None:
    run(workspace, {"a": "1", "b": "1"})
    workspace.path("out/a/content.txt").unlink()
    assert run(workspace, {"a": "1", "b": "1"}) == {"a"}


def test_a_touched_file_is_kept_for_its_content(workspace: Workspace) -> None:
    run(workspace, {"a": "1"})
    workspace.path("out/a/content.txt").touch()
    assert run(workspace, {"a": "1"}) == set()


@pytest.mark.parametrize("name", ["out/mine.png", "out/a/mine.png", "reports/table.csv"])
def test_a_users_file_stops_the_stage_and_stays(workspace: Workspace, name: str) -> None:
    run(workspace, {"a": "1"})
    workspace.path(name).write_text("drawn by hand")
    with pytest.raises(UserFilesError, match="gazeshift adopt demo"):
        run(workspace, {"b": "1"})
    assert workspace.path(name).read_text() == "drawn by hand"
    assert tree(workspace)["out/a/content.txt"] == "1"
    assert foreign_files(workspace, "demo") == [name]


def test_a_file_retouched_by_hand_stops_the_stage_and_stays(workspace: Workspace) -> None:
    run(workspace, {"a": "1"})
    workspace.path("out/a/content.txt").write_text("retouched")
    with pytest.raises(UserFilesError, match=r"out/a/content\.txt"):
        run(workspace, {"a": "2"})
    assert tree(workspace) == {"out/a/content.txt": "retouched"}


def test_a_kill_between_record_and_rename_leaves_a_run_that_goes_on(workspace: Workspace) -> None:
    program = (
        "import os, sys; from pathlib import Path\n"
        "from pipeline.ground import outs as module\n"
        "from pipeline.ground.workspace import Workspace\n"
        "module.OUTS['demo'] = ('out',)\n"
        "with module.StageOuts(Workspace(Path(sys.argv[1])), 'demo') as outs:\n"
        "    outs.begin({item: module.Key('1', ('pipeline.ground.files',)) for item in 'ab'})\n"
        "    for item in 'ab':\n"
        "        path = f'out/{item}/content.txt'\n"
        "        (outs.staging / path).parent.mkdir(parents=True)\n"
        "        (outs.staging / path).write_text('1')\n"
        "        if item == 'b':\n"
        "            os.replace = lambda *_: os.kill(os.getpid(), 9)\n"
        "        outs.accept(item, [path])\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(workspace.root)], check=False)
    assert killed.returncode == -9
    with StageOuts(workspace, "demo") as outs:
        assert outs.begin(plan({"a": "1", "b": "1"})) == {"b"}


def test_files_that_dvc_can_give_back_are_not_a_users(workspace: Workspace) -> None:
    def dvc(*arguments: str) -> None:
        command = [sys.executable, "-m", "dvc", *arguments]
        subprocess.run(command, cwd=workspace.root, check=True, capture_output=True)

    dvc("init", "--no-scm")
    workspace.path("dvc.yaml").write_text(
        "stages:\n  demo:\n    cmd: mkdir -p out && echo 1 > out/made.txt\n    outs: [out]\n"
    )
    dvc("repro")
    workspace.path("out/mine.txt").write_text("drawn by hand")
    assert foreign_files(workspace, "demo") == ["out/mine.txt"]


def test_a_name_that_is_no_utf8_is_a_users_file_like_any_other(workspace: Workspace) -> None:
    run(workspace, {"a": "1"})
    path = os.fsencode(workspace.path("out")) + b"/\xff.jpg"
    with open(path, "w") as file:
        file.write("drawn by hand")
    with pytest.raises(UserFilesError, match="gazeshift adopt demo"):
        run(workspace, {"b": "1"})
    assert os.path.exists(path)
    assert tree(workspace)["out/a/content.txt"] == "1"
