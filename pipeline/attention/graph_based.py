"""Graph-based saliency: where a random walk between unlike places spends its time.

Harel, Koch & Perona 2006, "Graph-based visual saliency", NIPS, with the differences of features
(their section 3) and the widths of their own code. Both walks step with symmetric weights, or with
such times what the target draws. They are reversible, so what they settle at is known and need not
be iterated: a node's part of all weights.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from torch import Tensor

from pipeline.attention.early_vision import halved, intensity_and_colours, orientations
from pipeline.attention.small_copies import Floats, maps_of_small_copies
from pipeline.ground.files import digest

_AREA_PX = 128 * 128
_LONGER_SIDE = 32
# Standard deviations of the walks' reach, as parts of the grid's mean side.
_ACTIVATION_REACH, _CONCENTRATION_REACH = 0.15, 0.06
# Differences that 8-bit pictures cannot show are none, and are not raised to those of others.
_FAINTEST = 1 / 255


class GraphBased:
    """Where a random walk between unlike places spends its time (Harel, Koch & Perona 2006)."""

    differentiable = False
    makers = (__name__,)

    def __init__(self, name: str) -> None:
        self.name, self.digest = name, digest(name, cv2.__version__)

    def maps(self, images: Tensor) -> Tensor:
        """Return attention, N×H×W, mean near 1, of N×3×H×W images in [-1, 1]."""
        return maps_of_small_copies(images, _AREA_PX, _saliency)


def _saliency(rgb: Floats) -> Floats:
    """Return the mean over intensity, colours and orientations, h×w nodes, of H×W×3 in [0, 1]."""
    intensity, red_green, blue_yellow = np.moveaxis(intensity_and_colours(rgb), 2, 0)
    oriented = [*orientations(intensity), *orientations(halved(intensity))]
    height, width = rgb.shape[:2]
    step = max(height, width) / _LONGER_SIDE
    size = (max(1, round(width / step)), max(1, round(height / step)))
    channels = [
        np.mean([concentrated(activation(_at_nodes(one, size))) for one in features], axis=0)
        for features in ([intensity], [red_green, blue_yellow], oriented)
    ]
    return np.mean(channels, axis=0, dtype=np.float32) * size[0] * size[1]


def _at_nodes(feature: Floats, size: tuple[int, int]) -> Floats:
    return np.asarray(cv2.resize(feature, size, interpolation=cv2.INTER_AREA), np.float32)


def activation(feature: Floats) -> Floats:
    """Return where a walk is found that goes to what is near and unlike, h×w, sum 1.

    Its weights are |f_i - f_j| times a Gaussian of the distance. It is everywhere alike where the
    feature is flat.
    """
    if np.ptp(feature) < _FAINTEST:
        return np.full_like(feature, 1 / feature.size)
    values = feature.ravel()
    unlike = np.abs(values[:, None] - values)
    weights = np.einsum("ij,ij->i", unlike, _nearness(feature.shape, _ACTIVATION_REACH))
    return (weights / weights.sum()).reshape(feature.shape)


def concentrated(active: Floats) -> Floats:
    """Return where a walk is found that goes to what is near and active, h×w, sum 1.

    Its weights are the target's activation times a Gaussian of the distance. It is everywhere
    alike where the activation is.
    """
    if np.ptp(active) == 0:
        return active
    values = active.ravel()
    weights = values * (_nearness(active.shape, _CONCENTRATION_REACH) @ values)
    return (weights / weights.sum()).reshape(active.shape)


@lru_cache(maxsize=8)
def _nearness(shape: tuple[int, int], reach: float) -> Floats:
    """Return a Gaussian of the distance between all nodes, n×n, of a grid of h×w."""
    sigma = reach * sum(shape) / 2
    down, across = (
        np.exp(-0.5 * ((np.arange(n)[:, None] - np.arange(n)) / sigma) ** 2) for n in shape
    )
    return np.asarray(np.kron(down, across), np.float32)
