"""Stage scene_cuts: names, times, what is refused, what is made again."""

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from ingest_inputs import draw_shot, write_video
from stage_runs import tree, written_at

from pipeline.ground.artefacts import CUTS, CUTS_CSV
from pipeline.ground.errors import InputError, ParamsError
from pipeline.ground.files import write_bytes, write_text
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import encode, read_rgb
from pipeline.scenes.cuts import CutScene, read_cuts
from pipeline.scenes.refusals import read_rejections
from pipeline.stages.scene_cuts import stage as scene_cuts
from pipeline.stages.scene_cuts.stage import REFUSED
from schemas.rejected_scenes import Reason

LONG_ID = "7123456789012345678"


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    set_params(workspace)
    return workspace


def set_params(workspace: Workspace, section: str = "{}") -> None:
    write_text(workspace.path("params.yaml"), f"compute: {{n_jobs: 1}}\nscene_cuts: {section}\n")


def refused(workspace: Workspace) -> list[tuple[str, str, Reason]]:
    rejections = read_rejections(workspace.path(REFUSED))
    return [(one.video_id, one.file, one.reason) for one in rejections]


def test_the_image_is_the_scenes_middle_frame(workspace: Workspace) -> None:
    write_video(workspace.path(f"data/videos/{LONG_ID}.mp4"), shots=[25, 31])
    scene_cuts.main(workspace)
    assert read_cuts(workspace.path(CUTS_CSV)) == [
        CutScene(LONG_ID, 1, 0.0, 1.0, 0.48, 64, 96),
        CutScene(LONG_ID, 2, 1.0, 2.24, 1.6, 64, 96),
    ]
    assert refused(workspace) == []
    image = read_rgb(workspace.path(f"{CUTS}/{LONG_ID}/{LONG_ID}-Scene-002-01.jpg"))
    assert np.abs(image.astype(int) - draw_shot(1, (96, 64), frame=15)).mean() < 5


def test_a_rotated_video_makes_upright_scenes(workspace: Workspace) -> None:
    write_video(workspace.path("data/videos/v.mp4"), shots=[5], rotation=90)
    scene_cuts.main(workspace)
    assert read_cuts(workspace.path(CUTS_CSV))[0].size == (64, 96)
    assert read_rgb(workspace.path(f"{CUTS}/v/v-Scene-001-01.jpg")).shape == (64, 96, 3)


