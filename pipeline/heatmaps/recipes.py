"""Which scenes of a video a variant changes, and how: windows, factors, smoothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.heatmaps.dose import Region, alpha_for_share
from pipeline.heatmaps.params import Kind, Variant, VariantParams, Window

Weights = NDArray[np.float64]


class Recipe(NamedTuple):
    """One variant of a video, before any of its scenes has been looked at."""

    variant: Variant
    weights: Weights
    """Per scene, how much of the factor applies: 1 inside the window, 0 outside, between on a ramp;
    the scene's factor is `1 + weight*(alpha - 1)`."""


class Treatment(NamedTuple):
    """What a variant does to one scene's heatmap; equal treatments make equal maps."""

    kind: Kind = "unchanged"
    region: Region = "keyword"
    alpha: float = 1.0
    """NaN where the target share is one that no factor gives."""
    twin: Treatment | None = None
    """What a redistribution is to change the map as much as."""


def recipes(params: VariantParams, num_scenes: int) -> dict[str, Recipe]:
    """Return {variant: recipe} for a video, in the order of `params.variants`."""
    windows, smoothing = params.windows, params.temporal_smoothing
    return {
        name: Recipe(variant, window_weights(num_scenes, variant.window, windows, smoothing))
        for name, variant in params.variants.items()
    }


def treatments(
    recipes: Mapping[str, Recipe], scene: int, share: float, target_share: float | None
) -> dict[str, Treatment]:
    """Return {variant: treatment} of the scene at this position of its video, from 0.

    The share is the scene's own, NaN if undefined; the other one is `variant.target_share`.
    """

    def treatment(recipe: Recipe) -> Treatment:
        variant, weight = recipe.variant, recipe.weights[scene].item()
        region = variant.region or "keyword"
        if variant.kind == "unchanged" or weight == 0:
            return Treatment(region=region)
        alpha = variant.alpha
        if alpha is None:
            assert target_share is not None
            alpha = float(alpha_for_share(share, target_share))
        twin = treatment(recipes[variant.twin]) if variant.twin else None
        return Treatment(variant.kind, region, 1 + weight * (alpha - 1), twin)

    return {name: treatment(recipe) for name, recipe in recipes.items()}


def window_weights(
    num_scenes: int,
    window: Window | None,
    windows: str | tuple[float, float, float],
    smoothing: float = 0,
) -> Weights:
    """Return the weight of a window for each scene of a video, in [0, 1].

    Smoothing is a Gaussian over neighbouring scenes, cut at three sigma, with the video's first and
    last scene standing for what would lie beyond; its sigma is in scenes, 0 for none. As it is
    linear, smoothing the weights is smoothing the factors.
    """
    start, end = window_bounds(num_scenes, window, windows) if window else (0, 0)
    weights: Weights = np.zeros(num_scenes)
    weights[start:end] = 1
    if smoothing == 0 or end - start in (0, num_scenes):
        return weights
    radius = math.ceil(3 * smoothing)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / smoothing) ** 2)
    padded = np.pad(weights, radius, mode="edge")
    return np.clip(np.convolve(padded, kernel / kernel.sum(), mode="valid"), 0, 1)


def window_bounds(
    num_scenes: int, window: Window, windows: str | tuple[float, float, float]
) -> tuple[int, int]:
    """Return the scenes [start, end) of a window.

    Thirds are `n // 3` scenes each, the remainder goes to the last; so with other fractions.
    """
    if window == "all":
        return 0, num_scenes
    if isinstance(window, tuple):
        return _part(num_scenes, window[0]), _part(num_scenes, window[1])
    if windows == "halves":
        half = num_scenes // 2
        middle = (num_scenes - half) // 2
        bounds = {"early": (0, half), "middle": (middle, middle + half), "late": (half, num_scenes)}
        return bounds[window]
    parts = (1 / 3, 1 / 3, 1 / 3) if isinstance(windows, str) else windows
    first, second = _part(num_scenes, parts[0]), _part(num_scenes, parts[1])
    cuts = {
        "early": (0, first),
        "middle": (first, first + second),
        "late": (first + second, num_scenes),
    }
    return cuts[window]


def _part(num_scenes: int, fraction: float) -> int:
    # A product such as 3*(1/3) must not fall short of its whole number by rounding.
    return math.floor(num_scenes * fraction + 1e-9)
