"""How fast the data set is, against the straightforward ways, in one run; samples on one core.

Set-up: from a table of 175,934 rows, against reading it three times and filtering by `isin`.
Samples: 720x1280 files at 512x512, against a Pillow loader; and from what the stage encode wrote.
Prints ratios; the seconds depend on the machine.

    python benchmarks/dataset.py
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
from PIL import Image
from sklearn.datasets import load_sample_image

from pipeline.ground.files import file_digest, write_bytes, write_text
from pipeline.ground.memory import keep_freed_memory
from pipeline.ground.tables import write_table
from pipeline.learning.datamodule import VideoSceneDataModuleV3
from pipeline.learning.dataset import VideoSceneDatasetV3
from pipeline.learning.encoded import EncodedScenes
from pipeline.learning.shards import (
    FORMAT,
    INDEX,
    MANIFEST,
    shard_name,
    text_buckets,
    texts_name,
    write_shard,
    write_texts,
)
from pipeline.pictures.reading import encode
from pipeline.scenes.names import SceneName
from pipeline.scenes.split import split_of

ROWS = 175_934
SCENES_PER_VIDEO = 8
SIZE = (512, 512)
HEIGHT, WIDTH = 1280, 720
ROUNDS = 3


def main() -> None:
    """Generate, run each way in turns, print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=96, help="for the samples per second")
    scenes = parser.parse_args().scenes
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    keep_freed_memory()  # as in a worker of the data loader
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder, "valid_scenes.csv")
        write_table(table, large_table(ROWS))
        plain, ours = in_turns(lambda: set_up_plainly(table), lambda: set_up(table))
        print(f"set-up from {ROWS:,} rows")
        print(f"  three reads and isin     {plain:8.2f} s")
        print(f"  VideoSceneDataModuleV3   {ours:8.2f} s")
        print(f"    faster by              {plain / ours:8.2f} (target 5)")
        root = Path(folder, "scenes")
        plant(root, scenes)
        drawn = VideoSceneDatasetV3(root / "valid_scenes.csv", image_size=SIZE, root=root)
        encoded = EncodedScenes(plant_encoded(root, drawn.table))
        rows = drawn.table.to_dict("records")
        plain, ours = in_turns(lambda: load_plainly(root, rows), lambda: take_all(drawn))
        _, cached = in_turns(lambda: None, lambda: take_all(encoded))
        print(f"samples, {WIDTH}x{HEIGHT} to {SIZE[0]}x{SIZE[1]}, one worker")
        print(f"  Pillow loader            {scenes / plain:8.1f} per second")
        print(f"  VideoSceneDatasetV3      {scenes / ours:8.1f} per second")
        print(f"    faster by              {plain / ours:8.2f} (target 2.3)")
        print(f"  encoded scenes           {scenes / cached:8.1f} per second")
        print(f"    faster by              {plain / cached:8.2f} (target 10)")


