"""Input folders: what is found in them, and what is not followed out of them."""

import json
import unicodedata
from pathlib import Path

import pytest
from ingest_inputs import write_video

from pipeline.ground.artefacts import CUTS_CSV
from pipeline.ground.errors import InputError
from pipeline.ground.files import file_digest, write_text
from pipeline.ground.workspace import Workspace
from pipeline.ingest.inputs import by_video, content_digests, list_files
from pipeline.scenes.cuts import read_cuts
from pipeline.scenes.keywords import read_keywords
from pipeline.stages.keyword_masks import stage as keyword_masks
from pipeline.stages.scene_cuts import stage as scene_cuts
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


def test_ids_of_all_files_are_one_however_their_systems_write_them(workspace: Workspace) -> None:
    """A Mac writes é as two letters, the keywords come from a browser, the outlines from Linux."""
    one, two = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    assert one != two
    write_text(workspace.path("params.yaml"), "compute: {n_jobs: 1}\n")
    write_video(workspace.path(f"data/videos/{two}.mp4"), shots=[25])
    write_text(workspace.path("data/keywords.csv"), f"_id,keyword\n{two},mug\n")
    outline = {"time_s": 0, "polygons": [[[0, 0], [20, 0], [20, 20]]]}
    drawn = {
        "video_id": two,
        "frame_width": 64,
        "frame_height": 96,
        "tracks": [{"keyword_index": 0, "keyframes": [outline, {**outline, "time_s": 1}]}],
    }
    write_text(workspace.path(f"data/annotations/{one}.json"), json.dumps(drawn))
    scene_cuts.main(workspace)
    keyword_masks.main(workspace)
    assert [scene.video_id for scene in read_cuts(workspace.path(CUTS_CSV))] == [one]
    assert workspace.path(f"keyword_masks/{one}/{one}-Scene-001-01.png").is_file()
    assert list(read_keywords(workspace.path("data/keywords.csv")).keywords) == [one]
