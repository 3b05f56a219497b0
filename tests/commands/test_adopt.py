import errno
import os
import shutil
from pathlib import Path

import pytest

from pipeline.commands import adopt
from pipeline.ground.errors import UserFilesError
from pipeline.ground.workspace import Workspace

MINE = "keyword_masks/70000/70000-Scene-001-01.png"
THERE = f"data/import/{MINE}"


def put(workspace: Workspace, path: str, words: str = "drawn by hand") -> Path:
    file = workspace.path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(words)
    return file


def test_own_files_move_to_where_the_stage_can_read_them(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    file = put(workspace, MINE)
    assert adopt.main(workspace, "keyword_masks") == 0
    assert workspace.path(THERE).read_text() == "drawn by hand"
    assert not file.exists()
    said = capsys.readouterr().out
    assert "keyword_masks.source: folder" in said
    assert "keyword_masks.input: data/import/keyword_masks" in said
    assert adopt.main(workspace, "keyword_masks") == 0
    assert "nothing to move" in capsys.readouterr().out


def test_nothing_is_overwritten_or_moved_by_halves(workspace: Workspace) -> None:
    put(workspace, MINE)
    put(workspace, MINE.replace("001", "002"))
    put(workspace, THERE, "there before")
    with pytest.raises(UserFilesError, match="Nothing has been moved"):
        adopt.main(workspace, "keyword_masks")
    assert workspace.path(MINE).exists()
    assert workspace.path(MINE.replace("001", "002")).exists()
    assert workspace.path(THERE).read_text() == "there before"


def test_a_disk_that_is_full_leaves_no_half_file_in_the_way(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put(workspace, MINE)
    rename = os.replace

    def to_another_disk(old: Path, new: Path) -> None:
        if Path(old) == file:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        rename(old, new)

    def half(_: Path, target: Path, **__: object) -> None:
        Path(target).write_text("dra")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", to_another_disk)
    monkeypatch.setattr(os, "rename", to_another_disk)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copy2", half)
        patch.setattr(shutil, "copyfile", half)
        with pytest.raises(OSError, match="No space left"):
            adopt.main(workspace, "keyword_masks")
    assert adopt.main(workspace, "keyword_masks") == 0
    assert workspace.path(THERE).read_text() == "drawn by hand"


def test_a_stage_that_reads_no_folder_is_not_told_to(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    put(workspace, "outputs/variants_v3/notes.txt")
    assert adopt.main(workspace, "variant") == 0
    assert workspace.path("data/import/variants_v3/notes.txt").exists()
    assert "source: folder" not in capsys.readouterr().out
