"""Stage render: arms alike, edits that move with their scene, what fails and what goes on."""

import logging
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from films import PLAIN, Film, draw, edit_scenes, play, set_params, square, write_film
from ingest_inputs import footage
from stage_runs import killed_after_one_item, outs_of, written_at

from pipeline.ground.artefacts import EDITS, RENDERED, VIDEO_FIGURES, edited_scene, rendered_video
from pipeline.ground.errors import InputError
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import read_rgb
from pipeline.scenes.split import split_of
from pipeline.stages.render import stage as render
from pipeline.video.decoding import open_video
from schemas.videos import VIDEOS_TABLE

ARMS = {"baseline": {}, "late_boost": {2: 40}, "full_boost": {1: 40, 2: 40}}


def source(workspace: Workspace, video_id: str = "v") -> Path:
    return workspace.path(f"data/videos/{video_id}.mp4")


def rendered(workspace: Workspace, arm: str, video_id: str = "v") -> Path:
    return workspace.path(rendered_video(arm, video_id))


def prepare(workspace: Workspace, film: Film = PLAIN, params: str = "{}") -> None:
    set_params(workspace, params)
    write_film(source(workspace), film)
    edit_scenes(workspace, ARMS)


def test_arms_differ_by_the_edit_alone(workspace: Workspace) -> None:
    prepare(workspace, Film(frame_ms=(40, 80, 40, 20), sound_s=1.5))
    render.main(workspace)
    wanted = play(source(workspace))
    found = {arm: play(rendered(workspace, arm)) for arm in ARMS}
    for played in found.values():
        assert played.times == wanted.times
        assert played.sound == wanted.sound
        assert len(played.sound) > 10
        assert played.stream == wanted.stream
        assert [n for n, key in enumerate(played.keys) if key] == [0, 12]
    first, last = slice(0, 12), slice(12, 24)
    baseline, late, full = (found[arm].lumas for arm in ARMS)
    assert np.array_equal(late[first], baseline[first])
    assert np.array_equal(late[last], full[last])
    assert np.abs(np.subtract(full[first], baseline[first], dtype=int)).max() > 20


