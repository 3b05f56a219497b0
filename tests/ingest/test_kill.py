"""A stage that is killed in its middle goes on to the result of an uninterrupted run."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ingest_inputs import tree, write_cuts, write_video

from pipeline.storage.files import write_text
from pipeline.storage.workspace import Workspace

VIDEOS = [f"v{number:02d}" for number in range(20)]


def write_videos(workspace: Workspace) -> None:
    for video_id in VIDEOS[:6]:
        write_video(workspace.path(f"data/videos/{video_id}.mp4"), [30, 30, 30], size=(480, 270))


def write_outlines(workspace: Workspace) -> None:
    write_cuts(workspace, dict.fromkeys(VIDEOS, 2), size=(1280, 720))
    keyframes = [{"time_s": t, "polygons": [[[9, 9], [700, 90], [90, 1200]]]} for t in (0, 2)]
    for video_id in VIDEOS:
        annotation = {
            "video_id": video_id,
            "frame_width": 720,
            "frame_height": 1280,
            "tracks": [{"keyword_index": 0, "keyframes": keyframes}],
        }
        write_text(workspace.path(f"data/annotations/{video_id}.json"), json.dumps(annotation))


def write_fixations(workspace: Workspace) -> None:
    write_cuts(workspace, dict.fromkeys(VIDEOS, 2), size=(1280, 720))
    for video_id in VIDEOS:
        text = "viewer,onset_s,duration_s,x_px,y_px\nP1,0.2,0.3,99,99\nP2,0.9,0.3,500,700\n"
        write_text(workspace.path(f"data/fixations/{video_id}.csv"), text)


@pytest.mark.parametrize(
    ("stage", "prepare"),
    [
        ("scene_cuts", write_videos),
        ("keyword_masks", write_outlines),
        ("attention_heatmap", write_fixations),
    ],
)
def test_a_killed_run_goes_on_to_the_same_result(
    workspace: Workspace, tmp_path: Path, stage: str, prepare: Callable[[Workspace], None]
) -> None:
    write_text(workspace.path("params.yaml"), "compute: {n_jobs: 1}\n")
    prepare(workspace)
    whole = Workspace(tmp_path / "whole")
    shutil.copytree(workspace.root, whole.root)
    module = importlib.import_module(f"pipeline.{stage}")
    module.main(whole)
    total = len(made(whole, module.OUTS[0]))

    command = [sys.executable, "-m", "pipeline", stage, "--root", str(workspace.root)]
    process = subprocess.Popen(
        command, start_new_session=True, stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[2]
    )
    deadline = time.monotonic() + 60
    while len(made(workspace, module.OUTS[0])) < total // 4 and time.monotonic() < deadline:
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    at_the_kill = made(workspace, module.OUTS[0])
    assert total // 4 <= len(at_the_kill) < total

    module.main(workspace)
    for out in module.OUTS:
        folder = str(Path(out).parent) if Path(out).suffix else out
        assert tree(workspace.path(folder)) == tree(whole.path(folder))
    # All but the video that was being put in place when the kill came.
    after = made(workspace, module.OUTS[0])
    assert sum(after[name] == at for name, at in at_the_kill.items()) >= len(at_the_kill) - 3


def made(workspace: Workspace, out: str) -> dict[str, int]:
    """Files of the out that the stage under test made, with their times."""
    suffixes = {".jpg", ".png"}
    found = [path for path in workspace.path(out).rglob("*") if path.suffix in suffixes]
    return {path.name: path.stat().st_mtime_ns for path in found}
