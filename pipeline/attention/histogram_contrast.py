"""Global contrast of colours by their histogram: a colour unlike the picture's others stands out.

Cheng, Zhang, Mitra, Huang & Hu 2011, "Global contrast based salient region detection", CVPR; their
HC. Where a colour is in the picture does not count.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pipeline.attention.small_copies import Floats, maps_of_small_copies
from pipeline.ground.files import digest

# At most; a smaller picture is not enlarged, which would mix colours anew.
_AREA_PX = 160 * 120
_BINS = 12
# The commonest colours that make up this part of the picture are kept; as in their own code, at
# least and at most so many.
_KEPT_PART, _FEWEST_COLOURS, _MOST_COLOURS = 0.95, 10, 256
# A colour is smoothed over this part of the colours, the most alike.
_SMOOTHED_PART = 0.25
_LIGHTNESS_RANGE = 100.0
# Attention that a picture's least salient colour draws, so that no map is all zero.
_FLOOR = 0.01


class HistogramContrast:
    """How unlike a place's colour is to those of the whole picture (Cheng et al. 2011)."""

    differentiable = False
    makers = (__name__,)

    def __init__(self, name: str) -> None:
        self.name, self.digest = name, digest(name, cv2.__version__)

    def maps(self, images: Tensor) -> Tensor:
        """Return attention, N×H×W, > 0, of N×3×H×W images in [-1, 1]."""
        height, width = images.shape[-2:]
        area = min(_AREA_PX, height * width)
        return maps_of_small_copies(images, area, _saliency) + _FLOOR


def _saliency(rgb: Floats) -> Floats:
    """Return the contrast of each place's colour over the picture's least, H×W, of H×W×3 RGB.

    Black and white are 1 apart.
    """
    colours, frequencies, colour_of = _palette(rgb.reshape(-1, 3))
    distances = np.linalg.norm(colours[:, None] - colours, axis=2)
    contrasts = _smoothed(distances @ frequencies, distances)
    above = (contrasts - contrasts.min()) / _LIGHTNESS_RANGE
    return above[colour_of].reshape(rgb.shape[:2]).astype(np.float32)


def _palette(pixels: Floats) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Return the kept colours, k×3 CIELAB, the part of the picture of each, and that of each pixel.

    A colour is the mean of those in its bin; what is not kept becomes the kept one most like it.
    """
    bins = np.minimum((pixels * _BINS).astype(int), _BINS - 1) @ (_BINS**2, _BINS, 1)
    _, bin_of, counts = np.unique(bins, return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(bin_of, pixels[:, channel]) for channel in range(3)], 1)
    means = (sums / counts[:, None]).astype(np.float32)
    lab = cv2.cvtColor(means[None], cv2.COLOR_RGB2Lab)[0]
    order = np.argsort(-counts, kind="stable")
    needed = np.searchsorted(np.cumsum(counts[order]), _KEPT_PART * len(pixels)) + 1
    kept = lab[order[: np.clip(needed, _FEWEST_COLOURS, _MOST_COLOURS)]]
    most_alike = np.linalg.norm(lab[:, None] - kept, axis=2).argmin(1)
    frequencies = np.bincount(most_alike, counts, minlength=len(kept)) / len(pixels)
    return kept, frequencies.astype(np.float32), most_alike[bin_of]


def _smoothed(contrasts: Floats, distances: Floats) -> Floats:
    """Return k contrasts, each the mean over the colours most alike, weighed by likeness."""
    number = max(2, round(_SMOOTHED_PART * len(contrasts)))
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :number]
    near = np.take_along_axis(distances, nearest, 1)
    total = near.sum(1, keepdims=True)
    smoothed = ((total - near) * contrasts[nearest]).sum(1)
    # One colour alone, or so many of the same, has nothing to be smoothed with.
    return np.divide(smoothed, (number - 1) * total[:, 0], out=contrasts, where=total[:, 0] > 0)
