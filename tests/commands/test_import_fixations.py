"""`gazeshift import-fixations`: exports become data/fixations, with an account and pictures."""

from pathlib import Path

import numpy as np
import pytest
from gaze_exports import table
from ingest_inputs import make_cuts, write_video
from stage_runs import tree

from pipeline.commands.import_fixations import PICTURES
from pipeline.ground.contract import read_checked
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import read_rgb
from schemas.fixations import FIXATIONS_TABLE

ROWS = [("P1", "ad.mp4", 0.1, 0.3, 16, 24), ("P2", "ad.mp4", 0.2, 0.4, 48, 72)]
HEADER = "viewer,video,onset_s,duration_s,x_px,y_px"


@pytest.fixture
def videos(workspace: Workspace) -> Path:
    """Two videos of 64x96 pixels and two seconds."""
    folder = workspace.path("data/videos")
    for name in ("ad", "film"):
        write_video(folder / f"{name}.mp4")
    return folder


@pytest.fixture
def export(tmp_path: Path):
    def write(*rows: tuple, name: str = "export.csv") -> str:
        path = tmp_path / name
        path.write_bytes(table(HEADER, list(rows)))
        return str(path)

    return write


def test_an_export_is_told_written_and_drawn(workspace, videos, gazeshift, export) -> None:
    status, said, _ = gazeshift("import-fixations", export(*ROWS))
    assert status == 0
    assert "export.csv: Gazeshift (fixations; utf-8-sig, commas, decimal point), 2 rows" in said
    assert "'x_px', 'y_px': pixels of the frame; y down; x from 16 to 48, y from 24 to 72" in said
    assert "data/fixations/ad.csv: 2 fixations of 2 viewers" in said
    assert "nothing odd" in said
    written = read_checked(workspace.path("data/fixations/ad.csv"), FIXATIONS_TABLE)
    assert written.to_numpy().tolist() == [[row[0], *row[2:]] for row in ROWS]
    picture = read_rgb(workspace.path(f"{PICTURES}/ad.jpg")).astype(int)
    assert picture.shape == (96, 64, 3)


def test_circles_of_the_frames_time_are_bright_where_fixations_are(
    workspace, videos, gazeshift, export
) -> None:
    gazeshift("import-fixations", export(("P1", "ad", 0.9, 0.3, 40, 60)))
    picture = read_rgb(workspace.path(f"{PICTURES}/ad.jpg")).astype(int)
    cyan = picture[..., 1:].min(-1) - picture[..., 0]
    rows, columns = np.nonzero(cyan > 120)
    assert abs(columns.mean() - 40) < 4
    assert abs(rows.mean() - 60) < 4


def test_a_refused_video_and_a_refused_file_do_not_stop_the_others(
    workspace, videos, gazeshift, export, tmp_path
) -> None:
    late = [("P1", "film", 100 + n, 0.3, 16, 24) for n in range(3)]
    (tmp_path / "broken.csv").write_bytes(b"\xff")
    status, said, _ = gazeshift(
        "import-fixations", str(tmp_path / "broken.csv"), export(*ROWS, *late)
    )
    assert status == 1
    assert "refused  film: onset_s: 3 of 3 fixations begin after the video's end at 2.000 s" in said
    assert "broken.csv is not UTF-8" in said
    assert list(tree(workspace.path("data/fixations"))) == ["ad.csv"]


def test_files_that_are_there_stay_unless_they_are_to_be_replaced(
    workspace, videos, gazeshift, export
) -> None:
    place = workspace.path("data/fixations/ad.csv")
    gazeshift("import-fixations", export(*ROWS))
    before = place.read_bytes()
    assert gazeshift("import-fixations", export(*ROWS)).status == 0
    status, said, _ = gazeshift("import-fixations", export(*ROWS[:1]))
    assert status == 1
    assert "not overwritten  data/fixations/ad.csv" in said
    assert place.read_bytes() == before
    assert gazeshift("import-fixations", export(*ROWS[:1]), "--replace").status == 0
    assert place.read_bytes() != before


def test_viewers_of_several_files_are_named_after_them(
    workspace, videos, gazeshift, tmp_path
) -> None:
    files = []
    for name in ("Ann", "Bob"):
        path = tmp_path / f"{name}.csv"
        path.write_bytes(table("t_ms,d_ms,x,y", [(100, 300, 0.5, 0.5)]))
        files.append(str(path))
    mapped = [
        part for pair in ("onset=t_ms", "duration=d_ms", "x=x", "y=y") for part in ("--map", pair)
    ]
    command = ["import-fixations", *files, *mapped, "--video", "ad", "--origin", "recorded"]
    assert gazeshift(*command).status == 1
    assert gazeshift(*command, "--coordinates", "frame-fraction").status == 0
    written = read_checked(workspace.path("data/fixations/ad.csv"), FIXATIONS_TABLE)
    assert written.to_numpy().tolist() == [[name, 0.1, 0.3, 32, 48] for name in ("Ann", "Bob")]


def test_scenes_that_are_cut_will_do_for_videos(workspace, gazeshift, export) -> None:
    make_cuts(workspace, {"ad": 2})
    assert gazeshift("import-fixations", export(*ROWS)).status == 0
    assert workspace.path(f"{PICTURES}/ad.jpg").is_file()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--map", "where=x"], "'where' must be one of"),
        (["--screen", "wide"], "--screen 'wide': must be WIDTHxHEIGHT"),
        (["--video-at", "0,0,10"], "must be LEFT,TOP,WIDTH,HEIGHT"),
        (["--rename", "a"], "write NAME=VALUE"),
    ],
)
def test_an_option_of_another_form_is_named(videos, gazeshift, export, options, error) -> None:
    status, _, said = gazeshift("import-fixations", export(*ROWS), *options)
    assert status == 1
    assert error in said


def test_without_videos_nothing_can_be_checked(gazeshift, export) -> None:
    status, _, said = gazeshift("import-fixations", export(*ROWS))
    assert status == 1
    assert "there are no videos" in said
