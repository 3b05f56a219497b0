"""The demo corpus: what is planned, what one video holds, and its defects."""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
import yaml

from demo.drawing import draw_scene
from demo.make_corpus import (
    FRAMES_PER_S,
    HEIGHT,
    VIDEOS_PER_SPLIT,
    WIDTH,
    Defect,
    VideoPlan,
    annotate,
    decode,
    detect_starts,
    encode,
    film,
    keywords_table,
    main,
    make_video,
    plan_corpus,
    sample_corpus_scene,
    watch,
    write_corpus,
)
from demo.products import PRODUCT_CLASSES, product_shape
from demo.scenes import sample_ad_style
from pipeline.ground.errors import UserFilesError
from pipeline.ground.params import ComputeParams
from pipeline.scenes.keywords import read_keywords
from pipeline.scenes.split import TEST, TRAIN, split_of
from schemas.annotations import Annotation
from schemas.fixations import FIXATIONS_TABLE
from schemas.rejected_scenes import Reason

PLAN = VideoPlan("7123456789012345678", "mug", (25, 30, 26))
ONE_PROCESS = ComputeParams(backend="loky", n_jobs=1)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of one short video."""
    out = tmp_path_factory.mktemp("corpus")
    write_corpus([PLAN], out, 3, ONE_PROCESS)
    return out


def fixations_of(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "fixations" / f"{PLAN.video_id}.csv", dtype={"viewer": str})


def annotation_of(out: Path) -> Annotation:
    text = (out / "annotations" / f"{PLAN.video_id}.json").read_text(encoding="utf-8")
    return Annotation.model_validate_json(text)


def test_plan_meets_the_quotas() -> None:
    plans = plan_corpus(2026)
    ids = [plan.video_id for plan in plans]
    assert len(set(ids)) == len(ids) == 68
    assert all(len(video_id) == 19 and video_id[0] == "7" for video_id in ids)
    assert Counter(map(split_of, ids)) == VIDEOS_PER_SPLIT
    assert sum(len(plan.scene_frames) for plan in plans) >= 440
    for split in (TRAIN, TEST):
        in_split = {plan.product_class for plan in plans if split_of(plan.video_id) == split}
        assert in_split == set(PRODUCT_CLASSES)
    for plan in plans:
        assert 5 <= len(plan.scene_frames) <= 9
        assert all(25 <= frames <= 50 for frames in plan.scene_frames)


def test_defects_are_in_train_and_leave_enough() -> None:
    plans = plan_corpus(2026)
    faulty = {plan.defect: plan for plan in plans if plan.defect}
    assert set(faulty) == set(Defect)
    assert {split_of(plan.video_id) for plan in faulty.values()} == {TRAIN}
    whole = (Defect.BLANK_KEYWORD, Defect.NOT_VISUAL, Defect.TRUNCATED)
    lost = 2 + 2 + sum(len(faulty[defect].scene_frames) for defect in whole)
    assert sum(len(plan.scene_frames) for plan in plans) - lost >= 400


def test_seed_decides_the_plan() -> None:
    assert plan_corpus(1) == plan_corpus(1)
    ids = [{plan.video_id for plan in plan_corpus(seed)} for seed in (1, 2)]
    assert not ids[0] & ids[1]


def test_video_is_what_a_player_and_a_cut_detector_expect(corpus: Path) -> None:
    path = corpus / "videos" / f"{PLAN.video_id}.mp4"
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        codec = stream.codec_context
        assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")
        assert (codec.width, codec.height, stream.average_rate) == (270, 480, 25)
        assert sum(1 for _ in container.decode(video=0)) == 81
    content = path.read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")
    assert detect_starts(path) == [0, 25, 55]


def test_decoded_frames_are_the_drawn_ones(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    scenes = film(PLAN, path)
    for frame, scene in zip(decode(path, PLAN.starts[:-1]), scenes, strict=True):
        drawn = draw_scene(scene, 0.0, (HEIGHT, WIDTH))
        assert np.abs(frame.astype(int) - drawn).mean() < 4


def test_same_seed_gives_the_same_corpus(corpus: Path, tmp_path: Path) -> None:
    write_corpus([PLAN], tmp_path, 3, ONE_PROCESS)
    for folder, suffix in (("annotations", "json"), ("fixations", "csv")):
        name = f"{folder}/{PLAN.video_id}.{suffix}"
        assert (tmp_path / name).read_bytes() == (corpus / name).read_bytes()
    video = f"videos/{PLAN.video_id}.mp4"
    again, before = (decode(out / video, PLAN.starts) for out in (tmp_path, corpus))
    assert len(again) == 3
    np.testing.assert_array_equal(again, before)


FILM = """
import sys
from pathlib import Path
from demo.make_corpus import VideoPlan, film
film(VideoPlan("7123456789012345678", "mug", (25, 30, 26)), Path(sys.argv[1]))
"""


def test_film_does_not_depend_on_what_was_in_memory(tmp_path: Path) -> None:
    """With glibc, MALLOC_PERTURB_ sets what newly allocated memory holds."""
    files = [tmp_path / f"{fill}.mp4" for fill in (1, 170)]
    for path in files:
        command = [sys.executable, "-c", FILM, str(path)]
        subprocess.run(command, env={**os.environ, "MALLOC_PERTURB_": path.stem}, check=True)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_another_video_is_another_ad() -> None:
    other = replace(PLAN, video_id="7123456789012345679")
    styles = [sample_ad_style(plan.rng(0), "mug") for plan in (PLAN, other)]
    assert styles[0] != styles[1]
    scenes = [sample_corpus_scene(plan, styles[0], 0) for plan in (PLAN, other)]
    assert scenes[0] != scenes[1]
    assert sample_corpus_scene(PLAN, styles[0], 0, redraw=1) != scenes[0]


def test_vividness_stays_where_viewers_can_be_drawn_further() -> None:
    style = sample_ad_style(PLAN.rng(0), "mug")
    scenes = [sample_corpus_scene(PLAN, style, 0, redraw) for redraw in range(300)]
    vividness = [scene.product.vividness for scene in scenes if scene.product]
    assert len(vividness) == 300
    assert 0.1 <= min(vividness) < 0.12
    assert 0.78 < max(vividness) <= 0.8
    assert np.mean(vividness) == pytest.approx(0.45, abs=0.04)


def test_a_scene_without_a_visible_cut_is_drawn_anew(tmp_path, monkeypatch) -> None:
    def stubborn(plan: VideoPlan, style: object, number: int, redraw: int = 0) -> object:
        """The first draw of scene 1 is scene 0 again."""
        same = number == 1 and redraw == 0
        return sample_corpus_scene(plan, style, 0 if same else number, redraw)

    plan = replace(PLAN, scene_frames=(25, 25))
    monkeypatch.setattr("demo.make_corpus.sample_corpus_scene", stubborn)
    scenes = film(plan, tmp_path / "video.mp4")
    assert scenes[0] != scenes[1]
    assert detect_starts(tmp_path / "video.mp4") == [0, 25]


def test_outlines_follow_the_product(corpus: Path, tmp_path: Path) -> None:
    annotation = annotation_of(corpus)
    assert (annotation.frame_width, annotation.frame_height) == (270, 480)
    spans = [(t.keyframes[0].time_s, t.keyframes[-1].time_s) for t in annotation.tracks]
    assert spans == [(0.0, 0.999), (1.0, 2.199), (2.2, 3.239)]
    for track in annotation.tracks:
        times = [keyframe.time_s for keyframe in track.keyframes]
        assert all(0 < late - early <= 0.251 for early, late in pairwise(times))
        sizes = {len(polygon) for keyframe in track.keyframes for polygon in keyframe.polygons}
        assert sizes == {len(product_shape("mug").outline)}


def test_outlined_product_is_the_drawn_one() -> None:
    """Over its outline's middle, the frame changes when the product is taken away."""
    style = sample_ad_style(PLAN.rng(0), "mug")
    scene = sample_corpus_scene(PLAN, style, 0)
    assert scene.product is not None
    scene = replace(scene, product=replace(scene.product, vividness=0.8))
    (track,) = Annotation.model_validate(
        annotate(replace(PLAN, scene_frames=(25,)), [scene])
    ).tracks
    points = np.array(track.keyframes[0].polygons[0])
    gone = draw_scene(replace(scene, product=None), 0.0, (HEIGHT, WIDTH))
    changed = (draw_scene(scene, 0.0, (HEIGHT, WIDTH)) != gone).any(axis=2)
    rows, columns = np.nonzero(changed)
    expected = [columns.min(), columns.max() + 1, rows.min(), rows.max() + 1]
    limits = np.clip(points, 0, (WIDTH, HEIGHT))
    found = [*zip(limits.min(axis=0), limits.max(axis=0), strict=True)]
    np.testing.assert_allclose(np.ravel(found), expected, atol=1.5)


