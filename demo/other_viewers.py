"""Other simulated viewers: they look at what a picture's own statistics make unlikely.

No person has looked at anything here. This is a second population for the demo's panel, whose
formula is not that of the judge (`demo/viewers.py`): not contrast to the surroundings but
self-information, how rare what a place shows is among all that the picture shows. There is no
centre bias. Nothing that trains or edits may import this module, and it imports none of ours.

References:
    Bruce & Tsotsos 2009, "Saliency, attention, and visual search: an information theoretic
    approach", Journal of Vision 9(3):5; with the first patterns of a cosine transform as features
    in place of independent components, so that nothing needs to be learned.
"""

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt
from cv2.typing import MatLike

Floats = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]

# The frame is looked at in this area, whatever the image's size: same patches relative to it.
WORKING_AREA_PX = 80 * 80
PATCH_PX = 7
# Features are patterns of so many half waves, across and down together, per channel of CIELAB.
MOST_HALF_WAVES = 2
LIGHTNESS_RANGE = 100.0
# Values within about this part of the range of lightness are alike to these viewers.
ALIKE = 0.04
# Levels per unit of `ALIKE` in which densities are held, and how far a feature's values reach.
LEVELS, REACH = 4, 1.3
# Nats that draw as much attention as what is everywhere does; keeps the map > 0.
BASELINE_NATS = 0.5
# Attention grows with information to this power. It and the baseline are chosen for the drawn
# scenes: from faint to vivid, a product then draws 4 to 28 % of attention on average.
SHARPNESS = 3.0
# One degree of visual angle, by which gaze blurs: 22 of 270 px across a scene.
FOVEA_SIGMA = 22 / 270


def attention_map(image: Image) -> npt.NDArray[np.float32]:
    """Where these viewers look: the information of each place's patch, as sharp as gaze is.

    The map is continuous in the image, and the same for the same image.

    Args:
        image: (H, W, 3) RGB, uint8.

    Returns:
        (H, W), > 0.
    """
    height, width = image.shape[:2]
    scale = np.sqrt(WORKING_AREA_PX / (height * width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image.astype(np.float32) / 255, size, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2Lab)
    attention = (BASELINE_NATS + self_information(_features(lab))) ** SHARPNESS
    gazed = cv2.GaussianBlur(
        attention, (0, 0), size[0] * FOVEA_SIGMA, borderType=cv2.BORDER_REPLICATE
    )
    return cv2.resize(gazed, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)


def self_information(features: Floats) -> Floats:
    """Return -log of how likely a place's features are among all places', in nats, >= 0.

    Likely is the part of the picture whose feature is alike, by a Gaussian of width `ALIKE` that
    is 1 at no difference; features count as independent, and the mean is taken over them. What is
    everywhere has no information.

    Args:
        features: (F, H, W), F features per place.
    """
    number, *shape = features.shape
    bins = 2 * int(REACH / ALIKE * LEVELS) + 1
    at = np.clip(features.reshape(number, -1) / ALIKE * LEVELS + bins // 2, 0, bins - 1.001)
    low = at.astype(int)
    part = at - low
    first = low + bins * np.arange(number)[:, None]
    counts = np.bincount(first.ravel(), (1 - part).ravel(), number * bins)
    counts += np.bincount(first.ravel() + 1, part.ravel(), number * bins)
    offsets = np.arange(-4 * LEVELS, 4 * LEVELS + 1) / LEVELS
    kernel = np.exp(-0.5 * offsets**2)[None]
    alike = cv2.filter2D(
        counts.reshape(number, bins), cv2.CV_64F, kernel, borderType=cv2.BORDER_CONSTANT
    ).ravel()
    likely = (alike[first] * (1 - part) + alike[first + 1] * part) / at.shape[1]
    return np.maximum(-np.log(likely), 0).mean(0).reshape(shape)


def _features(lab: MatLike) -> Floats:
    """Return the patterns' part in the patch around each place, (F, H, W), of CIELAB (H, W, 3)."""
    return np.stack(
        [
            cv2.sepFilter2D(
                np.ascontiguousarray(channel),
                cv2.CV_64F,
                across,
                down,
                borderType=cv2.BORDER_REPLICATE,
            )
            for channel in np.moveaxis(lab / LIGHTNESS_RANGE, 2, 0)
            for across, down in _patterns()
        ]
    )


@cache
def _patterns() -> tuple[tuple[Floats, Floats], ...]:
    """Return the cosine patterns of a patch, across and down, each of absolute sum 1."""
    places = (np.arange(PATCH_PX) + 0.5) / PATCH_PX
    waves = [np.cos(np.pi * k * places) for k in range(MOST_HALF_WAVES + 1)]
    scaled = [wave / np.abs(wave).sum() for wave in waves]
    return tuple(
        (scaled[across], scaled[down])
        for across in range(MOST_HALF_WAVES + 1)
        for down in range(MOST_HALF_WAVES + 1 - across)
    )
