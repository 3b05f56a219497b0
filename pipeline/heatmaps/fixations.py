"""From recorded fixations to a map of attention."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def time_within(onsets: Floats, durations: Floats, start_s: float, end_s: float) -> Floats:
    """Return how many seconds of each fixation fall into a span; 0 where none does.

    A fixation that a cut divides counts on each side with the time it has there. Less than a
    microsecond is none: it is the rounding of an onset plus a duration.
    """
    overlap = np.minimum(onsets + durations, end_s) - np.maximum(onsets, start_s)
    return np.where(overlap < 1e-6, 0.0, overlap)


def fixation_map(
    x: Floats, y: Floats, seconds: Floats, size: tuple[int, int], sigma: float
) -> NDArray[np.float32]:
    """Return the attention map: at every fixation a Gaussian, weighted by how long it lasted.

    A Gaussian is the product of one along x and one along y, so that the whole map is one matrix
    product: exact at any position and without a cut-off, and faster than blurring an image.

    Args:
        x: positions in pixels from the left edge; the centre of the first pixel is 0.5.
        y: positions in pixels from the top edge.
        seconds: the weights, >= 0.
        size: (height, width).
        sigma: standard deviation in pixels, one degree of visual angle as a rule (Le Meur &
            Baccino 2013, "Methods for comparing scanpaths and saliency maps").

    Returns:
        H×W, >= 0; all zero where no fixation with a weight lies inside the frame.
    """
    height, width = size
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height) & (seconds > 0)
    down = _gaussians(y[inside], height, sigma) * seconds[inside, None].astype(np.float32)
    return down.T @ _gaussians(x[inside], width, sigma)


def _gaussians(centres: Floats, length: int, sigma: float) -> NDArray[np.float32]:
    """One Gaussian per centre, N×length, 1 at its peak."""
    pixels = np.arange(length) + 0.5
    return np.exp(-0.5 * ((pixels - centres[:, None]) / sigma) ** 2).astype(np.float32)