def test_viewers_watch_the_whole_video(corpus: Path) -> None:
    fixations = FIXATIONS_TABLE.validate(fixations_of(corpus))
    assert fixations["viewer"].nunique() == 28
    assert fixations["viewer"].iloc[0] == "viewer_00"
    assert fixations["x_px"].between(0, 269.9).all()
    assert fixations["y_px"].between(0, 479.9).all()
    ends = fixations.assign(end=fixations["onset_s"] + fixations["duration_s"])
    for start, end in pairwise(np.array(PLAN.starts) / FRAMES_PER_S):
        in_scene = ends[ends["onset_s"].between(start, end, inclusive="left")]
        assert (in_scene["end"] <= end + 1e-9).all()
        last = in_scene.groupby("viewer")["end"].max()
        assert len(last) == 28
        assert (last > end - 0.05).all()


def test_viewers_look_for_themselves_in_every_scene(corpus: Path) -> None:
    fixations = fixations_of(corpus)
    firsts = fixations[fixations["onset_s"].isin([0.0, 1.0, 2.2])]
    assert len(firsts) == 3 * 28
    assert not firsts.duplicated(["x_px", "y_px"]).any()


def test_viewers_look_at_what_the_video_shows(tmp_path: Path) -> None:
    """They find the only thing in an otherwise grey frame."""
    frame = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    frame[280:340, 60:120] = (230, 30, 30)
    plan = replace(PLAN, scene_frames=(25,))
    encode([frame] * 25, tmp_path / "video.mp4")
    fixations = watch(plan, tmp_path / "video.mp4")
    near = fixations["x_px"].between(45, 135) & fixations["y_px"].between(265, 355)
    assert near.mean() > 0.6


