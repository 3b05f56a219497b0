"""The keyword mask of a scene: the union of the masks of the keywords that are chosen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.pictures.reading import read_mask


def keyword_mask(paths: Sequence[Path], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the union of mask files at `size` (height, width); all False without any."""
    union = np.zeros(size, np.bool_)
    for path in paths:
        union |= read_mask(path, size)
    return union
