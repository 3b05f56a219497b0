"""Carries a model's change over to a scene as a map of its colours that varies slowly.

A backbone that is to move attention redraws more than attention follows: letters run, even parts
become blotched. What makes a product stand out is how its colours differ from those around it. So
of a change only that is kept which is, around each place, an affine function of the scene's own
colours: its texture and its letters stay. That is the constraint of photorealistic style transfer
(Luan et al. 2017, "Deep Photo Style Transfer"), fitted as the guided filter is, with the scene as
the guide (He, Sun & Tang 2013, "Guided Image Filtering"), on cells (He & Sun 2015, "Fast Guided
Filter").

What is kept is linear in the change: where a model changed nothing, nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.attention.blur import blur

# Variance of colours, in [-1, 1]: where a window has less, its map moves colours all alike rather
# than apart. Chosen on the val split (decision 0010).
_RIDGE = 1e-3
# Part of a window that has to lie in the region, for a number to divide by.
_LEAST = 1e-6


@dataclass(frozen=True)
class ColourMaps:
    """Locally affine maps of N scenes' colours, to be fitted to changes of them.

    Attributes:
        image: N×3×H×W in [-1, 1], the scenes.
        region: N×1×H×W in [0, 1], how much of a change each pixel takes, and counts in a fit.
        sigma: of the Gaussian windows, in cells.
        mean: N×3×h×w, of the scene's colours in the window around each cell.
        inverse: N×h×w×3×3, of their covariance.
    """

    image: Tensor
    region: Tensor
    sigma: float
    mean: Tensor
    inverse: Tensor

    def take(self, scenes: Tensor) -> ColourMaps:
        """Return the scenes at these positions."""
        tensors = (self.image, self.region, self.mean, self.inverse)
        image, region, mean, inverse = (part[scenes] for part in tensors)
        return ColourMaps(image, region, self.sigma, mean, inverse)

    def kept(self, change: Tensor) -> Tensor:
        """Return what maps of colours can make of a change, N×3×H×W; differentiable.

        Args:
            change: N×3×H×W, of the scenes.
        """
        size = (self.mean.shape[-2], self.mean.shape[-1])
        mean = _window_means(change, self.region, self.sigma, size)
        products = _window_means(_products(self.image, change), self.region, self.sigma, size)
        covariance = _matrices(products - _products(self.mean, mean))
        gain = self.inverse @ covariance
        offset = mean - _applied(gain, self.mean)
        # A pixel lies in many windows: it takes the mean of their maps.
        maps = torch.cat([gain.flatten(3).movedim(-1, 1), offset], 1)
        cells = functional.adaptive_avg_pool2d(self.region, size)
        maps = blur(maps * cells, self.sigma) / blur(cells, self.sigma).clamp(min=_LEAST)
        maps = functional.interpolate(maps, change.shape[-2:], mode="bilinear")
        return _applied(_matrices(maps[:, :-3]), self.image) + maps[:, -3:]


def colour_maps(image: Tensor, region: Tensor, window: float, size: tuple[int, int]) -> ColourMaps:
    """Prepare maps of scenes' colours.

    Args:
        image: N×3×H×W in [-1, 1].
        region: N×1×H×W in [0, 1].
        window: standard deviation of a window, as a part of the picture's shorter side.
        size: (h, w) of the cells, whole parts of the picture.
    """
    sigma = window * min(size)
    mean = _window_means(image, region, sigma, size)
    products = _window_means(_products(image, image), region, sigma, size)
    covariance = _matrices(products - _products(mean, mean))
    inverse = torch.linalg.inv(covariance + _RIDGE * torch.eye(3, device=image.device))
    return ColourMaps(image, region, sigma, mean, inverse)


def _window_means(values: Tensor, region: Tensor, sigma: float, size: tuple[int, int]) -> Tensor:
    """Return the mean in the region around each cell, N×C×h×w, of N×C×H×W."""
    total, weight = (
        blur(functional.adaptive_avg_pool2d(part, size), sigma)
        for part in (region * values, region)
    )
    return total / weight.clamp(min=_LEAST)


def _products(one: Tensor, other: Tensor) -> Tensor:
    """Return each channel of one, N×3×H×W, times each of the other, N×9×H×W."""
    return (one[:, :, None] * other[:, None]).flatten(1, 2)


def _matrices(products: Tensor) -> Tensor:
    """Return N×9×H×W as N×H×W×3×3."""
    return products.movedim(1, -1).unflatten(-1, (3, 3))


def _applied(gain: Tensor, colours: Tensor) -> Tensor:
    """Return N×3×H×W, colours times the N×H×W×3×3 matrices of their places."""
    return (colours.movedim(1, -1)[..., None, :] @ gain)[..., 0, :].movedim(-1, 1)
