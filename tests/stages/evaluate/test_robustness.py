"""What degradations leave of an effect: of what is pretended, and of edits that a judge sees."""

import json
from itertools import product

import pandas as pd
import pytest
from scene_trees import write_scene_tree
from stages.evaluate.measured_table import measured_table
from stages.evaluate.pretended_edits import pretend_control, write_edits

from pipeline.diffusion.controlnet import WEIGHTS
from pipeline.ground import artefacts
from pipeline.ground.artefacts import DOSE_CONTROLNET
from pipeline.ground.errors import InputError
from pipeline.ground.files import write_bytes, write_text
from pipeline.ground.workspace import Workspace
from pipeline.heatmaps.dose import requested_share
from pipeline.pictures.degradations import DEGRADATIONS
from pipeline.scenes.split import split_of
from pipeline.stages.evaluate import figures
from pipeline.stages.evaluate import stage as evaluate
from pipeline.stages.evaluate.degraded import JUDGE, degraded_item, people_and_judge
from pipeline.stages.evaluate.panel import Panel, look_item
from pipeline.stages.evaluate.robustness import (
    robustness_figures,
    robustness_rows,
    to_be_degraded,
)
from schemas.robustness import ROBUSTNESS_TABLE

NOTHING = dict.fromkeys(DEGRADATIONS, 1.0)
VIDEOS = [str(n) for n in range(100, 160) if split_of(str(n)) == "test"][:3]
# Sees edges, and beside them a little everywhere: the edges must be sharp to be seen.
SHARP = """
import cv2
import numpy as np

def attention_map(image):
    return np.square(cv2.Laplacian(image.astype(float), cv2.CV_64F)).sum(2) + 5000
"""
PARAMS = """
image_size: [48, 32]
compute: {n_jobs: 1}
edit: {guide: spectral_residual}
evaluate: {judge: models/judge.py, least_videos: 3, panel: [centre_surround]}
"""


def rows(parts: dict[str, float], people: dict[str, float] | None = None) -> pd.DataFrame:
    """Return what is left if a degradation leaves `parts` to the judge, `people` to people_a."""
    table = measured_table()
    names = table["video_id"] + table["scene_number"].astype(str)
    table = table.assign(look=names + table["alpha"].astype(str), original_look=names)
    seen = {JUDGE: parts} | ({"people_a": people} if people else {})
    results = {}
    for row in to_be_degraded(table).itertuples():
        for name, observer in product(DEGRADATIONS, seen):
            share = float(requested_share(row.original_share, row.alpha ** seen[observer][name]))
            results[degraded_item(observer, name, row.look)] = share
            results[degraded_item(observer, name, row.original_look)] = row.original_share
            results[look_item(observer, row.look)] = row.share
            results[look_item(observer, row.original_look)] = row.original_share
    return robustness_rows(table, seen, results)


def test_one_is_left_of_what_loses_nothing_and_half_of_what_loses_half() -> None:
    found = robustness_figures(rows(NOTHING | {"blur": 0.5, "half": 0.8}, NOTHING), 0)
    assert found["robustness_jpeg"] == pytest.approx(1)
    assert found["robustness_blur"] == pytest.approx(0.5)
    assert found["robustness_blur_ci95"] == pytest.approx([0.5, 0.5])
    assert found["robustness_least"] == pytest.approx(found["robustness_blur"])
    assert found["robustness_least_ci95"] == pytest.approx([0.5, 0.5])
    assert found["robustness_people_blur"] == pytest.approx(1)
    json.dumps(found, allow_nan=False)


def test_nothing_is_left_of_an_effect_that_vanishes_under_blur() -> None:
    found = robustness_figures(rows(NOTHING | {"blur": 0.0}), 0)
    assert found["robustness_least"] == pytest.approx(0, abs=1e-9)
    assert found["robustness_h264"] == pytest.approx(1)
    assert found["robustness_people_blur"] is None


def test_rows_are_the_whole_methods_at_the_doses_of_all_arms() -> None:
    table = rows(NOTHING, NOTHING)
    ROBUSTNESS_TABLE.validate(table, lazy=True)
    assert len(table) == 36 * 2 * len(DEGRADATIONS) * 2
    assert set(table["alpha"]) == {0.5, 2.0}
    assert set(table["observer"]) == {"judge", "people_a"}