def test_the_index_comes_first(workspace: Workspace) -> None:
    prepare(workspace)
    render.main(workspace)
    content = rendered(workspace, "full_boost").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_the_edit_moves_with_the_square_and_nothing_else_changes(workspace: Workspace) -> None:
    prepare(workspace, params="{lossless: true}")
    render.main(workspace)
    baseline, full = (play(rendered(workspace, arm)).lumas for arm in ("baseline", "full_boost"))
    assert np.array_equal(baseline, play(source(workspace)).lumas)
    for place, (before, after) in enumerate(zip(baseline, full, strict=True)):
        change = after.astype(int) - before
        moved = square(place % 12)
        held = change > 17
        assert (held & moved).sum() / (held | moved).sum() > 0.85
        near = cv2.dilate(moved.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        assert (change[~near] != 0).mean() < 0.005
    figures = VIDEOS_TABLE.read(workspace.path(VIDEO_FIGURES)).set_index("variant")
    assert figures["frames"].tolist() == [24, 24, 24]
    assert figures["modified_scenes"].tolist() == [0, 1, 2]
    assert figures["outside_max_abs_diff"].tolist() == [0, 0, 0]
    # Lossless: nothing differs, so there is no figure.
    assert figures[["outside_psnr_db", "baseline_outside_psnr_db"]].isna().all(axis=None)


@pytest.mark.parametrize(
    "film",
    [
        Film(rotation=90),
        Film(rotation=270, full_range=True, matrix=1),
        Film(aspect=Fraction(4, 3), matrix=1),
        Film(pixels="yuv444p", picture=lambda shot, n: draw(shot, n)[:95, :63]),
    ],
    ids=["turned", "turned, BT.709 in the full range", "pixels not square", "4:4:4, odd sides"],
)
def test_the_frame_that_was_edited_shows_the_edit(workspace: Workspace, film: Film) -> None:
    """Whatever its orientation, its pixels and its colours; and the file says what they are."""
    set_params(workspace, "{crf: 2}")
    write_film(source(workspace), film)
    shown = first_shown(source(workspace))
    middle = np.zeros(shown.shape[:2], bool)
    middle[30:60, 20:50] = True
    edit_scenes(workspace, {"full_boost": {1: 30}}, lambda _: middle)
    render.main(workspace)
    path = rendered(workspace, "full_boost")
    names = ("rotation", "aspect", "range", "matrix", "time base", "duration")
    stream, wanted = play(path).stream, play(source(workspace)).stream
    assert [stream[name] for name in names] == [wanted[name] for name in names]
    with open_video(path) as video:
        found = next(video.pictures_at([Fraction(6, 25)])).astype(int)
    edited = read_rgb(workspace.path(edited_scene("full_boost", "v", "v-Scene-001-01.png")))
    inside = cv2.erode(middle.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    size = found.shape[1::-1]
    edited, kept = cv2.resize(edited, size), cv2.resize(inside.astype(np.uint8), size) > 0
    off = np.subtract(found, edited, dtype=int)[kept]
    assert np.abs(off.mean(axis=0)).max() < 2
    # Of 4:4:4, the fine colours are lost.
    assert np.abs(off).mean() < (4 if film.pixels == PLAIN.pixels else 12)


def first_shown(path: Path) -> np.ndarray:
    with open_video(path) as video:
        return next(video.pictures_at([Fraction(0)]))


def test_a_killed_run_goes_on_and_makes_nothing_twice(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(workspace)
    shutil.copytree(workspace.root, tmp_path / "whole")
    whole = Workspace(tmp_path / "whole")
    render.main(whole)
    with killed_after_one_item(monkeypatch):
        render.main(workspace)
    made = written_at(workspace.path(RENDERED), ".mp4")
    files = sorted(workspace.path(RENDERED).rglob("*.mp4"))
    assert [path.parent.name for path in files] == ["baseline"]
    render.main(workspace)
    assert outs_of(workspace, "render") == outs_of(whole, "render")
    assert files[0].stat().st_mtime_ns == made["v.mp4"]


def test_only_what_changed_is_made_again(workspace: Workspace) -> None:
    prepare(workspace)
    render.main(workspace)
    before = {arm: rendered(workspace, arm).stat().st_mtime_ns for arm in ARMS}
    edit_scenes(workspace, ARMS | {"late_boost": {2: 20}})
    render.main(workspace)
    after = {arm: rendered(workspace, arm).stat().st_mtime_ns for arm in ARMS}
    assert [arm for arm in ARMS if before[arm] != after[arm]] == ["late_boost"]


def lose_edit(workspace: Workspace) -> None:
    workspace.path(edited_scene("full_boost", "v", "v-Scene-002-01.png")).unlink()


def change_edit(workspace: Workspace) -> None:
    edited = workspace.path(edited_scene("full_boost", "v", "v-Scene-002-01.png"))
    edited.write_bytes(workspace.path("data/other.png").read_bytes())


def shorten(workspace: Workspace) -> None:
    write_film(source(workspace), Film(shots=(12, 9)))


@pytest.mark.parametrize(
    ("spoil", "said", "left"),
    [
        (lose_edit, "full_boost/v/v-Scene-002-01.png", ["baseline", "late_boost"]),
        (change_edit, "one has changed since", ["baseline", "late_boost"]),
        (lambda w: source(w).unlink(), "v is not in data/videos any more", []),
        (shorten, "v: it ends at 0.840 s, scenes.csv says 0.960 s", []),
        (
            lambda w: write_film(source(w), Film(picture=lambda s, n: draw(s + 7, n))),
            "the frame at 0.24 s is not its image",
            [],
        ),
        (
            lambda w: source(w).write_bytes(source(w).read_bytes()[:3000]),
            "v: cannot be decoded|v: truncated",
            [],
        ),
        (
            lambda w: w.path("keyword_masks/v/v-Scene-001-01.png").unlink(),
            "v, full_boost: .*keyword_masks/v/v-Scene-001-01.png",
            ["baseline", "late_boost"],
        ),
        (
            lambda w: write_film(source(w), Film(sound_s=0.5, sound="pcm_mulaw")),
            r"v: MP4 has no place for its sound \(pcm_mulaw\)",
            [],
        ),
    ],
    ids=[
        "edit missing",
        "edit changed",
        "video missing",
        "shorter",
        "another",
        "truncated",
        "mask missing",
        "sound",
    ],
)
def test_what_cannot_be_made_is_named_and_the_rest_goes_on(
    workspace: Workspace, spoil: Callable[[Workspace], object], said: str, left: list[str]
) -> None:
    set_params(workspace)
    for video_id in ("v", "whole"):
        write_film(source(workspace, video_id), Film(sound_s=0.5))
    edit_scenes(workspace, ARMS)
    other = workspace.path(edited_scene("baseline", "v", "v-Scene-001-01.png"))
    shutil.copy(other, workspace.path("data/other.png"))
    spoil(workspace)
    with pytest.raises(InputError, match=said):
        render.main(workspace)
    assert [arm for arm in ARMS if rendered(workspace, arm).is_file()] == left
    assert all(rendered(workspace, arm, "whole").is_file() for arm in ARMS)


def test_of_two_tracks_of_pictures_the_one_that_was_cut_is_rendered(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    prepare(workspace, Film(tracks=2))
    render.main(workspace)
    assert "1 videos (first: v) have more than one track of pictures" in caplog.text
    with av.open(str(rendered(workspace, "full_boost"))) as container:
        assert len(container.streams.video) == 1


@pytest.mark.parametrize("sound_s", [0, 0.3, 3], ids=["none", "shorter", "longer"])
def test_sound_of_any_length_is_copied(workspace: Workspace, sound_s: float) -> None:
    prepare(workspace, Film(sound_s=sound_s))
    render.main(workspace)
    assert play(rendered(workspace, "full_boost")).sound == play(source(workspace)).sound


def test_without_videos_nothing_is_made_and_it_is_said_what_to_do(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    prepare(workspace)
    render.main(workspace)
    params = workspace.path("params.yaml")
    folder = "scene_cuts: {source: folder, input: data/import/video_scene_cuts}\n"
    params.write_text(f"compute: {{n_jobs: 1}}\n{folder}")
    render.main(workspace)
    assert "set scene_cuts.source: videos" in caplog.text
    assert list(workspace.path(RENDERED).rglob("*.mp4")) == []
    assert len(VIDEOS_TABLE.read(workspace.path(VIDEO_FIGURES))) == 0


def test_a_part_without_edited_videos_is_named(workspace: Workspace) -> None:
    prepare(workspace)
    other = next(part for part in ("train", "val") if part != split_of("v"))
    set_params(workspace, f"{{videos: {other}}}")
    with pytest.raises(InputError, match=f"render.videos is '{other}'"):
        render.main(workspace)


def test_the_table_of_edits_must_be_there(workspace: Workspace) -> None:
    prepare(workspace)
    workspace.path(EDITS).unlink()
    with pytest.raises(InputError, match="dvc repro edit"):
        render.main(workspace)


@pytest.mark.parametrize("name", ["bikes.mp4", "carphone_pristine.mp4", "bigbuckbunny.mp4"])
def test_real_footage_renders_and_plays(
    workspace: Workspace, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A second of it; what moves there is not known, so that no claim is made but steadiness."""
    caplog.set_level(logging.INFO)
    set_params(workspace)
    trim(footage(name), source(workspace), packets=20)
    height, width = first_shown(source(workspace)).shape[:2]
    middle = np.zeros((height, width), bool)
    middle[height // 3 : height // 2, width // 3 : width // 2] = True
    edit_scenes(workspace, {"baseline": {}, "full_boost": {1: 30}}, lambda _: middle)
    render.main(workspace)
    assert play(rendered(workspace, "full_boost")).times == play(source(workspace)).times
    figures = VIDEOS_TABLE.read(workspace.path(VIDEO_FIGURES)).set_index("variant")
    edited = figures.loc["full_boost"]
    assert 0 < edited["warping_error_source"] < edited["warping_error_edited"]
    assert edited["outside_max_abs_diff"] == 0
    assert edited["outside_psnr_db"] > 45
    assert abs(edited["outside_psnr_db"] - edited["baseline_outside_psnr_db"]) < 0.5


def trim(path: Path, out: Path, packets: int) -> None:
    """Copy the beginning of a video, as a file of its own."""
    out.parent.mkdir(parents=True)
    with av.open(str(path)) as read, av.open(str(out), "w", format="mp4") as written:
        track = written.add_stream_from_template(read.streams.video[0])
        for number, packet in enumerate(read.demux(video=0)):
            if number < packets and packet.dts is not None:
                packet.stream = track
                written.mux(packet)
