"""How fast validation is, against one straightforward loop: Pillow, open and load every file.

Scenes are photographs of 720x1280 as scene_cuts writes them (JPEG, quality 95), masks PNG, heatmaps
JPEG. A few hundred distinct scenes are hard-linked under many names; validation recognises files
by path, so it measures every one of them. Prints ratios; the seconds depend on the machine. Exits 1
where a changed file is missed or memory grows with the number of scenes.

    python benchmarks/validate.py --scenes 2000
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import psutil
from joblib import Parallel, delayed
from PIL import Image
from sklearn.datasets import load_sample_image

from pipeline.ground.artefacts import KEYWORDS, VALIDATION_SUMMARY
from pipeline.ground.files import link_or_copy, write_bytes
from pipeline.heatmaps.provenance import heatmap_file
from pipeline.pictures.reading import encode, grey_pixels, probe_rgb
from pipeline.scenes.names import SceneName
from pipeline.stages.validate.trees import TREES

HEIGHT, WIDTH = 1280, 720
SCENES_PER_VIDEO = 10
DISTINCT = 200
# Of memory, from a tenth of the scenes to all of them.
MOST_GROWTH = 1.2
SUFFIXES = {"image": "jpg", "mask": "png", "heatmap": "jpg"}


class Run(NamedTuple):
    """Wall time, and the most memory that the process and its children held together."""

    seconds: float
    peak_mb: float


def main() -> None:
    """Generate scenes, run both ways, print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=20_000)
    scenes = parser.parse_args().scenes
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "small"), Path(folder, "large")
        drawn = draw_distinct(Path(folder, "distinct"))
        plant(small, drawn, scenes // 10)
        plant(large, drawn, scenes)
        loop = seconds_of_loop(large)
        floor = seconds_on_all_cores(small, load_all) * 10
        own_floor = seconds_on_all_cores(small, read_all) * 10
        few = validate(small)
        first, second = validate(large), validate(large)
        changed = change_one_and_validate(large)
    lines = {
        "loop of Pillow open-and-load": f"{loop:.1f} s",
        "first validation": f"{first.seconds:.1f} s",
        "  faster than the loop by": f"{loop / first.seconds:.2f} (target 4)",
        "the loop on all cores": f"{floor:.1f} s (a tenth of it, scaled up)",
        "  validation over that": f"{first.seconds / floor:.2f}",
        "our readers alone, on all cores": f"{own_floor:.1f} s (likewise)",
        "  validation over that floor": f"{first.seconds / own_floor:.2f}",
        "second validation, nothing changed": f"{second.seconds:.1f} s",
        "  of the first": f"{second.seconds / first.seconds:.1%} (target under 10 %)",
        "one changed file is noticed": "yes" if changed else "NO",
        f"peak memory, {scenes // 10} scenes": f"{few.peak_mb:.0f} MB (processes added up)",
        f"peak memory, {scenes} scenes": f"{first.peak_mb:.0f} MB",
    }
    print(f"validate: {scenes} scenes, {os.cpu_count()} cores")
    for what, value in lines.items():
        print(f"  {what:38}{value}")
    if not changed or first.peak_mb > MOST_GROWTH * few.peak_mb:
        sys.exit("validate: a changed file was missed, or memory grew with the number of scenes")


def draw_distinct(folder: Path) -> list[dict[str, Path]]:
    """Write the distinct scenes; return the three files of each."""
    photographs = [load_sample_image(name) for name in ("china.jpg", "flower.jpg")]
    random = np.random.default_rng(0)
    scenes = []
    for number in range(DISTINCT):
        files = {role: folder / f"{number}.{role}.{suffix}" for role, suffix in SUFFIXES.items()}
        write_bytes(files["image"], encode(photograph(photographs[number % 2], random), "jpg"))
        write_bytes(files["mask"], encode(product(random), "png"))
        write_bytes(files["heatmap"], heatmap_file(attention(random), 95, "recorded"))
        scenes.append(files)
    return scenes


def photograph(source: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return a part of a photograph, mirrored until it is large enough, at its own sharpness."""
    tiled = np.concatenate([source, source[:, ::-1], source], axis=1)
    tiled = np.concatenate([tiled, tiled[::-1], tiled, tiled[::-1]], axis=0)
    top = random.integers(0, tiled.shape[0] - HEIGHT)
    left = random.integers(0, tiled.shape[1] - WIDTH)
    return np.ascontiguousarray(tiled[top : top + HEIGHT, left : left + WIDTH])


def product(random: np.random.Generator) -> np.ndarray:
    """Return the mask of an ellipse that covers 3 to 15 % of the frame."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    centre = random.integers((200, 300), (520, 980)).tolist()
    axes = random.integers((90, 110), (200, 230)).tolist()
    return cv2.ellipse(mask, centre, axes, random.uniform(0, 180), 0, 360, 255, -1)


def attention(random: np.random.Generator) -> np.ndarray:
    """Return the map of twenty fixations, with a sigma of one degree of 35 pixels."""
    points = np.zeros((HEIGHT, WIDTH), np.float32)
    points[random.integers(100, 1180, 20), random.integers(80, 640, 20)] = random.uniform(
        0.1, 1, 20
    )
    return cv2.GaussianBlur(points, (0, 0), 35)


def plant(root: Path, drawn: list[dict[str, Path]], scenes: int) -> None:
    """Make a data root of that many scenes, as links to the distinct ones."""
    videos = -(-scenes // SCENES_PER_VIDEO)
    ids = [str(7_100_000_000_000_000_000 + number) for number in range(videos)]
    for number in range(scenes):
        video, scene = divmod(number, SCENES_PER_VIDEO)
        name = SceneName(ids[video], scene + 1)
        for role, tree in TREES.items():
            target = root / tree / name.relative(SUFFIXES[role])
            link_or_copy(drawn[number % len(drawn)][role], target)
    rows = "".join(f"{video_id},sneaker\n" for video_id in ids)
    write_bytes(root / KEYWORDS, f"_id,keyword_list[0]\n{rows}".encode())
    write_bytes(root / "params.yaml", b"image_size: [512, 512]\n")


def images(root: Path) -> list[Path]:
    """Return all image files of a data root."""
    return [path for tree in TREES.values() for path in sorted((root / tree).rglob("*.*g"))]


def load_all(paths: list[Path]) -> None:
    """Open and load every file: the straightforward way."""
    for path in paths:
        with Image.open(path) as image:
            image.load()


def read_all(paths: list[Path]) -> None:
    """Read every file as validation does, and do nothing else: what it cannot do without."""
    for path in paths:
        content = path.read_bytes()
        if path.parts[-3] == "video_scene_cuts":
            probe_rgb(content)
        else:
            grey_pixels(content)


def seconds_of_loop(root: Path) -> float:
    """Return how long the loop takes for all files."""
    paths = images(root)
    load_all(paths[:100])
    start = time.perf_counter()
    load_all(paths)
    return time.perf_counter() - start


def seconds_on_all_cores(root: Path, read: Callable[[list[Path]], None]) -> float:
    """Return how long reading takes on all cores, without the start of the processes."""
    paths, cores = images(root), os.cpu_count() or 1
    with Parallel(n_jobs=cores) as parallel:
        parallel(delayed(read)(paths[:10]) for _ in range(cores))
        start = time.perf_counter()
        parallel(delayed(read)(paths[core::cores]) for core in range(cores))
        return time.perf_counter() - start


def validate(root: Path) -> Run:
    """Run the stage as a user does, and watch its memory."""
    command = [sys.executable, "-m", "pipeline", "validate", "--root", str(root)]
    start = time.perf_counter()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        peak = 0
        while process.poll() is None:
            peak = max(peak, memory_of(process.pid))
            time.sleep(0.5)
        seconds = time.perf_counter() - start
        if process.returncode:
            sys.exit(process.stderr.read() if process.stderr else "validate failed")
    return Run(seconds, peak / 2**20)


def memory_of(pid: int) -> int:
    """Return the resident bytes of a process and its children."""
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            total += process.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total


def change_one_and_validate(root: Path) -> bool:
    """Black out one mask, validate again, and tell whether the scene is now refused."""
    mask = next(path for path in images(root) if path.suffix == ".png")
    write_bytes(mask, encode(np.zeros((HEIGHT, WIDTH), np.uint8), "png"))
    validate(root)
    summary = json.loads((root / VALIDATION_SUMMARY).read_text())
    return summary["refused_by_reason"] == {"mask_empty": 1}


if __name__ == "__main__":
    main()
