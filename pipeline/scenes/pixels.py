"""One scene's files as pixels at the size that models see: for the data set and for encoding."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.ground.errors import InputError
from pipeline.pictures.reading import ImageRefused, Pixels, read_grey, read_rgb_at
from pipeline.pictures.resizing import resize


class ScenePixels(NamedTuple):
    """A scene at H×W, all uint8."""

    image: Pixels
    """H×W×3 RGB."""
    mask: Pixels
    """255 on the keyword, else 0."""
    heatmap: Pixels
    """Levels of attention, as the file holds them."""


def read_scene(row: Mapping[Any, Any], root: Path, size: tuple[int, int]) -> ScenePixels:
    """Read the scene of one row of the scene table at this size, (height, width).

    Raises:
        InputError: a file is missing or breaks the contract.
    """
    try:
        return ScenePixels(
            read_rgb_at(root / row["scene_image_path"], size),
            (resize(read_grey(root / row["keyword_mask_path"]), size) > 127) * np.uint8(255),
            resize(read_grey(root / row["attention_heatmap_path"]), size),
        )
    except (ImageRefused, FileNotFoundError) as error:
        raise InputError(
            f"{error}. The scene table calls it valid, so the files have changed since: run "
            "`dvc repro validate`."
        ) from error
