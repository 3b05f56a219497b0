"""Small inputs for each stage from cuts to variants, by the stage's name."""

from collections.abc import Callable

from ingest_inputs import make_cuts, write_fixations, write_outlines, write_video
from scene_trees import write_scene_tree, write_validate_inputs

from pipeline.ground.files import write_text
from pipeline.ground.workspace import Workspace

PARAMS = "compute: {n_jobs: 1}\nimage_size: [48, 32]\n"


def write_videos(workspace: Workspace, videos: int) -> None:
    for number in range(-(-videos // 3)):
        path = workspace.path(f"data/videos/v{number:02d}.mp4")
        write_video(path, [30, 30, 30], size=(480, 270))


def write_large_outlines(workspace: Workspace, videos: int) -> None:
    for video_id in _write_large_cuts(workspace, videos):
        triangle = [[9, 9], [700, 90], [90, 1200]]
        write_outlines(workspace.root, video_id, (1280, 720), (0, 0, 2, triangle))


def write_large_fixations(workspace: Workspace, videos: int) -> None:
    for video_id in _write_large_cuts(workspace, videos):
        write_fixations(workspace.root, video_id, (0.2, 0.3, 99, 99), (0.9, 0.3, 500, 700))


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
    "keyword_masks": write_large_outlines,
    "attention_heatmap": write_large_fixations,
    "validate": write_trees,
    "variant": write_scenes,
}
"""What writes a stage's inputs for about so many videos; the parameters are `PARAMS`."""
