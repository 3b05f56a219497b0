"""Input folders: what is found in them, and what is not followed out of them."""

from pathlib import Path

import pytest

from pipeline.ground.errors import InputError
from pipeline.ground.files import file_digest, write_text
from pipeline.ground.workspace import Workspace
from pipeline.ingest.inputs import by_video, content_digests, list_files
from schemas.rejected_scenes import Reason


@pytest.fixture
def folder(workspace: Workspace) -> Path:
    unseen = (".hidden.csv", ".git/d.csv", "lost+found/e.csv")
    for name in ("b.csv", "a.csv", "deep/er/c.csv", *unseen):
        write_text(workspace.path(f"in/{name}"), name)
    return workspace.path("in")


def test_files_are_found_at_any_depth_but_not_hidden_ones(
    workspace: Workspace, folder: Path
) -> None:
    files, refused = list_files(workspace, folder)
    assert [path.name for path in files] == ["a.csv", "b.csv", "c.csv"]
    assert refused == []


def test_links_are_followed_inside_the_folder_only(workspace: Workspace, folder: Path) -> None:
    write_text(workspace.path("elsewhere/secret.csv"), "")
    (folder / "inside.csv").symlink_to("a.csv")
    (folder / "outside.csv").symlink_to(workspace.path("elsewhere/secret.csv"))
    (folder / "v-Scene-007-01.jpg").symlink_to("../nowhere.jpg")
    (folder / "dangling.csv").symlink_to("nowhere.csv")
    (folder / "whole").symlink_to(workspace.path("elsewhere"))
    (folder / "circle").symlink_to(folder)
    files, refused = list_files(workspace, folder)
    assert [path.name for path in files] == ["a.csv", "b.csv", "c.csv", "inside.csv"]
    assert {(one.video_id, one.scene_number, one.file) for one in refused} == {
        ("dangling", None, "in/dangling.csv"),
        ("outside", None, "in/outside.csv"),
        ("v", 7, "in/v-Scene-007-01.jpg"),
        ("whole", None, "in/whole"),
    }
    assert {one.reason for one in refused} == {Reason.OUTSIDE_DATA_FOLDER}


def test_a_folder_that_is_itself_a_link_is_read(workspace: Workspace, folder: Path) -> None:
    workspace.path("mounted").symlink_to(folder)
    assert len(list_files(workspace, workspace.path("mounted"))[0]) == 3


def test_of_two_files_of_a_video_the_second_is_refused(workspace: Workspace, folder: Path) -> None:
    write_text(folder / "deep/a.csv", "")
    write_text(folder / "a..b.csv", "")
    found, refused = by_video(workspace, list_files(workspace, folder)[0])
    assert found == {"a": folder / "a.csv", "b": folder / "b.csv", "c": folder / "deep/er/c.csv"}
    assert [(one.file, one.reason) for one in refused] == [
        ("in/a..b.csv", Reason.BAD_VIDEO_ID),
        ("in/deep/a.csv", Reason.DUPLICATE_SCENE),
    ]


def test_a_file_is_no_folder(workspace: Workspace, folder: Path) -> None:
    with pytest.raises(InputError, match="must be a folder"):
        list_files(workspace, folder / "a.csv")


def test_digests_come_in_the_order_of_the_files(folder: Path) -> None:
    paths = [folder / "b.csv", folder / "a.csv"]
    assert content_digests(paths) == [file_digest(path) for path in paths]
