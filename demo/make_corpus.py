"""Make the demo corpus: drawn vertical ads, product outlines, fixations of simulated viewers.

`python -m demo.make_corpus --out DIR [--seed 2026]` writes what `data.dvc` tracks: `videos/`,
`keywords.csv`, `annotations/`, `fixations/` and `CORPUS.md`, which says what all this is.

The scenes follow from the seed. Which of them are drawn anew because their cut was not found, and
the last bits of the frames, also depend on the versions of OpenCV, x264 and PySceneDetect.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from itertools import chain
from pathlib import Path

import av
import numpy as np
import pandas as pd
from scenedetect import AdaptiveDetector, SceneManager, open_video

from demo.drawing import Frame, draw_scene, product_outline
from demo.products import PRODUCT_CLASSES
from demo.scenes import AdStyle, SceneSpec, sample_ad_style, sample_scene
from demo.viewers import look, saliency_density
from pipeline.ground.errors import GazeshiftError, UserFilesError
from pipeline.ground.files import replacing, write_text
from pipeline.ground.parallel import each
from pipeline.ground.params import ComputeParams
from pipeline.ground.tables import write_table
from pipeline.scenes.split import TEST, TRAIN, VAL, split_of
from schemas.keywords import ID_COLUMNS, KEYWORD_COLUMNS
from schemas.valid_scenes import Split

HEIGHT, WIDTH = 480, 270
# A frame lasts 40 ms, so that every cut falls on a whole millisecond.
FRAMES_PER_S = 25
SCENE_FRAMES = (25, 50)
SCENES_PER_VIDEO = (9, 8, 7, 6, 5)
VIDEOS_PER_SPLIT = {TRAIN: 46, VAL: 8, TEST: 14}
# Viewers can hardly be drawn any more to a product that is already more vivid than this.
VIVIDNESS = (0.1, 0.8)
VIEWERS = 28
KEYFRAME_STEP_S = 0.25
# So that the same frames give the same file: one thread, since the output depends on their number,
# and no macroblock tree, which in x264 165 reads uninitialised memory at this frame size.
ENCODER = {"crf": "25", "preset": "fast", "threads": "1", "x264-params": "mbtree=0"}
TRUNCATED_BYTES = 1024
SCENES_WITHOUT_PRODUCT = (2, 4)
UNSEEN_SCENES = 2
MOST_REDRAWS = 20
FOLDERS = {"videos": "mp4", "annotations": "json", "fixations": "csv"}
COMPUTE = ComputeParams(backend="loky", n_jobs=-1)
PURPOSE = "Make the demo corpus: drawn ads, product outlines, fixations of simulated viewers."
NOTE = """# Gazeshift's demo corpus

**Nothing here is real.** The ads are drawn by a program and the viewers are simulated: no person,
brand or recording is in this folder, and it says nothing about how people look at ads. It lets
someone without own data see every step of Gazeshift at work.

Made by `python -m demo.make_corpus --out DIR --seed {seed}`; the same seed gives the same scenes.

- `videos/`: {videos} ads with {scenes} scenes; H.264, {width}×{height} px, {fps} frames a second,
  hard cuts. One ad shows one product in one palette. In each scene the background, the place and
  size of the product, its vividness ({vividness}) and 0 to 4 other objects are drawn anew;
  vividness is independent of all else.
- `keywords.csv`: the product's name, one of {classes}.
- `annotations/`: the product's outline over time, exact because it was drawn; a track per scene.
- `fixations/`: where {viewers} simulated viewers look. They follow a classical saliency model
  (centre-surround contrast and centre bias, `demo/viewers.py`) of each scene's middle frame as
  decoded from the video. They know no products, follow no motion and do not tire.

Not left to chance: ids were drawn until {train} videos fell to the train split, {val} to validation
and {test} to test (the split follows from the id alone); product classes and numbers of scenes are
spread evenly within each split; a scene was drawn anew where PySceneDetect's adaptive detector
missed its cut or found one inside it.

## Defects

Real collections have defects. These are on purpose, and in the train split only:

| video | what is wrong |
|---|---|
{defects}

Gazeshift lists what it refuses, and why, in `reports/validation/rejected_scenes.csv`.

