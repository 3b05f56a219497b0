"""Carries a model's change over to a scene as a map of its colours that varies slowly.

A backbone that is to move attention redraws more than attention follows: letters run, even parts
become blotched. What makes a product stand out is how its colours differ from those around it. So
of a change only that is kept which is, around each place, an affine function of the scene's own
colours: its texture and its letters stay. That is the constraint of photorealistic style transfer
(Luan et al. 2017, "Deep Photo Style Transfer"), fitted as the guided filter is, with the scene as
the guide (He, Sun & Tang 2013, "Guided Image Filtering"), on cells, from which the maps are
enlarged (He & Sun 2015, "Fast Guided Filter"): so they hold for the scene at any size.

What is kept is linear in the change: where a model changed nothing, nothing changes.

Maps are N×12×h×w: nine gains, of each of red, green and blue for each of them, then three offsets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pipeline.attention.blur import blur
from pipeline.pictures.tensors import GREY_LEVELS

# Variance of colours, in [-1, 1]: where a window has less, its map moves colours all alike rather
# than apart. Chosen on the val split (decision 0010).
_RIDGE = 1e-3
_LEAST = torch.finfo(torch.float32).tiny


@dataclass(frozen=True)
class ColourMaps:
    """What of N scenes a fit needs, once for all changes of them.

    Attributes:
        sigma: of the Gaussian windows, in cells.
        mean: N×3×h×w, of the scene's colours in the window around each cell.
        inverse: N×3×3×h×w, of their covariance.
    """

    sigma: float
    mean: Tensor
    inverse: Tensor

    def take(self, scenes: Tensor) -> ColourMaps:
        """Return the scenes at these positions."""
        return ColourMaps(self.sigma, self.mean[scenes], self.inverse[scenes])

    def fitted(self, change: Tensor, image: Tensor, region: Tensor) -> Tensor:
        """Return the maps that come nearest to a change, N×12×h×w; differentiable.

        Args:
            change: N×3×H×W, of the scenes.
            image: N×3×H×W in [-1, 1], the scenes.
            region: N×1×H×W in [0, 1], how much of a change each pixel takes, and counts.
        """
        mean, covariance = _moments(image, change, region, self.mean, self.sigma)
        gain = (self.inverse[:, :, :, None] * covariance[:, None]).sum(2)
        offset = mean - (gain * self.mean[:, :, None]).sum(1)
        # A pixel lies in many windows: it takes the mean of their maps.
        maps = torch.cat([gain.flatten(1, 2), offset], 1)
        cells = functional.avg_pool2d(region, _factor(region, mean))
        return blur(maps * cells, self.sigma) / blur(cells, self.sigma).clamp(min=_LEAST)


def colour_maps(image: Tensor, region: Tensor, window: float, factor: int) -> ColourMaps:
    """Prepare the fits of maps to changes of scenes.

    Args:
        image: N×3×H×W in [-1, 1].
        region: N×1×H×W in [0, 1].
        window: standard deviation of a window, as a part of the picture's shorter side.
        factor: pixels along a cell's side.
    """
    sigma = window * min(image.shape[-2:]) / factor
    mean = _window_means(image, region, sigma, factor)
    _, covariance = _moments(image, image, region, mean, sigma)
    ridge = _RIDGE * torch.eye(3, device=image.device)[:, :, None, None]
    # In 64 bits: colours of one hue are nearly singular. A solver takes no such numbers of cells.
    first, second, third = (covariance.double() + ridge).unbind(1)
    pairs = ((second, third), (third, first), (first, second))
    cofactors = torch.stack([torch.linalg.cross(*pair, dim=1) for pair in pairs], 1)
    determinant = (first * cofactors[:, 0]).sum(1)[:, None, None]
    return ColourMaps(sigma, mean, (cofactors / determinant).to(image.dtype))


def change_by(maps: Tensor, image: Tensor) -> Tensor:
    """Return what maps, N×12×h×w, change of N×3×H×W colours in [-1, 1]."""
    at = functional.interpolate(maps, image.shape[-2:], mode="bilinear")
    return (image[:, :, None] * at[:, :9].unflatten(1, (3, 3))).sum(1) + at[:, 9:]


def levels_of(kept: Tensor) -> NDArray[np.float32]:
    """Return N×12×h×w maps, or N×3×H×W changes, as `pipeline.scenes.regions.add_change` takes them.

    That is N×h×w×12, of grey levels instead of colours in [-1, 1], or N×H×W×3.
    """
    gain, offset = kept[:, :-3], kept[:, -3:]
    # Of a colour x in [-1, 1] the level is (x + 1) * GREY_LEVELS.
    moved = offset - gain.unflatten(1, (gain.shape[1] // 3, 3)).sum(1)
    levels = torch.cat([gain, GREY_LEVELS * moved], 1)
    return np.asarray(levels.movedim(1, -1).float().cpu().numpy())


def _moments(
    image: Tensor, other: Tensor, region: Tensor, image_mean: Tensor, sigma: float
) -> tuple[Tensor, Tensor]:
    """Return of another picture the mean, N×3×h×w, and the covariance with the image, N×3×3×h×w."""
    factor = _factor(image, image_mean)
    mean = _window_means(other, region, sigma, factor)
    products = (image[:, :, None] * other[:, None]).flatten(1, 2)
    both = _window_means(products, region, sigma, factor).unflatten(1, (3, 3))
    return mean, both - image_mean[:, :, None] * mean[:, None]


def _window_means(values: Tensor, region: Tensor, sigma: float, factor: int) -> Tensor:
    """Return the mean in the region around each cell, N×C×h×w, of N×C×H×W."""
    total, weight = (
        blur(functional.avg_pool2d(part, factor), sigma) for part in (region * values, region)
    )
    return total / weight.clamp(min=_LEAST)


def _factor(pixels: Tensor, cells: Tensor) -> int:
    return pixels.shape[-1] // cells.shape[-1]
