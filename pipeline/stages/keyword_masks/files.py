"""The mask files of a scene: `…-01.png` for its first keyword, `…-01.k1.png` for the next."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.ground.files import write_bytes
from pipeline.pictures.reading import encode
from pipeline.scenes.cuts import CutScene

Mask = NDArray[np.bool_]


def write_masks(staging: Path, out: str, scene: CutScene, masks: Mapping[int, Mask]) -> list[str]:
    """Write a scene's masks {keyword index: mask} that are not empty; return their paths.

    The paths are relative to `staging`, and begin with `out`.

    A scene without its first keyword is of no use, so it gets no mask of further ones either.
    """
    shown = {index: mask for index, mask in sorted(masks.items()) if mask.any()}
    if 0 not in shown:
        return []
    files = []
    for index, mask in shown.items():
        files.append(f"{out}/{scene.name._replace(keyword_index=index).relative('png')}")
        write_bytes(staging / files[-1], encode(mask.astype(np.uint8) * 255, "png"))
    return files