## Licence

Apache-2.0, as the rest of the repository; no third-party material.
"""
# Independent streams of random numbers within one video.
_STYLE, _SCENE, _VIEWER = range(3)


class Defect(StrEnum):
    """What is wrong with a video on purpose, as real collections have it."""

    BLANK_KEYWORD = "its keyword is blank"
    NOT_VISUAL = "its keyword, 'shop now', names nothing that one can see"
    NO_PRODUCT = "its scenes {} and {} do not show the product and have no outline".format(
        *SCENES_WITHOUT_PRODUCT
    )
    VIEWERS_STOP = f"its fixations end before its last {UNSEEN_SCENES} scenes"
    TRUNCATED = f"its file breaks off after {TRUNCATED_BYTES} bytes, as from a failed download"


@dataclass(frozen=True)
class VideoPlan:
    """What is settled about a video before anything is drawn.

    Attributes:
        video_id: 19 digits; all that is random in its scenes follows from it.
        product_class: One of `PRODUCT_CLASSES`.
        scene_frames: Length of each scene in frames.
        defect: What is wrong with it, if anything.
    """

    video_id: str
    product_class: str
    scene_frames: tuple[int, ...]
    defect: Defect | None = None

    @property
    def starts(self) -> list[int]:
        """First frame of each scene, and the number of frames."""
        return np.cumsum([0, *self.scene_frames]).tolist()

    @property
    def keyword(self) -> str:
        """What `keywords.csv` says about it."""
        if self.defect == Defect.BLANK_KEYWORD:
            return ""
        return "shop now" if self.defect == Defect.NOT_VISUAL else self.product_class

    def rng(self, *stream: int) -> np.random.Generator:
        """Return the generator of one stream, the same for the same video and stream."""
        return np.random.default_rng([int(self.video_id), *stream])


def plan_corpus(
    seed: int, videos_per_split: Mapping[Split, int] = VIDEOS_PER_SPLIT
) -> list[VideoPlan]:
    """Draw ids until every split has its videos; spread classes and lengths evenly over them.

    Each class appears before any appears again, in every split. The defects are in the first
    videos of the train split, so validation and test are whole.

    Returns:
        The plans, sorted by id.
    """
    rng = np.random.default_rng(seed)
    ids: dict[Split, list[str]] = {split: [] for split in videos_per_split}
    while any(len(ids[split]) < number for split, number in videos_per_split.items()):
        video_id = str(rng.integers(7 * 10**18, 75 * 10**17))
        split = split_of(video_id)
        if len(ids[split]) < videos_per_split[split] and video_id not in ids[split]:
            ids[split].append(video_id)
    plans = []
    for split, in_split in ids.items():
        classes = np.resize(rng.permutation(PRODUCT_CLASSES), len(in_split))
        lengths = rng.permutation(np.resize(SCENES_PER_VIDEO, len(in_split)))
        defects = list(Defect) if split == TRAIN else []
        for i, video_id in enumerate(in_split):
            frames = rng.integers(*SCENE_FRAMES, lengths[i], endpoint=True).tolist()
            defect = defects[i] if i < len(defects) else None
            plans.append(VideoPlan(video_id, str(classes[i]), tuple(frames), defect))
    return sorted(plans, key=lambda plan: plan.video_id)


def make_video(plan: VideoPlan, out: Path) -> None:
    """Write one video, its outlines and its viewers' fixations."""
    with replacing(out / "videos" / f"{plan.video_id}.mp4") as path:
        scenes = film(plan, path)
        fixations = watch(plan, path)
        if plan.defect == Defect.TRUNCATED:
            os.truncate(path, TRUNCATED_BYTES)
    annotation = json.dumps(annotate(plan, scenes), separators=(",", ":"))
    write_text(out / "annotations" / f"{plan.video_id}.json", annotation + "\n")
    write_table(out / "fixations" / f"{plan.video_id}.csv", fixations)


