"""Small inputs for each stage from cuts to variants, by the stage's name."""

from __future__ import annotations

import json
from collections.abc import Callable

from ingest_inputs import make_cuts, write_video
from scene_trees import write_scene_tree, write_validate_inputs

from pipeline.ground.files import write_text
from pipeline.ground.workspace import Workspace

PARAMS = "compute: {n_jobs: 1}\nimage_size: [48, 32]\n"


def write_videos(workspace: Workspace, videos: int) -> None:
    for number in range(-(-videos // 3)):
        path = workspace.path(f"data/videos/v{number:02d}.mp4")
        write_video(path, [30, 30, 30], size=(480, 270))


def write_outlines(workspace: Workspace, videos: int) -> None:
    video_ids = _write_large_cuts(workspace, videos)
    keyframes = [{"time_s": t, "polygons": [[[9, 9], [700, 90], [90, 1200]]]} for t in (0, 2)]
    for video_id in video_ids:
        annotation = {
            "video_id": video_id,
            "frame_width": 720,
            "frame_height": 1280,
            "tracks": [{"keyword_index": 0, "keyframes": keyframes}],
        }
        write_text(workspace.path(f"data/annotations/{video_id}.json"), json.dumps(annotation))


def write_fixations(workspace: Workspace, videos: int) -> None:
    for video_id in _write_large_cuts(workspace, videos):
        text = "viewer,onset_s,duration_s,x_px,y_px\nP1,0.2,0.3,99,99\nP2,0.9,0.3,500,700\n"
        write_text(workspace.path(f"data/fixations/{video_id}.csv"), text)


def write_trees(workspace: Workspace, videos: int) -> None:
    write_validate_inputs(workspace.root, _scenes(videos))
    write_text(workspace.path("params.yaml"), PARAMS)


def write_scenes(workspace: Workspace, videos: int) -> None:
    write_scene_tree(workspace.root, _scenes(videos), size=(480, 270))


def _write_large_cuts(workspace: Workspace, videos: int) -> list[str]:
    scenes = _scenes(videos)
    make_cuts(workspace, scenes, size=(1280, 720))
    return list(scenes)


def _scenes(videos: int) -> dict[str, int]:
    return {f"v{number:02d}": 3 for number in range(videos)}


INPUTS: dict[str, Callable[[Workspace, int], None]] = {
    "scene_cuts": write_videos,
    "keyword_masks": write_outlines,
    "attention_heatmap": write_fixations,
    "validate": write_trees,
    "variant": write_scenes,
}
"""What writes a stage's inputs for about so many videos; the parameters are `PARAMS`."""
