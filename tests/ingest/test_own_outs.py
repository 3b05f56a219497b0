"""An ingest stage that is told to read what it writes: refused before anything is touched."""

import os
import shutil

import pytest
from ingest_inputs import draw_shot
from stage_runs import outs_of

from pipeline.ground.files import write_bytes, write_text
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import encode


def set_input(workspace: Workspace, folder: str) -> None:
    section = f"scene_cuts: {{source: folder, input: {folder!r}}}"
    write_text(workspace.path("params.yaml"), f"compute: {{n_jobs: 1}}\n{section}\n")


@pytest.fixture
def taken_over(workspace: Workspace, gazeshift) -> dict[str, bytes]:
    """The outs of a run that has taken over two cuts."""
    for number in (1, 2):
        name = f"data/import/cuts/v/v-Scene-{number:03d}-01.jpg"
        write_bytes(workspace.path(name), encode(draw_shot(number, (48, 32)), "jpg"))
    set_input(workspace, "data/import/cuts")
    assert gazeshift("scene_cuts").status == 0
    return outs_of(workspace, "scene_cuts")


@pytest.mark.parametrize(
    "folder",
    [
        "data/video_scene_cuts",
        "data/video_scene_cuts/v",
        "data/import/../video_scene_cuts",
        "data",
        "data/import/link",
        "data/import/root/data/video_scene_cuts/v",
        "data/import/of_links",
        "data/import/link_inside",
    ],
)
def test_its_own_out_is_refused_as_input_and_stays(
    workspace: Workspace, taken_over: dict[str, bytes], folder: str, gazeshift
) -> None:
    workspace.path("data/import/link").symlink_to("../video_scene_cuts")
    workspace.path("data/import/root").symlink_to(workspace.root)
    own = workspace.path("data/video_scene_cuts")
    for name in ("of_links/v", "link_inside"):
        workspace.path(f"data/import/{name}").mkdir(parents=True)
    workspace.path("data/import/link_inside/v").symlink_to(own / "v")
    for cut in (own / "v").iterdir():
        workspace.path(f"data/import/of_links/v/{cut.name}").symlink_to(cut)
    set_input(workspace, folder)
    status, _, said = gazeshift("scene_cuts")
    assert status == 1
    assert "scene_cuts.input: " in said
    assert outs_of(workspace, "scene_cuts") == taken_over
    assert "scene_cuts.input: " in gazeshift("check").out


def test_an_out_that_is_a_link_to_the_input_is_refused(
    workspace: Workspace, taken_over: dict[str, bytes], gazeshift
) -> None:
    kept = workspace.path("data/import/kept")
    os.rename(workspace.path("data/video_scene_cuts"), kept)
    workspace.path("data/video_scene_cuts").symlink_to("import/kept")
    set_input(workspace, "data/import/kept")
    status, _, said = gazeshift("scene_cuts")
    assert status == 1
    assert "are one place or lie in one another" in said
    assert outs_of(workspace, "scene_cuts") == taken_over


def test_unfinished_files_are_no_input_and_stay(workspace: Workspace, gazeshift) -> None:
    staging = ".gazeshift/staging/scene_cuts"
    write_text(workspace.path(f"{staging}/v/v-Scene-001-01.jpg"), "mine")
    set_input(workspace, staging)
    status, _, said = gazeshift("scene_cuts")
    assert status == 1
    assert "are one place or lie in one another" in said
    assert workspace.path(f"{staging}/v/v-Scene-001-01.jpg").read_text() == "mine"


@pytest.mark.parametrize("link", ["staging", "staging/scene_cuts"])
def test_what_a_link_in_the_state_leads_to_is_not_emptied(
    workspace: Workspace, taken_over: dict[str, bytes], link: str, gazeshift
) -> None:
    write_text(workspace.path("mine/scene_cuts/notes.txt"), "mine")
    path = workspace.state / link
    shutil.rmtree(path, ignore_errors=True)
    path.symlink_to(workspace.path("mine"))
    status, _, said = gazeshift("scene_cuts")
    assert status == 1
    assert f"{path} is a link to" in said
    assert workspace.path("mine/scene_cuts/notes.txt").read_text() == "mine"
    assert outs_of(workspace, "scene_cuts") == taken_over


def test_a_users_file_that_ends_in_part_stays(
    workspace: Workspace, taken_over: dict[str, bytes], gazeshift
) -> None:
    write_text(workspace.path("data/video_scene_cuts/.notes.2024.part"), "mine")
    status, _, said = gazeshift("scene_cuts")
    assert status == 1
    assert ".notes.2024.part was not made by this stage" in said


def test_a_file_of_the_outs_that_is_a_link_is_told_so(
    workspace: Workspace, taken_over: dict[str, bytes], gazeshift
) -> None:
    table = workspace.path("data/video_scene_cuts/scenes.csv")
    table.rename(workspace.path("elsewhere.csv"))
    table.symlink_to(workspace.path("elsewhere.csv"))
    status, _, said = gazeshift("scene_cuts")
    assert status == 1
    assert "scenes.csv is a link, and a run would put a file in its place" in said
    assert "adopt" not in said