def film(plan: VideoPlan, path: Path) -> list[SceneSpec]:
    """Draw a video's scenes and encode them, until a cut detector finds the cuts and no others.

    A scene that begins with a missed cut, or in which a cut is found, is drawn anew.

    Returns:
        The scenes as they are in the file.
    """
    style = sample_ad_style(plan.rng(_STYLE), plan.product_class)
    numbers = range(len(plan.scene_frames))
    scenes = [sample_corpus_scene(plan, style, number) for number in numbers]
    shots = [_draw(scene) for scene in scenes]
    for redraw in range(1, MOST_REDRAWS + 1):
        encode(chain.from_iterable(shots), path)
        wrong = {0, *plan.starts[:-1]} ^ set(detect_starts(path))
        if not wrong:
            return scenes
        for number in {int(np.searchsorted(plan.starts, frame, "right")) - 1 for frame in wrong}:
            scenes[number] = sample_corpus_scene(plan, style, number, redraw)
            shots[number] = _draw(scenes[number])
    raise RuntimeError(
        f"video {plan.video_id}: after {MOST_REDRAWS} redraws the cuts found still differ from the "
        f"cuts drawn, at frames {sorted(wrong)}; choose another seed"
    )


def sample_corpus_scene(plan: VideoPlan, style: AdStyle, number: int, redraw: int = 0) -> SceneSpec:
    """Draw scene `number` (from 0); each redraw gives another one."""
    rng = plan.rng(_SCENE, number, redraw)
    hidden = plan.defect == Defect.NO_PRODUCT and number + 1 in SCENES_WITHOUT_PRODUCT
    duration_s = plan.scene_frames[number] / FRAMES_PER_S
    scene = sample_scene(rng, style, with_product=not hidden, duration_s=duration_s)
    if scene.product is None:
        return scene
    product = replace(scene.product, vividness=float(rng.uniform(*VIVIDNESS)))
    return replace(scene, product=product)


def _draw(scene: SceneSpec) -> list[Frame]:
    frames = round(scene.duration_s * FRAMES_PER_S)
    return [draw_scene(scene, i / FRAMES_PER_S, (HEIGHT, WIDTH)) for i in range(frames)]


def encode(frames: Iterable[Frame], path: Path) -> None:
    """Write RGB frames as an H.264 MP4 whose index comes first."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_S, options=ENCODER)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def detect_starts(path: Path) -> list[int]:
    """First frame of each scene that PySceneDetect's adaptive detector finds, by default."""
    manager = SceneManager()
    manager.add_detector(AdaptiveDetector())
    manager.detect_scenes(open_video(str(path), backend="pyav", suppress_output=True))
    return [start.frame_num for start, _ in manager.get_scene_list(start_in_scene=True)]


def decode(path: Path, numbers: Sequence[int]) -> list[Frame]:
    """Decode the frames with these numbers, in ascending order, to RGB."""
    with av.open(str(path)) as container:
        wanted = set(numbers)
        return [
            np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            for number, frame in enumerate(container.decode(video=0))
            if number in wanted
        ]


