"""Displays of visual search: things of which one is odd, and what a map makes of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from pipeline.attention.models import load_attention_model
from pipeline.pictures.tensors import tensor_of

SIZE = (177, 99)
ODD = 7
# As bright as each other, on a dark ground of the same green.
RED, GREEN, GROUND = (180, 60, 60), (60, 180, 60), (30, 90, 30)


class Display(NamedTuple):
    """A picture, H×W×3 uint8, and twelve masks, N×H×W, of its things; the odd one is `ODD`."""

    picture: np.ndarray
    things: np.ndarray

    def oddness(self, attention: np.ndarray) -> float:
        """Return what the odd one draws, over the most that another one draws."""
        drawn = [attention[thing].mean() for thing in self.things]
        return float(drawn.pop(ODD) / max(drawn))


def squares(odd: tuple[int, int, int] = RED) -> Display:
    """Return green squares in a grid, one of them of another colour."""
    return _display([("square", odd if n == ODD else GREEN, 0) for n in range(12)])


def bars(odd_deg: int = 45) -> Display:
    """Return upright green bars in a grid, one of them tilted."""
    return _display([("bar", GREEN, odd_deg if n == ODD else 0) for n in range(12)])


def stripes() -> tuple[np.ndarray, np.ndarray]:
    """Return upright stripes, H×W×3 uint8, and the mask of a patch where they lie."""
    upright = (np.indices(SIZE)[1] % 8 < 4) * 120
    patch = np.zeros(SIZE, bool)
    patch[104:136, 16:48] = True
    lying = (np.indices(SIZE)[0] % 8 < 4) * 120
    levels = np.where(patch, lying, upright) + 60
    return levels.astype(np.uint8)[..., None].repeat(3, 2), patch


def attention(name: str, picture: np.ndarray) -> np.ndarray:
    """Return what a model sees of one picture, H×W."""
    return load_attention_model(name, Path()).maps(tensor_of(picture[None]))[0].numpy()


def shuffled(attention: np.ndarray) -> np.ndarray:
    """Return a map with the same values at places drawn at random: it has found nothing."""
    return np.random.default_rng(0).permutation(attention.ravel()).reshape(attention.shape)


def _display(kinds: Sequence[tuple[str, tuple[int, int, int], int]]) -> Display:
    picture = np.full((*SIZE, 3), GROUND, np.uint8)
    things = np.zeros((12, *SIZE), np.uint8)
    for number, (shape, colour, degrees) in enumerate(kinds):
        centre = 19 + 30 * (number % 3), 24 + 42 * (number // 3)
        size = (10, 10) if shape == "square" else (4, 22)
        corners = cv2.boxPoints((centre, size, degrees))
        cv2.fillPoly(picture, [np.round(corners).astype(np.int32)], colour)
        cv2.circle(things[number], centre, 12, 1, -1)
    return Display(picture, things.astype(bool))
