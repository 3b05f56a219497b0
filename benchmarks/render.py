"""How long it takes to put edits back into a video, against the floor and the straightforward way.

The floor: the video is read, and encoded once for each distinct file, with the stage's settings.
The straightforward way: the editor redraws every frame; with `--redraw`, what it takes for one is
measured in the same run, on the demo's backbone and scenes, and compared at their size.

    python benchmarks/render.py --rounds 3 --redraw

The video is drawn: 720×1280, a textured product that moves before a textured ground. It is rendered
as `baseline` and `full_boost`, once with a scene that changes throughout, once with one that no arm
modifies. `--redraw` needs a repository in which the stages before `edit` have run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from statistics import median

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.ground.files import write_bytes
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import Pixels, encode
from pipeline.scenes.cuts import CutScene
from pipeline.stages.render.params import RenderParams
from pipeline.stages.render.tasks import SceneEdit, VideoTask
from pipeline.stages.render.video import render_video
from pipeline.video.decoding import UPRIGHT, open_video
from pipeline.video.encoding import Format, SegmentEncoder, Settings, Writers
from pipeline.video.planes import Colours, planes_of

_LARGE, _DEMO = (1280, 720), (480, 270)
_RATE = 25
_IMAGE_SIZE = (176, 96)


def main() -> None:
    """Take turns, report the median of each ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--redraw", action="store_true", help="time the editor, too")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        changes = _write_inputs(folder, options.frames, _LARGE)
        stays = changes._replace(arms={arm: {} for arm in changes.arms})
        found: dict[str, list[float]] = {"changes": [], "stays": []}
        for number in range(options.rounds):
            two, one = _seconds(partial(_floor, changes, 2)), _seconds(partial(_floor, changes, 1))
            changing, staying = (
                _seconds(partial(_render, changes)),
                _seconds(partial(_render, stays)),
            )
            found["changes"].append(changing / two)
            found["stays"].append(staying / one)
            ms = [f"{1e3 * s / options.frames:.1f}" for s in (two, one, changing, staying)]
            sys.stdout.write(
                f"round {number + 1}, ms a frame: floor {ms[0]} (of two files), {ms[1]} (of one); "
                f"a scene that changes {ms[2]}, one that does not {ms[3]}\n"
            )
        for kind, ratios in found.items():
            sys.stdout.write(f"{kind}: {median(ratios):.2f} times the floor\n")
        if options.redraw:
            task = _write_inputs(folder / "demo", options.frames, _DEMO)
            redrawn, carried = _redraw_s(), _seconds(partial(_render, task)) / options.frames
            sys.stdout.write(
                f"the editor: {redrawn:.2f} s a frame; rendered at that size, both files: "
                f"{1e3 * carried:.1f} ms; {redrawn / carried:.0f} times faster\n"
            )


def _write_inputs(folder: Path, frames: int, size: tuple[int, int]) -> VideoTask:
    """Write video, image, mask and edit; return the task of both arms."""
    folder.mkdir(exist_ok=True)
    video = folder / "v.mp4"
    with av.open(str(video), "w", format="mp4") as container:
        track = container.add_stream("libx264", rate=_RATE, options={"crf": "18"})
        track.height, track.width = size
        track.pix_fmt = "yuv420p"
        for number in range(frames):
            picture = av.VideoFrame.from_ndarray(_draw(number, frames, size), format="rgb24")
            container.mux(track.encode(picture))
        container.mux(track.encode())
    middle = frames // 2
    with open_video(video) as opened:
        image = next(opened.pictures_at([Fraction(middle, _RATE)]))
    mask = _mask(middle, frames, size)
    edited = np.clip(image + 30 * mask[..., None].astype(np.int16), 0, 255).astype(np.uint8)
    files = {"image.png": image, "edited.png": edited, "mask.png": mask.astype(np.uint8) * 255}
    for name, pixels in files.items():
        write_bytes(folder / name, encode(pixels, "png"))
    change = float(np.abs(edited.astype(np.int16) - image).mean())
    places = (folder / "edited.png", folder / "image.png", (folder / "mask.png",))
    edit = SceneEdit(*places, "keyword", change, "edit")
    times = (0.0, frames / _RATE, middle / _RATE)
    scene = CutScene("v", 1, *times, size[1], size[0])
    params = RenderParams()
    settings = Settings(params.crf, params.preset, params.lossless)
    arms = {"baseline": {}, "full_boost": {1: edit}}
    return VideoTask("v", video, (scene,), arms, folder / "videos", settings, 2.0, _IMAGE_SIZE)


