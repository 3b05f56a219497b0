"""The proof over time: frames of rendered videos, judged; and figures of frames that are known."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from films import PLAIN, SIZE, Film, draw, edit_scenes, set_params, square, write_film
from stages.evaluate.pretended_edits import JUDGE

from pipeline.attention.models import load_attention_model
from pipeline.ground.artefacts import EDITS, SCENES, edited_scene, rendered_video
from pipeline.ground.errors import InputError
from pipeline.ground.files import write_text
from pipeline.ground.tables import read_table
from pipeline.ground.workspace import Workspace
from pipeline.heatmaps.dose import requested_share
from pipeline.proof.params import EvaluateParams
from pipeline.stages.evaluate.frames import (
    BASELINE,
    SOURCE,
    STANDING,
    Judged,
    VideoJob,
    judge_video,
    read_rendered,
    videos_to_judge,
)
from pipeline.stages.evaluate.over_time import frame_rows, over_time
from pipeline.stages.render import stage as render
from schemas.edits import VARIANTS_ARM
from schemas.frames import FRAMES_TABLE
from schemas.videos import VIDEOS_TABLE

ARMS = {"baseline": {}, "late_boost": {2: 40}, "full_boost": {1: 40, 2: 40}}
PARAMS = EvaluateParams(judge="models/judge.py", least_videos=3)
VIDEOS = ("a", "b", "c", "d")


def edits(workspace: Workspace) -> pd.DataFrame:
    """Return what `edits_to_judge` returns of the films' edits."""
    scenes = read_table(workspace.path(SCENES), {})
    masks = scenes["keyword_mask_path"].map(lambda path: [path])
    places = scenes[["video_id", "scene_number"]].assign(
        original_path=scenes["scene_image_path"], mask_paths=masks
    )
    table = read_table(workspace.path(EDITS), {"modified": "bool"})
    paths = [
        edited_scene(*row)
        for row in table[["variant", "video_id", "filename"]].itertuples(index=False, name=None)
    ]
    return table.assign(arm=VARIANTS_ARM, edited_path=paths).merge(
        places, on=["video_id", "scene_number"]
    )


def judged(workspace: Workspace, film: Film = PLAIN, size: tuple[int, int] = SIZE) -> Judged:
    """Render a film's arms and have them judged."""
    set_params(workspace)
    write_film(workspace.path("data/videos/v.mp4"), film)
    edit_scenes(workspace, ARMS, lambda frame: square(frame, size))
    render.main(workspace)
    return judge(workspace)


def judge(workspace: Workspace) -> Judged:
    write_text(workspace.path("models/judge.py"), JUDGE)
    load = partial(load_attention_model, "models/judge.py", workspace.root)
    rows = edits(workspace)
    (video,) = videos_to_judge(workspace, rows, read_rendered(workspace, rows))
    return judge_video(VideoJob("item", video, load))


def test_frames_without_an_edit_of_their_own_are_judged_in_each_arm(workspace: Workspace) -> None:
    found = judged(workspace)
    assert not found.failure
    for number, arms in ((1, {"full_boost"}), (2, {"full_boost", "late_boost"})):
        rows = [row for row in found.rows if row["scene_number"] == number]
        assert len(rows) >= 5
        for row in rows:
            shares = row["shares"]
            assert set(shares) == {SOURCE, BASELINE, STANDING} | arms
            # Before and after the image's own frame the square is elsewhere.
            assert shares[STANDING] != shares["full_boost"]
            assert shares[BASELINE] == pytest.approx(shares[SOURCE], abs=0.005)
            assert all(abs(shares[arm] - shares[BASELINE]) > 0.03 for arm in arms), shares
    late, full = ([row["shares"].get(arm) for row in found.rows] for arm in list(ARMS)[1:])
    assert late[-1] == full[-1]


def test_of_sides_that_are_odd_a_pixel_is_lost(workspace: Workspace) -> None:
    film = Film(pixels="yuv444p", picture=lambda shot, frame: draw(shot, frame)[:95, :63])
    found = judged(workspace, film, (95, 63))
    assert not found.failure
    assert all(row["shares"]["full_boost"] for row in found.rows)


def test_a_file_that_is_gone_is_named(workspace: Workspace) -> None:
    judged(workspace)
    workspace.path(rendered_video("late_boost", "v")).write_bytes(b"no video")
    assert judge(workspace).failure.startswith("v: cannot be decoded")


def test_videos_of_another_part_are_named(workspace: Workspace) -> None:
    judged(workspace)
    others = edits(workspace).assign(video_id="w")
    with pytest.raises(InputError, match=r"Set render\.videos and evaluate\.videos"):
        read_rendered(workspace, others)


