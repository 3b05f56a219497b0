"""The data set's files, its split, and who of its viewers teaches which observer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.ground.errors import InputError

Floats = NDArray[np.float64]

VIEWERS = {"people_a": tuple(range(1, 8)), "people_b": tuple(range(8, 16))}
"""Those whose gaze each observer learns from."""
SIGMA_PX = 24
"""Of the authors' own fixation maps at 800×600 (`params.eye.radius`), about one degree."""
_COLUMNS = ["image", "viewer", "fixation", "x_px", "y_px"]
# Shares of the photographs.
_TEST, _VAL = 0.25, 0.10


@dataclass(frozen=True)
class Photograph:
    """A picture and where its viewers looked.

    Attributes:
        path: of the picture.
        size: (height, width) in pixels.
        fixations: columns viewer, row, column (pixels); without each viewer's first one, which is
            where the cross was.
    """

    path: Path
    size: tuple[int, int]
    fixations: pd.DataFrame

    def of(self, viewers: Iterable[int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the rows and columns of these viewers' fixations."""
        chosen = self.fixations[self.fixations["viewer"].isin(list(viewers))]
        return chosen["row"].to_numpy(np.intp), chosen["column"].to_numpy(np.intp)


def read_pixels(path: Path) -> NDArray[np.uint8]:
    """Return a picture, H×W×3, RGB."""
    return np.asarray(cv2.cvtColor(_read(path), cv2.COLOR_BGR2RGB), np.uint8)


def read_photographs(folder: Path) -> list[Photograph]:
    """Return the photographs of `stimuli/` that `fixations.csv` has, by name.

    Raises:
        InputError: files or columns are missing, or a picture cannot be read.
    """
    table = folder / "fixations.csv"
    if not table.is_file():
        raise InputError(f"there is no {table}: studies/osie/README.md says where to get it.")
    fixations = pd.read_csv(table)
    missing = [column for column in _COLUMNS if column not in fixations.columns]
    if missing:
        raise InputError(f"{table} has no column {', '.join(missing)}; it needs {_COLUMNS}.")
    fixations = fixations[fixations["fixation"] > 1]
    found = []
    for name, group in fixations.groupby("image", sort=True):
        path = folder / "stimuli" / str(name)
        height, width = _read(path).shape[:2]
        own = pd.DataFrame(
            {
                "viewer": group["viewer"],
                "row": np.floor(group["y_px"]).astype(np.intp),
                "column": np.floor(group["x_px"]).astype(np.intp),
            }
        )
        inside = own["row"].between(0, height - 1) & own["column"].between(0, width - 1)
        found.append(Photograph(path, (height, width), own[inside].reset_index(drop=True)))
    return found


def split_of(name: str) -> str:
    """Return `train`, `val` or `test`: by a hash of the image's name, whatever else there is."""
    place = _hashed(name)
    return "test" if place < _TEST else "val" if place < _TEST + _VAL else "train"


def fold_of(name: str, folds: int) -> int:
    """Return which part of the cross-validation an image is held out in."""
    return int(_hashed(f"fold {name}") * folds)


def fixation_map(
    size: tuple[int, int], rows: NDArray[np.intp], columns: NDArray[np.intp], sigma: float
) -> Floats:
    """Return the fixations' density, H×W, blurred by a Gaussian; it sums to about 1."""
    counts = np.zeros(size, np.float32)
    np.add.at(counts, (rows, columns), 1 / max(1, rows.size))
    density = cv2.GaussianBlur(counts, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return np.asarray(density, np.float64)


def cell_counts(
    photograph: Photograph, viewers: Sequence[int], cells: tuple[int, int]
) -> NDArray[np.float32]:
    """Return these viewers' fixations as shares of cells, shared out linearly among four."""
    rows, columns = photograph.of(viewers)
    counts = np.zeros(cells, np.float32)
    places = [
        np.clip((values + 0.5) / length * number - 0.5, 0, number - 1)
        for values, length, number in zip((rows, columns), photograph.size, cells, strict=True)
    ]
    low = [np.minimum(place.astype(int), n - 2) for place, n in zip(places, cells, strict=True)]
    high = [place - below for place, below in zip(places, low, strict=True)]
    for down in (0, 1):
        for across in (0, 1):
            weight = np.abs(1 - down - high[0]) * np.abs(1 - across - high[1])
            np.add.at(counts, (low[0] + down, low[1] + across), weight / max(1, rows.size))
    return counts


def _hashed(text: str) -> float:
    """Return a number in [0, 1) that depends on the text alone."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64


def _read(path: Path) -> NDArray[np.uint8]:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError(f"{path} cannot be read as a picture; is the data set complete?")
    return np.asarray(image, np.uint8)