def _texture(seed: int, size: tuple[int, int]) -> Pixels:
    small = np.random.default_rng(seed).integers(30, 200, (size[0] // 12, size[1] // 12, 3))
    wide = cv2.resize(small.astype(np.uint8), size[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(wide, np.uint8)


def _product(number: int, frames: int, size: tuple[int, int]) -> tuple[slice, slice]:
    """Return where the product is in a frame."""
    height, width = size
    top = round(height * (0.23 + 0.16 * number / frames))
    left = round(width * (0.14 + 0.2 * number / frames))
    return slice(top, top + height // 3), slice(left, left + width * 2 // 5)


def _draw(number: int, frames: int, size: tuple[int, int]) -> Pixels:
    picture = np.roll(_texture(0, size), number, axis=1)
    picture[_product(number, frames, size)] = _texture(1, (size[0] // 3, size[1] * 2 // 5))
    return picture


def _mask(number: int, frames: int, size: tuple[int, int]) -> NDArray[np.bool_]:
    mask = np.zeros(size, bool)
    mask[_product(number, frames, size)] = True
    return mask


def _floor(task: VideoTask, files: int) -> None:
    """Read the video and encode it for each of so many files."""
    colours = Colours(False, 2, 2, 2)
    with open_video(task.source) as video:
        form = Format(_LARGE, video.time_base, video.frame_rate, Fraction(1), UPRIGHT, colours)
        encoders = [SegmentEncoder(form, task.settings) for _ in range(files)]
        paths = [task.path(f"floor_{number}") for number in range(files)]
        with Writers(paths, task.source, form, task.settings) as writers:
            for frame in video.frames():
                pts = frame.picture.pts or 0
                for number, encoder in enumerate(encoders):
                    packets = encoder.encode(planes_of(frame.picture), pts, 1)
                    writers.write([number], packets, encoder.header)
            for number, encoder in enumerate(encoders):
                writers.write([number], encoder.finish(), encoder.header)


def _render(task: VideoTask) -> None:
    failures = render_video(task).failures
    assert not failures, failures


def _redraw_s() -> float:
    """Return what the editor takes for one edit of one scene, seconds."""
    from pipeline.editing.cache import TensorCache
    from pipeline.editing.loading import load_models, make_editor
    from pipeline.editing.params import EditParams
    from pipeline.editing.scene_edits import edit_scenes
    from pipeline.editing.tasks import chosen_videos, variant_tasks
    from pipeline.ground.artefacts import SCENES
    from pipeline.ground.params import load_image_size
    from pipeline.heatmaps.params import VariantParams
    from pipeline.scenes.table import read_scenes

    workspace = Workspace.find()
    params, variants = EditParams.load(workspace), VariantParams.load(workspace)
    video = chosen_videos(read_scenes(workspace.path(SCENES)), params)[0]
    made = {name: variants.variants[name] for name in ("baseline", "full_boost")}
    tasks = list(variant_tasks(workspace, video, made, variants.keywords, params))[:4]
    models, size = load_models(workspace, params), load_image_size(workspace)

    def edit() -> None:
        with tempfile.TemporaryDirectory() as name:
            editor = make_editor(models, params, TensorCache(Path(name, "cache"), params.cache_gb))
            edit_scenes(tasks, editor, size, Path(name, "edits"))

    edit()  # Once, so that what is loaded on first use does not count.
    return _seconds(edit) / len(tasks)


def _seconds(way: Callable[[], None]) -> float:
    start = time.perf_counter()
    way()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