def test_without_common_doses_or_in_range_nothing_is_known() -> None:
    table = measured_table().query("arm == 'variants'").assign(look=None, original_look=None)
    empty = robustness_rows(table, [JUDGE], {})
    ROBUSTNESS_TABLE.validate(empty, lazy=True)
    for none in (empty, rows(NOTHING).assign(in_range=False)):
        found = robustness_figures(none, 0)
        assert (found["robustness_least"], found["robustness_least_ci95"]) == (None, None)


def test_of_the_panel_those_look_who_learned_from_people(tmp_path) -> None:
    panel = Panel(dict.fromkeys(["people_b", "centre_surround"]), {"people_a": "it is the guide"})
    assert list(people_and_judge(lambda: None, panel, tmp_path)) == [JUDGE, "people_b"]


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return edits in pictures so large that blur has something to take."""
    workspace = Workspace(tmp_path_factory.mktemp("edited"))
    scenes = write_scene_tree(workspace.root, dict.fromkeys(VIDEOS, 1), size=(240, 136))
    write_edits(workspace.root, scenes, (48, 32))
    write_text(workspace.path("models/judge.py"), SHARP)
    write_text(workspace.path("params.yaml"), PARAMS)
    write_bytes(workspace.path(DOSE_CONTROLNET) / WEIGHTS, b"weights")
    return workspace


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list:
    """Return the looks at degraded pictures that are made; no MLflow, no intervals (seconds)."""
    pretend_control(monkeypatch)
    monkeypatch.setattr(figures, "clustered_interval", lambda *arguments: None)
    monkeypatch.setattr(evaluate, "_track", lambda *arguments: None)
    found: list = []
    original = evaluate.look_degraded
    monkeypatch.setattr(
        evaluate, "look_degraded", lambda job: (found.append(job), original(job))[1]
    )
    return found


def test_a_judge_of_sharp_edges_misses_the_effect_in_blur(edited, looked) -> None:
    evaluate.main(edited)
    metrics = json.loads(edited.path(artefacts.METRICS).read_text())
    assert metrics["robustness_shift"] == pytest.approx(1, abs=0.02)
    assert metrics["robustness_blur"] < 0.4
    assert metrics["robustness_least"] <= metrics["robustness_blur"]
    assert metrics["robustness_people_blur"] is None
    table = pd.read_csv(edited.path(artefacts.ROBUSTNESS), dtype={"video_id": str})
    ROBUSTNESS_TABLE.validate(table, lazy=True)
    assert len(table) == len(VIDEOS) * 2 * len(DEGRADATIONS)
    # Of each scene two doses and the one original.
    assert len(looked) == len(VIDEOS) * 3 * len(DEGRADATIONS)


def test_an_unchanged_picture_is_not_looked_at_again(edited, looked) -> None:
    evaluate.main(edited)
    looked.clear()
    path = edited.path(f"outputs/dose_curve/full/alpha_2/{VIDEOS[0]}/{VIDEOS[0]}-Scene-001-01.png")
    path.write_bytes(edited.path(str(path).replace("alpha_2", "alpha_1.5")).read_bytes())
    evaluate.main(edited)
    assert {job.look.picture for job in looked} == {path}
    assert [job.degradation for job in looked] == list(DEGRADATIONS)


def test_a_look_that_fails_is_named(edited, looked, monkeypatch) -> None:
    evaluate.main(edited)
    path = edited.path(f"outputs/dose_curve/full/alpha_2/{VIDEOS[0]}/{VIDEOS[0]}-Scene-001-01.png")
    path.write_bytes(edited.path(str(path).replace("alpha_2", "alpha_1.25")).read_bytes())

    def refused(job):
        return evaluate.Seen(job.look.item, None, f"{job.look.picture}: damaged")

    monkeypatch.setattr(evaluate, "look_degraded", refused)
    with pytest.raises(InputError, match=r"Scene-001-01\.png: damaged and 4 more"):
        evaluate.main(edited)
