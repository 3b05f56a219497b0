"""A small data root that went through validation, variants, edits and their proof."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from scene_trees import SCENES, write_scene_tree
from stages.evaluate.pretended_edits import JUDGE, pretend_control, write_edits

from pipeline.diffusion.controlnet import WEIGHTS
from pipeline.ground import artefacts
from pipeline.ground.artefacts import DOSE_CONTROLNET
from pipeline.ground.files import write_bytes, write_text
from pipeline.ground.tables import write_table
from pipeline.ground.workspace import Workspace
from pipeline.scenes.refusals import write_rejections
from pipeline.scenes.split import split_of
from pipeline.stages.evaluate import stage as evaluate
from pipeline.stages.report import stage as report
from pipeline.stages.variant import stage as variant
from schemas.rejected_scenes import Reason, Rejection

KEYWORD = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&amp;"
"""Of the first video: whatever shows it must show exactly this text."""
TEST_VIDEOS = [str(number) for number in range(100, 160) if split_of(str(number)) == "test"][:3]
OTHER = next(str(number) for number in range(100, 160) if split_of(str(number)) == "train")
SCENES_EACH = 4
PARAMS = """
image_size: [48, 32]
compute: {n_jobs: 1}
edit: {guide: spectral_residual}
evaluate: {judge: models/judge.py, least_videos: 3, gate: {dose_spearman_mean: {min: 0.9}, identity_psnr_db: {min: 99}}}
"""  # noqa: E501


def write_scenes(root: Path) -> pd.DataFrame:
    """Write the scenes of three test videos and another; return the test videos' rows."""
    scenes = write_scene_tree(root, dict.fromkeys([*TEST_VIDEOS, OTHER], SCENES_EACH))
    scenes.loc[scenes["video_id"] == TEST_VIDEOS[0], "keyword"] = KEYWORD
    write_table(root / SCENES, scenes)
    write_text(root / "params.yaml", PARAMS)
    return scenes[scenes["split"] == "test"]


DATA_DVC = """
outs:
- md5: 0123abcd.dir
  path: data/videos
- md5: 4567abcd
  path: data/CORPUS.md
"""


def write_all(root: Path) -> Workspace:
    """Write all that a report is made of: variants made, edits pretended, and judged for real."""
    workspace = Workspace(root)
    edited = write_scenes(root)
    times = edited[["video_id", "scene_number"]].assign(
        start_s=(edited["scene_number"] - 1) * 1.5, end_s=edited["scene_number"] * 1.5
    )
    write_table(root / "data/video_scene_cuts/scenes.csv", times)
    write_text(root / "data/CORPUS.md", "# Drawn")
    write_text(root / "data.dvc", DATA_DVC)
    write_text(root / "models/judge.py", JUDGE)
    (root / "reports/validation").mkdir(parents=True)
    masks = {2: "keyword_masks/7001/<b>.png", 3: "keyword_masks/7001/x.png"}
    empty = [
        Rejection.of(("7001", number), mask, Reason.MASK_EMPTY, "0 of 100 pixels")
        for number, mask in masks.items()
    ]
    broken = ("7002", None), "data/videos/7002.mp4", Reason.VIDEO_UNREADABLE, "no frames"
    write_rejections(root / artefacts.REJECTED, [*empty, Rejection.of(*broken)])
    write_text(root / "reports/train/metrics.json", json.dumps({"steps": 560}))
    write_bytes(root / DOSE_CONTROLNET / WEIGHTS, b"weights")
    with untracked() as patch:
        pretend_control(patch)
        variant.main(workspace)
        write_edits(root, edited, (48, 32))
        evaluate.main(workspace)
    return workspace


@contextmanager
def untracked() -> Iterator[pytest.MonkeyPatch]:
    """MLflow is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        for stage in (evaluate, report, variant):
            patch.setattr(stage, "log_run", lambda *_: None)
        yield patch


def write_report(workspace: Workspace) -> Path:
    """Make the page."""
    with untracked():
        report.main(workspace)
    return workspace.path(artefacts.PAGE)
