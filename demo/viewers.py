"""Simulated viewers: they look at what a classical saliency model finds salient.

No person has looked at anything here. The viewers make the fixations of the demo corpus and, with
other seeds, they judge original and edited scenes. Nothing that trains or edits may import this
module: a judge that the edit can read is no judge.

Three steps, each continuous in the image, so that a small edit moves the result by a little:

1. ``saliency_density``: where a viewer is likely to look (centre-surround contrast energy);
2. ``look``: fixations drawn from a density. The random numbers depend on the seeds only, so the
   same viewers on an edited scene look at nearly the same places (common random numbers);
3. ``attention_heatmap`` and ``attention_share``: what the fixations say, as for recorded ones.

References:
    Itti, Koch & Niebur 1998, "A model of saliency-based visual attention for rapid scene analysis",
    IEEE PAMI 20(11):1254-1259. Tatler 2007, "The central fixation bias in scene viewing", Journal
    of Vision 7(14):4. Rayner & Castelhano 2007, "Eye movements", Scholarpedia 2(10):3649.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
from cv2.typing import MatLike
from scipy.special import ndtri
from scipy.stats import qmc

Floats = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]

# The model works on a frame of this area, whatever the image's size: same scales relative to it.
WORKING_AREA_PX = 96 * 96
# Standard deviations of the centres, in units of sqrt(frame area); Itti et al. use three as well.
CENTRE_SIGMAS = (0.015, 0.03, 0.06)
SURROUND_RATIO = 4.0
# Contrast (of 1) that draws as much attention as a featureless place does; keeps the density > 0.
BASELINE_CONTRAST = 0.04
# Attention grows with contrast to this power. It and the baseline are chosen for the drawn scenes:
# from faint to vivid, a product then draws 6 to 57 % of the fixations on average.
SHARPNESS = 2.5
# Standard deviation of the centre bias along each axis, as a fraction of that axis.
CENTRE_BIAS_SIGMA = 0.35
# Share of fixations that land anywhere, whatever is shown.
UNIFORM_SHARE = 0.05

# Fixations in scene viewing and search average 180 to 330 ms, saccades last 20 to 40 ms (Rayner &
# Castelhano 2007). The log-normal stands for the skew to the right that recorded durations have.
FIXATION_MEAN_S, FIXATION_SD_S = 0.25, 0.11
FIXATION_RANGE_S = (0.08, 0.8)
SACCADE_S = 0.03

# Those who judge: seeds that are none of the corpus's (which are drawn from 2**63), one degree of
# visual angle as in params.yaml (22 of the 270 px across a scene), and a scene's usual length.
JUDGES = range(256)
JUDGES_SIGMA = 22 / 270
JUDGES_LOOK_S = 1.5


def saliency_density(image: Image) -> Floats:
    """Probability of looking at each pixel, by centre-surround contrast.

    On a small copy of the frame, with r, g, b in [0, 1], three channels as in Itti et al.:
    intensity ``(r+g+b)/3`` and the opponents ``r-g`` and ``b-(r+g)/2``. Each is filtered by a
    centre-surround difference of Gaussians at three scales. With E the mean over scales of the
    sum over channels of DoG², the density is

        (baseline² + E)^(sharpness / 2) · centre bias.

    Itti's division of the opponents by intensity and its per-map normalisation are left out: both
    jump when a maximum moves, and a judge of small edits must not.

    Args:
        image: (H, W, 3) RGB.

    Returns:
        (H, W), positive, sums to 1.

    Raises:
        ValueError: The image is not uint8 of shape (H, W, 3).
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(
            f"the image must be uint8 RGB of shape (H, W, 3), found {image.dtype} {image.shape}; "
            "convert it first"
        )
    height, width = image.shape[:2]
    scale = np.sqrt(WORKING_AREA_PX / (height * width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    salience = (BASELINE_CONTRAST**2 + _contrast_energy(small)) ** (SHARPNESS / 2)
    upsampled = cv2.resize(salience, (width, height), interpolation=cv2.INTER_LINEAR)
    density = upsampled * _centre_bias(height, width)
    return density / density.sum()


def _contrast_energy(rgb: MatLike) -> Floats:
    """Squared centre-surround contrast of intensity and colour, mean over scales."""
    r, g, b = cv2.split(rgb)
    channels = cv2.merge([(r + g + b) / 3, r - g, b - (r + g) / 2])
    energy = np.zeros(rgb.shape[:2])
    for centre in np.array(CENTRE_SIGMAS) * np.sqrt(WORKING_AREA_PX):
        contrast = _blur(channels, centre) - _blur(channels, centre * SURROUND_RATIO)
        energy += np.square(contrast).sum(axis=2)
    return energy / len(CENTRE_SIGMAS)


def _blur(channels: MatLike, sigma: float) -> MatLike:
    return cv2.GaussianBlur(channels, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)


def _centre_bias(height: int, width: int) -> Floats:
    """Gaussian around the frame's centre (Tatler 2007)."""
    down, across = (
        np.exp(-0.5 * np.square(((np.arange(n) + 0.5) / n - 0.5) / CENTRE_BIAS_SIGMA))
        for n in (height, width)
    )
    return np.outer(down, across)


def look(
    density: Floats, viewer_seeds: Sequence[int], duration_s: float, *, stratified: bool = False
) -> pd.DataFrame:
    """Let each viewer look at a scene from its start to its end.

    Fixations are independent given the density: no inhibition of return, no preference for short
    saccades.

    Args:
        density: (H, W), positive, sums to 1.
        viewer_seeds: One per viewer; the same seeds give the same viewers.
        duration_s: Length of the scene, above 0.
        stratified: Spread the panel's fixations evenly over the density instead of drawing each by
            itself: a judge's share is then less noisy for the same number of viewers. The viewers
            are then no longer independent of each other, so this is not for corpora.

    Returns:
        One row per fixation, by viewer and time: ``viewer`` (position in `viewer_seeds`),
        ``onset_s`` and ``duration_s`` (the last fixation ends with the scene), ``x_px`` in [0, W)
        and ``y_px`` in [0, H).
    """
    # Enough for a viewer whose fixations are all of the shortest duration.
    most = int(np.ceil(duration_s / (FIXATION_RANGE_S[0] + SACCADE_S)))
    # One fixation after another, so that a longer scene begins with the same fixations.
    uniforms = np.stack([np.random.default_rng(seed).random((most, 3)) for seed in viewer_seeds])
    durations = _fixation_durations(uniforms[..., 0])
    onsets = np.zeros_like(durations)
    onsets[:, 1:] = np.cumsum(durations[:, :-1] + SACCADE_S, axis=1)
    viewers, order = np.nonzero(onsets < duration_s)
    onsets, durations = onsets[viewers, order], durations[viewers, order]
    durations = np.minimum(durations, duration_s - onsets)
    places = uniforms[viewers, order, 1:]
    if stratified:
        places = _stratified_places(durations, viewer_seeds)
    x, y = _inverse_cdf(density, places)
    return pd.DataFrame(
        {"viewer": viewers, "onset_s": onsets, "duration_s": durations, "x_px": x, "y_px": y}
    )


def _fixation_durations(uniforms: Floats) -> Floats:
    """Log-normal durations in seconds, by inverse CDF."""
    variance = np.log1p((FIXATION_SD_S / FIXATION_MEAN_S) ** 2)
    mu = np.log(FIXATION_MEAN_S) - variance / 2
    return np.clip(np.exp(mu + np.sqrt(variance) * ndtri(uniforms)), *FIXATION_RANGE_S)


def _stratified_places(durations: Floats, viewer_seeds: Sequence[int]) -> Floats:
    """Low-discrepancy uniforms (N, 2) that are evenly spread among long and short fixations alike.

    The first coordinate of a scrambled Halton set goes by rank of duration, the others are places.
    """
    points = qmc.Halton(3, rng=np.random.default_rng(list(viewer_seeds))).random(len(durations))
    places = np.empty((len(durations), 2))
    places[np.argsort(durations)] = points[np.argsort(points[:, 0]), 1:]
    return places


def _inverse_cdf(density: Floats, places: Floats) -> tuple[Floats, Floats]:
    """Continuous map from the unit square to pixels: x by its marginal, then y given x.

    The CDF of y is interpolated between the pixel columns beside x, else y would jump from one
    column to the next.
    """
    height, width = density.shape
    mixed = (1 - UNIFORM_SHARE) * density + UNIFORM_SHARE / density.size
    across = np.concatenate([[0], np.cumsum(mixed.sum(axis=0))])
    x = np.interp(places[:, 0] * across[-1], across, np.arange(width + 1))

    columns = np.vstack([np.zeros(width), np.cumsum(mixed, axis=0)])
    columns /= columns[-1]
    at = np.clip(x - 0.5, 0, width - 1)
    left = np.minimum(at.astype(int), max(width - 2, 0))
    right = np.minimum(left + 1, width - 1)
    down = columns[:, left] * (1 - (at - left)) + columns[:, right] * (at - left)
    row = np.clip((down <= places[:, 1]).sum(axis=0) - 1, 0, height - 1)
    start, end = (np.take_along_axis(down, (row + k)[None], axis=0)[0] for k in (0, 1))
    return x, row + (places[:, 1] - start) / (end - start)


def attention_heatmap(
    image: Image, viewer_seeds: Sequence[int], sigma_px: float, duration_s: float
) -> npt.NDArray[np.float32]:
    """What a panel of viewers looks at, as a duration-weighted Gaussian map.

    Args:
        image: (H, W, 3) RGB, uint8.
        viewer_seeds: The panel; give the original and the edited scene the same one.
        sigma_px: Standard deviation of the Gaussian: one degree of visual angle.
        duration_s: How long the scene is shown.

    Returns:
        (H, W) in [0, 1], maximum 1.
    """
    fixations = look(saliency_density(image), viewer_seeds, duration_s, stratified=True)
    weights = np.zeros(image.shape[:2], np.float32)
    pixels = fixations["y_px"].astype(int), fixations["x_px"].astype(int)
    np.add.at(weights, pixels, fixations["duration_s"])
    heatmap = cv2.GaussianBlur(weights, (0, 0), sigma_px, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(heatmap / heatmap.max(), np.float32)


def attention_share(heatmap: npt.NDArray[np.floating], mask: npt.NDArray[np.generic]) -> float:
    """Share of attention on the mask: sum(M ⊙ A) / sum(A), in [0, 1].

    Args:
        heatmap: (H, W), non-negative, not all zero.
        mask: (H, W), {0, 1} or bool.
    """
    return float(heatmap[mask.astype(bool)].sum(dtype=float) / heatmap.sum(dtype=float))


def attention_map(image: Image) -> npt.NDArray[np.float32]:
    """What the judges see: a panel of its own, the same for an original and for its edits.

    Params name this file as `evaluate.judge`. 256 stratified viewers tell a share's change with a
    standard deviation of 0.0011; twice as many cost twice the time.

    Args:
        image: (H, W, 3) RGB, uint8.

    Returns:
        (H, W) in [0, 1], maximum 1.
    """
    return attention_heatmap(image, JUDGES, image.shape[1] * JUDGES_SIGMA, JUDGES_LOOK_S)
