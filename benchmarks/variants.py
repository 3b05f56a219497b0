"""How fast variants are made, against the straightforward way, and on a corpus of 20,000 scenes.

The straightforward way, in Pillow and NumPy with their defaults: for each variant of a scene open
and resize heatmap and mask, write the map, then open map and mask again for the statistics. The
floor: decode each input once, encode each distinct map once, and nothing else. Inputs are 720x1280
(those of `validate.py`), maps 512x512. Ratios are medians over rounds in which all ways take turns,
so that a busy machine slows them alike. They are taken in memory (/dev/shm, where there is one) and
on disk: creating a file on a disk may take longer than all that goes into it, for any way. With
`variant.on_clip: solve` one core is timed as well. Exits 1 where a killed run is not continued as
it should be, or memory grows with the number of videos.

    python benchmarks/variants.py --rounds 5 --scenes 20000
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from PIL import Image
from validate import MOST_GROWTH, SUFFIXES, draw_distinct, memory_of

from pipeline.ground.artefacts import SCENES, VARIANTS
from pipeline.ground.files import digest, link_or_copy, write_bytes
from pipeline.ground.parallel import each
from pipeline.ground.params import ComputeParams
from pipeline.heatmaps.params import VariantParams
from pipeline.heatmaps.recipes import window_bounds, window_weights
from pipeline.pictures.reading import encode, read_grey, read_mask
from pipeline.pictures.resizing import resize
from pipeline.scenes.names import SceneName
from pipeline.scenes.split import split_of
from pipeline.stages.validate.trees import TREES
from pipeline.stages.variant.video import VideoTask, make_variants, write_statistics

SIZE = (512, 512)
SCENES_PER_VIDEO = 9
PARAMS = VariantParams()
SCALED = VariantParams(placebo="scale").variants
"""What is made the straightforward way, which knows no other placebo."""


class StageRun(NamedTuple):
    """One run of the whole stage as a user starts it."""

    seconds: float
    peak_mb: float
    """The most memory that the process and its children held together."""
    made: int
    """Videos whose variants were made in this run."""


def main() -> None:
    """Generate scenes, run all ways, print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scenes", type=int, default=20_000, help="of the corpus; 0 for none")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    places = {"in memory": "/dev/shm", "on disk": None} if Path("/dev/shm").is_dir() else {"": None}
    for place, parent in places.items():
        with tempfile.TemporaryDirectory(dir=parent) as folder:
            drawn = draw_distinct(Path(folder, "distinct"))
            print(f"variants, files {place}".rstrip())
            naive_ms = compare_ways(Path(folder, "ways"), drawn, arguments.rounds)
            if arguments.scenes and parent is None:
                run_corpus(Path(folder), drawn, arguments.scenes, naive_ms)


def compare_ways(root: Path, drawn: list[dict[str, Path]], rounds: int) -> float:
    """Time all ways in turns; print the ratios; return the straightforward way's ms per scene."""
    table = plant(root, drawn, 20 * SCENES_PER_VIDEO)
    videos = [rows for _, rows in table.groupby("video_id")]
    made = root / "made"
    tasks = [VideoTask(rows, root, made, "made", PARAMS, SIZE) for rows in videos]
    solve = PARAMS.model_copy(update={"on_clip": "solve"})
    solved = [task._replace(params=solve) for task in tasks]
    one, two = ComputeParams(n_jobs=1), ComputeParams(n_jobs=2)
    ways: dict[str, tuple[Callable[[], object], int]] = {
        "straightforward": (lambda: straightforward(videos[0], root, made), SCENES_PER_VIDEO),
        "floor": (lambda: floor(videos, root), len(table)),
        "one core": (lambda: list(each(make, tasks, one, "one core")), len(table)),
        "two cores": (lambda: list(each(make, tasks, two, "two cores")), len(table)),
        "one core, solve": (lambda: list(each(make, solved, one, "solve")), len(table)),
    }
    for way, _ in ways.values():
        way()
    found = [{name: ms_per_scene(*way, made) for name, way in ways.items()} for _ in range(rounds)]
    print(f"  720x1280 to 512x512, seven variants a scene, medians of {rounds} rounds")
    for name in ways:
        print(f"  {name:34}{median(row[name] for row in found):.2f} ms a scene")
    targets = {"one core": 12, "two cores": 20, "one core, solve": None, "floor": None}
    for name, target in targets.items():
        ratio = median(row["straightforward"] / row[name] for row in found)
        aim = f" (target {target})" if target else ""
        print(f"  {name + ', times faster':34}{ratio:.1f}{aim}")
    distance = median(row["one core"] / row["floor"] for row in found)
    print(f"  {'one core, over the floor':34}{distance:.2f}")
    return median(row["straightforward"] for row in found)


def ms_per_scene(way: Callable[[], object], scenes: int, made: Path) -> float:
    """Return how long a way takes for one scene, writing into a folder that is not there yet."""
    shutil.rmtree(made, ignore_errors=True)
    start = time.perf_counter()
    way()
    return (time.perf_counter() - start) / scenes * 1000


def make(task: VideoTask) -> None:
    """Make the variants of one video as the stage's workers do."""
    write_statistics(task, make_variants(task, task.params.variants))