def watch(plan: VideoPlan, path: Path) -> pd.DataFrame:
    """Let the simulated viewers watch the encoded video, each scene by its middle frame.

    Returns:
        One row per fixation, sorted by viewer and time: ``viewer``, ``onset_s``, ``duration_s``
        (seconds of the video, to 1 ms), ``x_px``, ``y_px`` (to 0.1 px, inside the frame).
    """
    starts = plan.starts
    seen = len(plan.scene_frames) - UNSEEN_SCENES * (plan.defect == Defect.VIEWERS_STOP)
    middles = [starts[i] + plan.scene_frames[i] // 2 for i in range(seen)]
    tables = []
    for number, image in enumerate(decode(path, middles)):
        # Every viewer has a seed of their own in every scene.
        seeds = plan.rng(_VIEWER, number).integers(2**63, size=VIEWERS).tolist()
        duration_s = plan.scene_frames[number] / FRAMES_PER_S
        table = look(saliency_density(image), seeds, duration_s)
        tables.append(table.assign(onset_s=table["onset_s"] + starts[number] / FRAMES_PER_S))
    fixations = pd.concat(tables)
    onset_ms = (1000 * fixations["onset_s"]).round()
    end_ms = (1000 * (fixations["onset_s"] + fixations["duration_s"])).round()
    rounded = pd.DataFrame(
        {
            "viewer": fixations["viewer"].map("viewer_{:02d}".format),
            "onset_s": onset_ms / 1000,
            "duration_s": (end_ms - onset_ms) / 1000,
            "x_px": fixations["x_px"].round(1).clip(upper=WIDTH - 0.1),
            "y_px": fixations["y_px"].round(1).clip(upper=HEIGHT - 0.1),
        }
    )
    return rounded[rounded["duration_s"] > 0].sort_values(["viewer", "onset_s"])


def annotate(plan: VideoPlan, scenes: Sequence[SceneSpec]) -> dict[str, object]:
    """Outline the product in every scene that shows it: one track per scene, in video time.

    A track ends 1 ms before its scene does, so that at a cut only the new scene's track holds.
    """
    tracks = []
    for start, scene in zip(plan.starts, scenes, strict=False):
        end_s = scene.duration_s - 0.001
        times = np.linspace(0, end_s, 1 + int(np.ceil(end_s / KEYFRAME_STEP_S))).round(3).tolist()
        keyframes = [
            {
                "time_s": round(start / FRAMES_PER_S + time_s, 3),
                "polygons": [
                    polygon.astype(float).round(1).tolist()
                    for polygon in product_outline(scene, time_s, (HEIGHT, WIDTH))
                ],
            }
            for time_s in times
        ]
        if scene.product is not None:
            tracks.append({"keyword_index": 0, "keyframes": keyframes})
    return {
        "video_id": plan.video_id,
        "frame_width": WIDTH,
        "frame_height": HEIGHT,
        "tracks": tracks,
    }


def keywords_table(plans: Sequence[VideoPlan]) -> str:
    """The text of `keywords.csv`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([ID_COLUMNS[0], KEYWORD_COLUMNS[0]])
    writer.writerows([plan.video_id, plan.keyword] for plan in plans)
    return text.getvalue()


def corpus_note(plans: Sequence[VideoPlan], seed: int) -> str:
    """The text of `CORPUS.md`."""
    splits = [split_of(plan.video_id) for plan in plans]
    defects = "\n".join(f"| `{plan.video_id}` | {plan.defect} |" for plan in plans if plan.defect)
    return NOTE.format(
        seed=seed,
        videos=len(plans),
        scenes=sum(len(plan.scene_frames) for plan in plans),
        width=WIDTH,
        height=HEIGHT,
        fps=FRAMES_PER_S,
        classes=", ".join(PRODUCT_CLASSES),
        viewers=VIEWERS,
        train=splits.count(TRAIN),
        val=splits.count(VAL),
        test=splits.count(TEST),
        vividness=f"{VIVIDNESS[0]} to {VIVIDNESS[1]}",
        defects=defects,
    )


def write_corpus(plans: Sequence[VideoPlan], out: Path, seed: int, compute: ComputeParams) -> None:
    """Write the whole corpus into `out`; the note comes last.

    Raises:
        UserFilesError: `out` holds videos, outlines or fixations that are not of this corpus.
    """
    ours = {
        out / folder / f"{plan.video_id}.{suffix}"
        for folder, suffix in FOLDERS.items()
        for plan in plans
    }
    others = sorted(path for folder in FOLDERS for path in (out / folder).glob("*"))
    others = [path for path in others if path not in ours]
    if others:
        raise UserFilesError(
            f"{others[0]} is not of the corpus with seed {seed} ({len(others)} such files). Choose "
            "an empty folder with --out, or move them away."
        )
    for _ in each(partial(make_video, out=out), plans, compute, "drawing ads", "video"):
        pass
    write_text(out / "keywords.csv", keywords_table(plans))
    write_text(out / "CORPUS.md", corpus_note(plans, seed))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m demo.make_corpus", description=PURPOSE)
    parser.add_argument("--out", type=Path, required=True, help="folder to write the corpus into")
    parser.add_argument("--seed", type=int, default=2026, help="another seed, another corpus")
    options = parser.parse_args(arguments)
    try:
        write_corpus(plan_corpus(options.seed), options.out, options.seed, COMPUTE)
    except GazeshiftError as error:
        parser.exit(1, f"{parser.prog}: {error}\n")


if __name__ == "__main__":
    main()
