"""Small scene trees with known content: drawn with NumPy, valid under the contract."""

import itertools
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from pipeline.ground.artefacts import WITHOUT_PRODUCT
from pipeline.ground.files import digest, write_bytes, write_text
from pipeline.ground.tables import read_table, write_table
from pipeline.heatmaps.algebra import alignment_score, attention_share
from pipeline.pictures.reading import encode, read_heatmap, read_mask, to_levels
from pipeline.scenes.names import SceneName
from pipeline.scenes.split import split_of
from schemas.valid_scenes import SCENE_TABLE

SCENES = "data/valid_scenes.csv"


def videos_of(split: str, count: int) -> list[str]:
    """Return the ids of the first videos that lie in a part of the split."""
    ids = (f"7{number:018}" for number in itertools.count())
    return list(itertools.islice((one for one in ids if split_of(one) == split), count))


def write_scene_tree(
    root: Path,
    videos: Mapping[str, int],
    size: tuple[int, int] = (96, 54),
    image_size: tuple[int, int] = (48, 32),
    bumps: int = 4,
) -> pd.DataFrame:
    """Write scene images, masks, heatmaps and the scene table; return the table.

    Args:
        root: data root.
        videos: {video_id: number of scenes}.
        size: (height, width) of the files.
        image_size: at which the table's figures are measured.
        bumps: places of attention in each heatmap, one of them on the product.
    """
    rows = []
    for video_id, num_scenes in videos.items():
        for number in range(1, num_scenes + 1):
            name = SceneName(video_id, number)
            image, mask, heatmap = draw_scene(video_id, number, size, bumps)
            files = {
                f"data/video_scene_cuts/{name.relative('jpg')}": encode(image, "jpg"),
                f"keyword_masks/{name.relative('png')}": encode(mask, "png"),
                f"attention_heatmap/{name.relative('jpg')}": encode(heatmap, "jpg"),
            }
            for path, content in files.items():
                write_bytes(root / path, content)
            rows.append(_row(root, name, list(files), size, image_size))
    table = pd.DataFrame(rows)
    write_table(root / SCENES, table)
    return table


def hide_product(root: Path, video_id: str, number: int) -> None:
    """Move a row of the scene table to that of scenes without the product."""
    table = read_table(root / SCENES, SCENE_TABLE.dtypes)
    hidden = (table["video_id"] == video_id) & (table["scene_number"] == number)
    absent = table[hidden].assign(
        keyword_mask_path=None, mask_coverage=None, alignment_score=None, attention_share=None
    )
    write_table(root / WITHOUT_PRODUCT, absent.assign(found="not outlined"))
    write_table(root / SCENES, table[~hidden])


def write_validate_inputs(root: Path, videos: Mapping[str, int]) -> None:
    """Write what the validate stage reads: the three trees (96x54), keywords and parameters."""
    write_scene_tree(root, videos)
    (root / SCENES).unlink()
    rows = "".join(f"{video_id},sneaker\n" for video_id in videos)
    write_text(root / "data/keywords.csv", f"_id,keyword_list[0]\n{rows}")
    write_text(root / "params.yaml", "image_size: [48, 32]\ncompute: {n_jobs: 1}\n")


def draw_scene(
    video_id: str, number: int, size: tuple[int, int], bumps: int = 4
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return an RGB image, a keyword mask and a heatmap of 8-bit levels; the ids are the seed."""
    height, width = size
    random = np.random.default_rng([number, *video_id.encode()])
    image = np.full((height, width, 3), random.integers(60, 200, 3), np.uint8)
    centre = (
        int(random.integers(width // 3, 2 * width // 3)),
        int(random.integers(height // 3, 2 * height // 3)),
    )
    axes = (max(2, width // 6), max(2, height // 9))
    cv2.ellipse(image, centre, axes, 0, 0, 360, (200, 40, 40), -1)
    mask = np.zeros((height, width), np.uint8)
    cv2.ellipse(mask, centre, axes, 0, 0, 360, 255, -1)
    heat = np.zeros((height, width), np.float32)
    heat[centre[1], centre[0]] = random.uniform(0.3, 0.8)
    for _ in range(bumps - 1):
        heat[random.integers(0, height), random.integers(0, width)] += random.uniform(0.3, 1)
    heat = cv2.GaussianBlur(heat, (0, 0), width / 10)
    return image, mask, to_levels(heat / heat.max())


def _row(
    root: Path,
    name: SceneName,
    paths: list[str],
    size: tuple[int, int],
    image_size: tuple[int, int],
) -> dict[str, object]:
    mask = read_mask(root / paths[1], image_size)
    heatmap = read_heatmap(root / paths[2], image_size)
    return {
        "video_id": name.video_id,
        "scene_number": name.scene_number,
        "keyword": "sneaker",
        "scene_image_path": paths[0],
        "keyword_mask_path": paths[1],
        "attention_heatmap_path": paths[2],
        "filename": name.file("jpg"),
        "width": size[1],
        "height": size[0],
        "mask_coverage": mask.mean(),
        "alignment_score": alignment_score(heatmap, mask),
        "attention_share": attention_share(heatmap, mask),
        "split": split_of(name.video_id),
        "heatmap_source": "recorded",
        "extra_keywords": "[]",
        "extra_mask_paths": "[]",
        "digest": digest(*((root / path).read_bytes() for path in paths)),
    }