def in_turns(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[float, float]:
    """Return the least seconds of each, taken in turns after one round to warm up."""
    least = [float("inf"), float("inf")]
    for _ in range(ROUNDS + 1):
        for number, work in enumerate((first, second)):
            started = time.perf_counter()
            work()
            least[number] = min(least[number], time.perf_counter() - started)
    return least[0], least[1]


def large_table(rows: int) -> pd.DataFrame:
    """Return a scene table with all columns that validate writes."""
    number = np.arange(rows)
    videos = np.char.add("70", np.char.zfill((number // SCENES_PER_VIDEO).astype(str), 17))
    scene = number % SCENES_PER_VIDEO + 1
    names = [SceneName(v, int(s)) for v, s in zip(videos, scene, strict=True)]
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "video_id": videos,
            "scene_number": scene,
            "keyword": rng.choice(["sneaker", "headphones", "cup", "backpack"], rows),
            "scene_image_path": [f"data/video_scene_cuts/{n.relative('jpg')}" for n in names],
            "keyword_mask_path": [f"keyword_masks/{n.relative('png')}" for n in names],
            "attention_heatmap_path": [f"attention_heatmap/{n.relative('jpg')}" for n in names],
            "filename": [n.file("jpg") for n in names],
            "width": WIDTH,
            "height": HEIGHT,
            "mask_coverage": rng.random(rows),
            "alignment_score": rng.random(rows),
            "attention_share": rng.random(rows),
            "split": [split_of(video) for video in videos],
            "heatmap_source": "recorded",
            "extra_keywords": "[]",
            "extra_mask_paths": "[]",
            "digest": [f"{n:032x}" for n in range(rows)],
        }
    )


def set_up_plainly(table: Path) -> None:
    """Split and filter as one would at first: the table is read for each purpose."""
    videos = pd.read_csv(table, dtype={"video_id": str})["video_id"].unique()
    for part in (videos[: int(0.8 * len(videos))], videos[int(0.8 * len(videos)) :]):
        rows = pd.read_csv(table, dtype={"video_id": str})
        rows[rows["video_id"].isin(part)].reset_index(drop=True)


def set_up(table: Path) -> None:
    """Make the data module ready to train and validate."""
    VideoSceneDataModuleV3(table, root=table.parent).setup("fit")


def plant(root: Path, scenes: int) -> None:
    """Write photographs with a mask and a heatmap each, and their table."""
    table = large_table(scenes)
    photographs = [load_sample_image(name) for name in ("china.jpg", "flower.jpg")]
    rng = np.random.default_rng(0)
    for number, row in enumerate(table.to_dict("records")):
        photograph = photographs[number % 2]
        left = int(rng.integers(0, photograph.shape[1] - 240))
        image = cv2.resize(photograph[:, left : left + 240], (WIDTH, HEIGHT))
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        centre = int(rng.integers(200, 520)), int(rng.integers(300, 980))
        cv2.ellipse(mask, centre, (140, 200), 20, 0, 360, 255, -1)
        blurred = cv2.GaussianBlur(mask, (0, 0), 60).astype(float)
        heatmap = (255 * blurred / blurred.max()).round().astype(np.uint8)
        for column, pixels, suffix in (
            ("scene_image_path", image, "jpg"),
            ("keyword_mask_path", mask, "png"),
            ("attention_heatmap_path", heatmap, "jpg"),
        ):
            write_bytes(root / row[column], encode(pixels, suffix))
    write_table(root / "valid_scenes.csv", table)


def plant_encoded(root: Path, table: pd.DataFrame) -> Path:
    """Write what the stage encode would, with random latents of Stable Diffusion 1.5's shape."""
    folder = root / "encoded"
    files = {}
    for video, rows in table.groupby("video_id"):
        name = shard_name(str(video))
        latents = torch.randn(len(rows), 4, SIZE[0] // 8, SIZE[1] // 8).half()
        controls = torch.randint(0, 256, (len(rows), 2, *SIZE), dtype=torch.uint8)
        write_shard(folder / name, latents, controls)
        files[name] = file_digest(folder / name)
    for bucket, texts in text_buckets(["", *table["keyword"]]).items():
        name = texts_name(bucket)
        write_texts(folder / name, {text: torch.randn(77, 768).half() for text in texts})
        files[name] = file_digest(folder / name)
    index = table[["video_id", "scene_number", "keyword", "split"]].copy()
    index["row"] = index.groupby("video_id").cumcount()
    write_table(folder / INDEX, index)
    files[INDEX] = file_digest(folder / INDEX)
    manifest = {"format": FORMAT, "backbone": "", "image_size": list(SIZE), "files": files}
    write_text(folder / MANIFEST, pd.Series(manifest).to_json())
    return folder


def load_plainly(root: Path, rows: Iterable[Mapping[Any, Any]]) -> None:
    """Load each sample as one would at first."""
    for row in rows:
        plain_sample(root, row, SIZE)


def plain_sample(root: Path, row: Mapping[Any, Any], size: tuple[int, int]) -> dict[str, Any]:
    """Load a sample as one would at first: Pillow opens, converts and resizes."""
    image = Image.open(root / row["scene_image_path"]).convert("RGB").resize(size[::-1])
    mask = Image.open(root / row["keyword_mask_path"]).convert("L").resize(size[::-1])
    heat = Image.open(root / row["attention_heatmap_path"]).convert("L").resize(size[::-1])
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 127.5 - 1
    m = (torch.from_numpy(np.array(mask)).float() / 255 > 0.5).float()
    a = torch.from_numpy(np.array(heat)).float() / 255
    a = (a - a.min()) / (a.max() - a.min() + 1e-8)
    control = torch.stack([m, a])
    score = (m * a).mean().item()
    return {"image": pixels, "control": control, "alignment_score": score}


def take_all(scenes: Any) -> None:
    """Take every sample once."""
    for position in range(len(scenes)):
        scenes[position]


if __name__ == "__main__":
    main()