def test_bad_videos_are_refused_and_the_rest_go_on(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    videos = workspace.path("data/videos")
    write_video(videos / "good.mp4", shots=[5])
    write_bytes(videos / "truncated.mp4", (videos / "good.mp4").read_bytes()[:-100])
    write_bytes(videos / "empty.mp4", b"")
    write_bytes(videos / "notes.txt", b"not a video")
    shutil.copy(videos / "good.mp4", videos / "two words.mp4")
    shutil.copy(videos / "good.mp4", videos / "good.mov")
    write_video(workspace.root / "outside.mp4", shots=[5])
    (videos / "link.mp4").symlink_to(workspace.root / "outside.mp4")
    with caplog.at_level(logging.DEBUG):
        scene_cuts.main(workspace)
    assert refused(workspace) == [
        ("empty", "data/videos/empty.mp4", Reason.VIDEO_UNREADABLE),
        ("good", "data/videos/good.mp4", Reason.DUPLICATE_SCENE),
        ("link", "data/videos/link.mp4", Reason.OUTSIDE_DATA_FOLDER),
        ("truncated", "data/videos/truncated.mp4", Reason.VIDEO_UNREADABLE),
        ("two words", "data/videos/two words.mp4", Reason.BAD_VIDEO_ID),
    ]
    assert [scene.video_id for scene in read_cuts(workspace.path(CUTS_CSV))] == ["good"]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_what_downloaders_leave_beside_a_video_is_said_once(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    videos = workspace.path("data/videos")
    write_video(videos / "v.mp4", shots=[5])
    for suffix in ("jpg", "webp", "description", "info.json", "en.vtt", "m4a", "mp4.part"):
        write_bytes(videos / f"v.{suffix}", b"beside")
    write_bytes(videos / "other.webm", b"a video that is not taken")
    scene_cuts.main(workspace)
    assert [scene.video_id for scene in read_cuts(workspace.path(CUTS_CSV))] == ["v"]
    assert refused(workspace) == [("other", "data/videos/other.webm", Reason.VIDEO_UNREADABLE)]
    assert [text for text in caplog.messages if "no videos" in text] == [
        "not used, as they are no videos: 7 files (first: data/videos/v.description)"
    ]


def test_a_low_frame_rate_is_said_in_every_run_and_nothing_is_cut_again(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    write_video(workspace.path("data/videos/slow.mp4"), shots=[10], rate=5)
    write_video(workspace.path("data/videos/usual.mp4"), shots=[10])
    written = []
    for _ in range(2):
        caplog.clear()
        scene_cuts.main(workspace)
        (said,) = [text for text in caplog.messages if "frames a second" in text]
        assert said.startswith("1 videos (first: slow) have fewer than 10 frames a second")
        written.append(written_at(workspace.path(CUTS), "jpg"))
    assert written[0] == written[1]


def test_only_what_changed_is_cut_again(workspace: Workspace) -> None:
    for video_id in ("a", "b", "c"):
        write_video(workspace.path(f"data/videos/{video_id}.mp4"), shots=[20, 20])
    scene_cuts.main(workspace)
    before = written_at(workspace.path(CUTS), "jpg")
    write_video(workspace.path("data/videos/b.mp4"), shots=[20])
    workspace.path("data/videos/c.mp4").unlink()
    scene_cuts.main(workspace)
    after = written_at(workspace.path(CUTS), "jpg")
    assert after.keys() == {"a-Scene-001-01.jpg", "a-Scene-002-01.jpg", "b-Scene-001-01.jpg"}
    kept = {name for name in after if after[name] == before[name]}
    assert kept == {"a-Scene-001-01.jpg", "a-Scene-002-01.jpg"}
    assert len(read_cuts(workspace.path(CUTS_CSV))) == 3


def test_every_parameter_of_cutting_makes_the_scenes_anew(workspace: Workspace) -> None:
    write_video(workspace.path("data/videos/v.mp4"), shots=[20, 20])
    scene_cuts.main(workspace)
    first = tree(workspace.path(CUTS))
    set_params(workspace, "{min_scene_s: 1.0, jpeg_quality: 80}")
    scene_cuts.main(workspace)
    assert len(read_cuts(workspace.path(CUTS_CSV))) == 1
    set_params(workspace)
    scene_cuts.main(workspace)
    assert tree(workspace.path(CUTS)) == first


def test_the_number_of_workers_changes_nothing(workspace: Workspace) -> None:
    for number in range(3):
        write_video(workspace.path(f"data/videos/v{number}.mp4"), shots=[20, 20])
    scene_cuts.main(workspace)
    alone = tree(workspace.path(CUTS))
    shutil.rmtree(workspace.path(CUTS))
    write_text(workspace.path("params.yaml"), "compute: {n_jobs: 2}\n")
    scene_cuts.main(workspace)
    assert tree(workspace.path(CUTS)) == alone


@pytest.fixture
def imported(workspace: Workspace) -> Path:
    """A data root with cuts of its own; returns their folder."""
    set_params(workspace, "{source: folder, input: data/import/video_scene_cuts}")
    folder = workspace.path("data/import/video_scene_cuts")
    for number in (1, 1000):
        name = f"{LONG_ID}-Scene-{number:03d}-01.jpg"
        write_bytes(folder / LONG_ID / name, encode(draw_shot(number, (80, 60)), "jpg"))
    return folder


def test_imported_cuts_are_taken_over_byte_for_byte(workspace: Workspace, imported: Path) -> None:
    write_bytes(imported / "v/v-Scene-001-02.PNG", encode(draw_shot(3, (20, 10)), "png"))
    before = tree(imported)
    scene_cuts.main(workspace)
    assert tree(imported) == before
    cuts = tree(workspace.path(CUTS))
    del cuts["scenes.csv"]
    assert cuts == {name.replace("02.PNG", "01.png"): before[name] for name in before}
    assert read_cuts(workspace.path(CUTS_CSV)) == [
        CutScene(LONG_ID, 1, None, None, None, 60, 80),
        CutScene(LONG_ID, 1000, None, None, None, 60, 80),
        CutScene("v", 1, None, None, None, 10, 20),
    ]


def test_imported_times_are_taken_over_and_sizes_measured(
    workspace: Workspace, imported: Path
) -> None:
    table = "video_id,scene_number,start_s,end_s,image_time_s,width,height\r\n"
    rows = f"{LONG_ID},1,0,1.5,,999,999\r\n{LONG_ID},2,1.5,2,1.7,1,1\r\n"
    write_text(imported / "scenes.csv", "\ufeff" + table + rows)
    scene_cuts.main(workspace)
    assert read_cuts(workspace.path(CUTS_CSV)) == [
        CutScene(LONG_ID, 1, 0.0, 1.5, None, 60, 80),
        CutScene(LONG_ID, 1000, None, None, None, 60, 80),
    ]
    missing = (LONG_ID, "data/import/video_scene_cuts/scenes.csv", Reason.MISSING_SCENE_IMAGE)
    assert refused(workspace) == [missing]


def test_imported_times_that_break_the_contract_stop_the_stage(
    workspace: Workspace, imported: Path
) -> None:
    table = "video_id,scene_number,start_s,end_s,image_time_s,width\n"
    write_text(imported / "scenes.csv", table + "v,1,2,1,,9\nv,x,0,1,,9\n")
    with pytest.raises(InputError, match=r"scenes\.csv.*no column 'height'"):
        scene_cuts.main(workspace)


def test_imported_files_that_cannot_be_taken_over_are_refused(
    workspace: Workspace, imported: Path
) -> None:
    picture = (imported / LONG_ID / f"{LONG_ID}-Scene-001-01.jpg").read_bytes()
    for name in ("photo.jpg", "v-Scene-002-01.k1.jpg", f"{LONG_ID}-Scene-001-02.jpg"):
        write_bytes(imported / name, picture)
    write_bytes(imported / "v-Scene-001-01.jpg", b"")
    (imported / "v-Scene-003-01.jpg").symlink_to("/etc/hostname")
    scene_cuts.main(workspace)
    assert [(Path(file).name, reason) for _, file, reason in refused(workspace)] == [
        ("photo.jpg", Reason.NAME_DOES_NOT_PARSE),
        ("v-Scene-002-01.k1.jpg", Reason.NAME_DOES_NOT_PARSE),
        (f"{LONG_ID}-Scene-001-02.jpg", Reason.DUPLICATE_SCENE),
        ("v-Scene-001-01.jpg", Reason.UNREADABLE_IMAGE),
        ("v-Scene-003-01.jpg", Reason.OUTSIDE_DATA_FOLDER),
    ]


def test_a_user_who_edits_an_import_in_place_does_not_change_the_out(
    workspace: Workspace, imported: Path
) -> None:
    scene_cuts.main(workspace)
    before = tree(workspace.path(CUTS))
    with next((imported / LONG_ID).iterdir()).open("ab") as file:
        file.write(b"more")
    assert tree(workspace.path(CUTS)) == before


@pytest.mark.parametrize(
    ("section", "text"),
    [
        ("{source: clipseg}", "source"),
        ("{detector: content, min_content: 10}", "min_content is for detector adaptive"),
        ("{input: ../elsewhere}", "below the data root"),
        ("{input: /data/videos}", "below the data root"),
        ("{min_scene_s: -1}", "min_scene_s"),
    ],
)
def test_wrong_parameters_are_named(workspace: Workspace, section: str, text: str) -> None:
    set_params(workspace, section)
    with pytest.raises(ParamsError, match=text):
        scene_cuts.main(workspace)


def test_a_missing_input_is_named(workspace: Workspace) -> None:
    with pytest.raises(InputError, match=r"no data/videos\. Put the files there"):
        scene_cuts.main(workspace)
    workspace.path("data/videos").mkdir(parents=True)
    with pytest.raises(InputError, match="holds no videos"):
        scene_cuts.main(workspace)
