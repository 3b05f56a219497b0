"""The videos that scenes were cut from."""

from __future__ import annotations

from pathlib import Path

from pipeline.ground.workspace import Workspace
from pipeline.ingest.inputs import by_video, input_path, list_files
from pipeline.stages.scene_cuts.params import SceneCutsParams
from pipeline.video.containers import VIDEO_SUFFIXES


def source_videos(workspace: Workspace) -> dict[str, Path]:
    """Return {video id: file} of `scene_cuts.input`.

    Raises:
        InputError: there is no such folder.
    """
    paths, _ = list_files(workspace, input_path(workspace, SceneCutsParams.load(workspace)))
    named = [path for path in paths if path.suffix.lower() in VIDEO_SUFFIXES]
    return by_video(workspace, named)[0]