def test_keywords_and_their_defects(tmp_path: Path) -> None:
    ids = [str(7 * 10**18 + i) for i in range(3)]
    defects = (None, Defect.BLANK_KEYWORD, Defect.NOT_VISUAL)
    plans = [VideoPlan(ids[i], "soda can", (25,), defects[i]) for i in range(3)]
    path = tmp_path / "keywords.csv"
    path.write_text(keywords_table(plans), encoding="utf-8")
    assert path.read_text(encoding="utf-8").splitlines()[0] == "_id,keyword_list[0]"
    table = read_keywords(path)
    assert table.keywords == {ids[0]: ("soda can",)}
    reasons = {rejection.video_id: rejection.reason for rejection in table.rejections}
    assert reasons == {ids[1]: Reason.KEYWORD_BLANK, ids[2]: Reason.KEYWORD_NOT_VISUAL}


def test_broken_file_keeps_its_outlines_and_viewers(tmp_path: Path) -> None:
    make_video(replace(PLAN, defect=Defect.TRUNCATED), tmp_path)
    path = tmp_path / "videos" / f"{PLAN.video_id}.mp4"
    assert path.stat().st_size == 1024
    with pytest.raises(av.FFmpegError):
        av.open(str(path))
    assert len(annotation_of(tmp_path).tracks) == 3
    assert fixations_of(tmp_path)["onset_s"].max() > 3


def test_viewers_who_stop_early(tmp_path: Path) -> None:
    make_video(replace(PLAN, defect=Defect.VIEWERS_STOP), tmp_path)
    fixations = fixations_of(tmp_path)
    assert (fixations["onset_s"] + fixations["duration_s"]).max() == pytest.approx(1.0)


def test_scenes_without_product_have_no_track(tmp_path: Path) -> None:
    plan = replace(PLAN, scene_frames=(25, 25, 25, 25), defect=Defect.NO_PRODUCT)
    make_video(plan, tmp_path)
    tracks = annotation_of(tmp_path).tracks
    assert [track.keyframes[0].time_s for track in tracks] == [0.0, 2.0]


def test_note_says_what_it_is(corpus: Path, tmp_path: Path) -> None:
    note = (corpus / "CORPUS.md").read_text(encoding="utf-8")
    assert "drawn by a program and the viewers are simulated" in note
    assert "--seed 3`" in note
    assert "1 ads with 3 scenes" in note
    entries = sorted(path.name for path in corpus.iterdir())
    assert entries == ["CORPUS.md", "annotations", "fixations", "keywords.csv", "videos"]


def test_other_peoples_files_are_left_alone(tmp_path, capsys) -> None:
    own = tmp_path / "videos" / "mine.mp4"
    own.parent.mkdir()
    own.write_bytes(b"mine")
    with pytest.raises(UserFilesError, match=r"mine\.mp4 is not of the corpus with seed 3"):
        write_corpus([PLAN], tmp_path, 3, ONE_PROCESS)
    with pytest.raises(SystemExit) as stopped:
        main(["--out", str(tmp_path)])
    assert stopped.value.code == 1
    assert "Choose an empty folder" in capsys.readouterr().err
    assert [*tmp_path.rglob("*.*")] == [own]


def test_the_tracked_corpus_is_the_planned_one_and_small() -> None:
    tracked = yaml.safe_load((Path(__file__).parents[2] / "data.dvc").read_text())["outs"]
    files = {out["path"]: out.get("nfiles") for out in tracked}
    assert files["data/videos"] == len(plan_corpus(2026))
    assert sum(out["size"] for out in tracked) < 20_000_000