def seen(kept: float, encoded: float = 0.0) -> tuple[pd.DataFrame, dict[str, list[dict]]]:
    """Return measured stills, and frames in which `kept` of the stills' change is seen."""
    stills, frames = [], {}
    random = np.random.default_rng(0)
    for video_id in VIDEOS:
        original = float(random.uniform(0.1, 0.4))
        shares = {SOURCE: original, BASELINE: original + encoded, "placebo": original + encoded}
        for variant, alpha in (("full_boost", 1.5), ("reduction", 0.5)):
            shares[variant] = float(requested_share(shares[BASELINE], alpha**kept))
        shares[STANDING] = float(requested_share(shares[BASELINE], 1.5 ** (kept / 2)))
        for variant, alpha in (
            ("baseline", 1.0), ("placebo", 1.0), ("full_boost", 1.5), ("reduction", 0.5)
        ):  # fmt: skip
            stills.append({
                "video_id": video_id, "scene_number": 1, "arm": VARIANTS_ARM, "variant": variant,
                "alpha": alpha, "region": "keyword", "in_range": True,
                "share": float(requested_share(original, alpha)), "original_share": original,
            })  # fmt: skip
        place = {"scene_number": 1, "shares": shares}
        frames[video_id] = [place | {"frame": n, "time_s": n / 25} for n in range(6)]
    return pd.DataFrame(stills), frames


def figures(kept: float, encoded: float = 0.0, rendered: dict | None = None) -> dict:
    made = {
        "variant": "full_boost", "modified_scenes": 1, "warping_error_ratio": 1.02,
        "change_warping_ratio": 0.1, "outside_psnr_db": 47.0,
        "baseline_outside_psnr_db": 47.5, "hidden_share": 0.01, "outside_max_abs_diff": 0.0,
    }  # fmt: skip
    table = pd.DataFrame([{"video_id": v, **made, **(rendered or {})} for v in VIDEOS])
    return over_time(frame_rows(*seen(kept, encoded)), table, PARAMS)[0]


@pytest.mark.parametrize("kept", [1.0, 0.6, 0.0, -0.5])
def test_what_is_kept_of_the_effect_is_found(kept: float) -> None:
    found = figures(kept)
    assert found["video_effect_kept"] == pytest.approx(kept, abs=1e-6)
    assert found["video_effect_kept_standing"] == pytest.approx(kept / 2, abs=1e-6)
    assert found["video_carrying_adds"] == pytest.approx(kept / 2, abs=1e-6)
    assert found["video_effect_kept_ci95"] == pytest.approx([kept, kept], abs=1e-6)
    assert found["video_dose_slope"] == pytest.approx(kept, abs=1e-6)
    assert found["video_still_dose_slope"] == pytest.approx(1)
    assert found["video_dose_log_error_median"] == pytest.approx(abs(1 - kept), abs=1e-6)
    assert found["n_frames"] == 24


def test_what_encoding_alone_does_is_no_effect_of_the_edit() -> None:
    found = figures(1.0, encoded=0.05)
    assert found["video_baseline_mean_change"] == pytest.approx(0.05)
    assert not found["video_baseline_tost_pass"]
    assert found["video_placebo_mean_change"] == pytest.approx(0)
    assert found["video_effect_kept"] == pytest.approx(1, abs=1e-6)


def test_the_worst_video_counts_where_nothing_may_change() -> None:
    found = figures(1.0, rendered={"outside_max_abs_diff": 3.0})
    assert found["video_outside_max_abs_diff"] == 3
    assert found["video_outside_psnr_lost_db"] == pytest.approx(0.5)
    assert found["video_warping_error_ratio"] == pytest.approx(1.02)
    other = figures(1.0, rendered={"variant": "reduction"})
    assert other["video_warping_error_ratio"] is None
    assert other["video_change_warping_ratio"] == pytest.approx(0.1)


def test_scenes_out_of_the_judges_range_prove_no_dose() -> None:
    stills, frames = seen(0.5)
    stills["in_range"] = stills["video_id"] != VIDEOS[0]
    frames[VIDEOS[0]][0]["shares"]["full_boost"] = 0.001
    rows = frame_rows(stills, frames)
    FRAMES_TABLE.validate(rows)
    assert len(rows) == 5 * 6 * len(VIDEOS)
    rendered = pd.DataFrame([{"video_id": "a", "modified_scenes": 0}]).reindex(
        columns=list(VIDEOS_TABLE.columns)
    )
    found, tests = over_time(rows, rendered, PARAMS)
    assert found["video_effect_kept"] == pytest.approx(0.5)
    assert found["video_outside_max_abs_diff"] is None
    assert set(tests) == {"video_placebo", "video_baseline"}
