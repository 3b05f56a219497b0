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
        cells: N×1×h×w in [0, 1], how much of a change each cell takes.
        weight: N×1×h×w > 0, the same in the window around each cell.
        mean: N×3×h×w, of the scene's colours in the window.
        inverse: N×3×3×h×w, of their covariance.
    """

    sigma: float
    cells: Tensor
    weight: Tensor
    mean: Tensor
    inverse: Tensor

    def take(self, scenes: Tensor) -> ColourMaps:
        """Return the scenes at these positions."""
        tensors = (self.cells, self.weight, self.mean, self.inverse)
        return ColourMaps(self.sigma, *(part[scenes] for part in tensors))

    def fitted(self, change: Tensor, image: Tensor, region: Tensor) -> Tensor:
        """Return the maps that come nearest to a change, N×12×h×w; differentiable.

        Args:
            change: N×3×H×W, of the scenes.
            image: N×3×H×W in [-1, 1], the scenes.
            region: N×1×H×W in [0, 1], how much of a change each pixel takes, and counts.
        """
        mean = _window_means(change, region, self.weight, self.sigma)
        products = _window_means(_products(image, change), region, self.weight, self.sigma)
        covariance = _covariance(products, self.mean, mean)
        gain = (self.inverse[:, :, :, None] * covariance[:, None]).sum(2)
        offset = mean - (gain * self.mean[:, :, None]).sum(1)
        # A pixel lies in many windows: it takes the mean of their maps.
        maps = torch.cat([gain.flatten(1, 2), offset], 1)
        return blur(maps * self.cells, self.sigma) / self.weight


def colour_maps(image: Tensor, region: Tensor, window: float, factor: int) -> ColourMaps:
    """Prepare the fits of maps to changes of scenes.

    Args:
        image: N×3×H×W in [-1, 1].
        region: N×1×H×W in [0, 1].
        window: standard deviation of a window, as a part of the picture's shorter side.
        factor: pixels along a cell's side.
    """
    sigma = window * min(image.shape[-2:]) / factor
    cells = functional.avg_pool2d(region, factor)
    weight = blur(cells, sigma).clamp(min=_LEAST)
    mean = _window_means(image, region, weight, sigma)
    products = _window_means(_products(image, image), region, weight, sigma)
    ridge = _RIDGE * torch.eye(3, device=image.device)[:, :, None, None]
    # In 64 bits: colours of one hue are nearly singular. A solver takes no such numbers of cells.
    first, second, third = (_covariance(products, mean, mean).double() + ridge).unbind(1)
    pairs = ((second, third), (third, first), (first, second))
    cofactors = torch.stack([torch.linalg.cross(*pair, dim=1) for pair in pairs], 1)
    determinant = (first * cofactors[:, 0]).sum(1)[:, None, None]
    return ColourMaps(sigma, cells, weight, mean, (cofactors / determinant).to(image.dtype))


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


def _window_means(values: Tensor, region: Tensor, weight: Tensor, sigma: float) -> Tensor:
    """Return the mean in the region around each cell, N×C×h×w, of N×C×H×W."""
    factor = values.shape[-1] // weight.shape[-1]
    return blur(functional.avg_pool2d(region * values, factor), sigma) / weight


def _products(one: Tensor, other: Tensor) -> Tensor:
    """Return each channel of one, N×3×H×W, times each of the other, N×9×H×W."""
    return (one[:, :, None] * other[:, None]).flatten(1, 2)


def _covariance(products: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Return N×3×3×h×w of the mean products, N×9×h×w, and the means of both, N×3×h×w."""
    return products.unflatten(1, (3, 3)) - one[:, :, None] * other[:, None]