def straightforward(rows: pd.DataFrame, root: Path, made: Path) -> None:
    """Make the variants of one video variant by variant, each from its files."""
    sources = list(zip(rows["attention_heatmap_path"], rows["keyword_mask_path"], strict=True))
    for name, variant in SCALED.items():
        folder = made / name
        folder.mkdir(parents=True, exist_ok=True)
        weights = window_weights(len(rows), variant.window, "thirds")
        for position, (heatmap, mask) in enumerate(sources):
            heat, inside = opened(root / heatmap), opened(root / mask) > 0.5
            if weights[position]:
                region = ~inside if variant.region == "background" else inside
                scaled = np.where(region, heat * variant.alpha, heat)
                heat = np.clip(scaled * (heat.sum() / scaled.sum()), 0, 1)
            levels = np.rint(heat * 255).astype(np.uint8)
            Image.fromarray(levels).save(folder / f"{position}.jpg", quality=PARAMS.quality)
        measured = []
        for position, (_, mask) in enumerate(sources):
            heat, inside = opened(folder / f"{position}.jpg"), opened(root / mask) > 0.5
            measured.append(((heat * inside).mean(), (heat * inside).sum() / heat.sum()))
        np.mean(measured, axis=0), np.std(measured, axis=0)


def opened(path: Path) -> np.ndarray:
    """Open an image as grey values in [0, 1] at the size of the maps."""
    with Image.open(path) as image:
        return np.asarray(image.convert("L").resize(SIZE[::-1])) / 255


def floor(videos: Sequence[pd.DataFrame], root: Path) -> None:
    """Decode both inputs of each scene once, and encode as many maps as are distinct."""
    for rows in videos:
        middle = range(*window_bounds(len(rows), "middle", "thirds"))
        for position, (heatmap, mask) in enumerate(
            zip(rows["attention_heatmap_path"], rows["keyword_mask_path"], strict=True)
        ):
            levels = resize(read_grey(root / heatmap), SIZE)
            read_mask(root / mask, SIZE)
            for _ in range(4 if position in middle else 3):
                encode(levels, PARAMS.format, PARAMS.quality)


def run_corpus(folder: Path, drawn: list[dict[str, Path]], scenes: int, naive_ms: float) -> None:
    """Run the whole stage over two corpora, kill it half way; print what happened."""
    small, large = folder / "small", folder / "large"
    plant(small, drawn, scenes // 10)
    videos = plant(large, drawn, scenes)["video_id"].nunique()
    few = run_stage(small)
    killed = run_stage(large, kill_after=videos // 2)
    finished = len(list(large.glob(f"{VARIANTS}/*/statistics.json")))
    rest = run_stage(large)
    again = run_stage(large)
    seconds = killed.seconds + rest.seconds
    lines = {
        "both runs together": f"{seconds:.0f} s, start and MLflow included",
        "  times faster than straightforward": f"{naive_ms * scenes / 1000 / seconds:.1f}",
        "killed with finished videos": f"{finished} of {videos}",
        "made by the next run": f"{rest.made} (all: {finished + rest.made})",
        "made by a third run": f"{again.made}, in {again.seconds:.1f} s",
        f"peak memory, {scenes // 10} scenes": f"{few.peak_mb:.0f} MB (processes added up)",
        f"peak memory, {scenes} scenes": f"{max(killed.peak_mb, rest.peak_mb):.0f} MB",
    }
    print(f"variant: {scenes} scenes, killed half way, on {os.cpu_count()} cores")
    for what, value in lines.items():
        print(f"  {what:38}{value}")
    grown = max(killed.peak_mb, rest.peak_mb) > MOST_GROWTH * few.peak_mb
    if grown or again.made or finished + rest.made != videos:
        sys.exit("variants: a video was made twice or not at all, or memory grew with their number")


def plant(root: Path, drawn: list[dict[str, Path]], scenes: int) -> pd.DataFrame:
    """Make a data root of that many scenes, as links to the distinct ones; return its table."""
    rows = []
    for number in range(scenes):
        video, scene = divmod(number, SCENES_PER_VIDEO)
        name = SceneName(str(7_100_000_000_000_000_000 + video), scene + 1)
        files = drawn[number % len(drawn)]
        paths = {role: f"{tree}/{name.relative(SUFFIXES[role])}" for role, tree in TREES.items()}
        for role, path in paths.items():
            link_or_copy(files[role], root / path)
        rows.append(
            {
                "video_id": name.video_id,
                "scene_number": name.scene_number,
                "keyword": "sneaker",
                "scene_image_path": paths["image"],
                "keyword_mask_path": paths["mask"],
                "attention_heatmap_path": paths["heatmap"],
                "filename": name.file("jpg"),
                "width": 720,
                "height": 1280,
                # The stage measures maps itself; these are for the rows of its tables alone.
                "mask_coverage": 0.1,
                "alignment_score": 0.1,
                "attention_share": 0.1,
                "split": split_of(name.video_id),
                "heatmap_source": "recorded",
                "extra_keywords": "[]",
                "extra_mask_paths": "[]",
                "digest": digest(files["image"].name),
            }
        )
    table = pd.DataFrame(rows)
    write_bytes(root / SCENES, table.to_csv(index=False).encode())
    write_bytes(root / "params.yaml", b"image_size: [512, 512]\n")
    return table


def run_stage(root: Path, kill_after: int | None = None) -> StageRun:
    """Run the stage and watch its memory; kill it when that many videos are finished."""
    command = [sys.executable, "-m", "pipeline", "variant", "--root", str(root)]
    finished = root / VARIANTS
    start, peak = time.perf_counter(), 0
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stderr=log)
        while process.poll() is None:
            peak = max(peak, memory_of(process.pid))
            if kill_after and finished.is_dir() and len(os.listdir(finished)) >= kill_after:
                process.kill()
            time.sleep(0.5)
        seconds = time.perf_counter() - start
        log.seek(0)
        text = log.read()
    made = re.search(r"(\d+) of them made in this run", text)
    if made is None and kill_after is None:
        sys.exit(text)
    return StageRun(seconds, peak / 2**20, int(made[1]) if made else 0)


if __name__ == "__main__":
    main()
