"""Files that belong to no scene are reported, and links are followed within the data root only."""

import os
import subprocess
from pathlib import Path

import pytest

from pipeline.ground.files import write_bytes
from pipeline.ground.workspace import Workspace
from pipeline.ingest.inputs import list_files
from pipeline.scenes.refusals import read_rejections, write_rejections
from pipeline.stages.validate.trees import scan_trees
from schemas.rejected_scenes import Reason, Rejection

IMAGES = "data/video_scene_cuts"
NAME = "7000-Scene-001-01.jpg"


def strays(workspace: Workspace) -> list[Rejection]:
    trees = scan_trees(workspace)
    assert trees.scenes == {}
    return trees.strays


STRAYS = {
    "other name": ("scene_1.jpg", Reason.NAME_DOES_NOT_PARSE),
    "one digit": ("7000-Scene-1-01.jpg", Reason.NAME_DOES_NOT_PARSE),
    "other type": ("7000-Scene-001-01.gif", Reason.NAME_DOES_NOT_PARSE),
    "keyword number on an image": ("7000-Scene-001-01.k1.jpg", Reason.NAME_DOES_NOT_PARSE),
    "no image": ("notes.txt", Reason.NAME_DOES_NOT_PARSE),
    "parent": ("a..b-Scene-001-01.jpg", Reason.BAD_VIDEO_ID),
    "separator": ("a\\b-Scene-001-01.jpg", Reason.BAD_VIDEO_ID),
    "line break": ("a\nb-Scene-001-01.jpg", Reason.NAME_DOES_NOT_PARSE),
    "space": ("a b-Scene-001-01.jpg", Reason.BAD_VIDEO_ID),
}


@pytest.mark.parametrize(("name", "reason"), STRAYS.values(), ids=STRAYS)
def test_a_name_that_is_no_scenes_is_reported(
    workspace: Workspace, name: str, reason: Reason
) -> None:
    write_bytes(workspace.path(IMAGES) / "sub" / name, b"")
    (stray,) = strays(workspace)
    assert (stray.video_id, stray.scene_number, stray.reason) == ("", None, reason)
    assert stray.file == f"{IMAGES}/sub/{name}"


@pytest.mark.parametrize("name", [b"caf\xe9-Scene-001-01.jpg", b"caf\xe9/7000-Scene-001-01.jpg"])
def test_a_path_that_is_not_utf_8_is_reported(workspace: Workspace, name: bytes) -> None:
    write_bytes(workspace.path(IMAGES) / os.fsdecode(name), b"")
    (stray,) = strays(workspace)
    assert stray.reason is Reason.NAME_DOES_NOT_PARSE
    assert stray.file == f"{IMAGES}/{name.decode('utf-8', 'backslashreplace')}"


def test_a_report_can_hold_any_name(tmp_path: Path) -> None:
    found = 'a "quoted",\nbroken line'
    rejection = Rejection.of(("", None), os.fsdecode(b"caf\xe9.jpg"), Reason.BAD_VIDEO_ID, found)
    write_rejections(tmp_path / "rejected.csv", [rejection])
    (read,) = read_rejections(tmp_path / "rejected.csv")
    assert read == rejection._replace(file="caf\\udce9.jpg")


def test_folders_in_folders_are_followed_however_deep(workspace: Workspace) -> None:
    root, deep = workspace.path(IMAGES), 1500
    root.mkdir(parents=True)
    here = os.getcwd()
    try:
        os.chdir(root)
        for _ in range(deep):
            os.mkdir("a")
            os.chdir("a")
        Path("7000-Scene-001-01.gif").touch()
    finally:
        os.chdir(here)
    try:
        (stray,) = strays(workspace)
        assert stray.file.endswith(f"{'/a' * deep}/7000-Scene-001-01.gif")
        assert len(list_files(workspace, root)[0]) == 1
    finally:
        # What removes temporary folders gives up on such depths.
        subprocess.run(["rm", "-rf", root], check=True)


def test_what_systems_leave_behind_is_no_stray(workspace: Workspace) -> None:
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", ".7000.part", "scenes.csv"):
        write_bytes(workspace.path(IMAGES) / name, b"")
    assert strays(workspace) == []


def test_a_linked_folder_that_leaves_the_data_is_reported_as_a_whole(
    workspace: Workspace, tmp_path: Path
) -> None:
    write_bytes(tmp_path / "outside" / NAME, b"")
    workspace.path(IMAGES).mkdir(parents=True)
    workspace.path(IMAGES).joinpath("7000").symlink_to(tmp_path / "outside")
    (stray,) = strays(workspace)
    assert (stray.reason, stray.file) == (Reason.OUTSIDE_DATA_FOLDER, f"{IMAGES}/7000")


def test_a_link_within_the_data_root_is_its_file(workspace: Workspace) -> None:
    write_bytes(workspace.path("cache/1234"), b"content")
    workspace.path(IMAGES).mkdir(parents=True)
    workspace.path(IMAGES).joinpath(NAME).symlink_to("../../cache/1234")
    trees = scan_trees(workspace)
    assert trees.strays == []
    files = trees.scenes["7000", 1]
    assert files.refusals == []
    assert files.paths == (f"{IMAGES}/{NAME}", "", "")


def test_scenes_join_by_number_however_their_folders_are_laid_out(workspace: Workspace) -> None:
    for path in (
        f"{IMAGES}/7000/7000-Scene-1000-01.JPG",
        "keyword_masks/7000-Scene-1000-01.png",
        "keyword_masks/deep/er/7000-Scene-1000-01.k2.png",
        "attention_heatmap/7000/7000-Scene-1000-01.png",
    ):
        write_bytes(workspace.path(path), b"")
    trees = scan_trees(workspace)
    ((key, files),) = trees.scenes.items()
    assert key == ("7000", 1000)
    assert len(files.paths) == 4
    assert files.further_masks.keys() == {2}
