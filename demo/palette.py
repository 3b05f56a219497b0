"""Colours of the drawn ads, chosen in OKLCH so that equal steps look equal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Colour = tuple[float, float, float]
"""Red, green and blue in 0..255."""

WHITE: Colour = (255.0, 255.0, 255.0)
BLACK: Colour = (0.0, 0.0, 0.0)

# B. Ottosson, "A perceptual color space for image processing" (2020), OKLab to linear sRGB.
_LAB_TO_LMS = np.array(
    [
        [1, 0.3963377774, 0.2158037573],
        [1, -0.1055613458, -0.0638541728],
        [1, -0.0894841775, -1.291485548],
    ]
)
_LMS_TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.707614701],
    ]
)


class Colours(NamedTuple):
    """The four tones that an object's parts are painted in."""

    main: Colour
    accent: Colour
    dark: Colour
    light: Colour


class Ground(NamedTuple):
    """The lightness and chroma ranges of a palette: its backgrounds, and objects that stand out."""

    ground_lightness: tuple[float, float]
    ground_chroma: tuple[float, float]
    object_lightness: tuple[float, float]
    object_chroma: tuple[float, float]


GROUNDS = {
    "light": Ground((0.88, 0.95), (0.015, 0.05), (0.45, 0.62), (0.15, 0.22)),
    "pastel": Ground((0.76, 0.86), (0.05, 0.09), (0.36, 0.50), (0.13, 0.19)),
    "bold": Ground((0.58, 0.68), (0.10, 0.13), (0.90, 0.96), (0.03, 0.09)),
    "deep": Ground((0.24, 0.36), (0.03, 0.08), (0.72, 0.86), (0.13, 0.18)),
}


@dataclass(frozen=True)
class Palette:
    """A brand's look.

    Attributes:
        ground: A key of `GROUNDS`.
        hue: Hue of the backgrounds, degrees.
        object_hues: Hues for objects, degrees, away from the background's.
    """

    ground: str
    hue: float
    object_hues: tuple[float, ...]


def oklch(lightness: float, chroma: float, hue: float) -> Colour:
    """Convert lightness in [0, 1], chroma in [0, 0.4] and hue in degrees to sRGB, clipped."""
    angle = np.deg2rad(hue)
    lab = np.array([lightness, chroma * np.cos(angle), chroma * np.sin(angle)])
    linear = np.clip(_LMS_TO_RGB @ (_LAB_TO_LMS @ lab) ** 3, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = (255 * encoded).tolist()
    return red, green, blue


def mix(first: Colour, second: Colour, weight: float) -> Colour:
    """Blend linearly: `first` at weight 0, `second` at weight 1."""
    red, green, blue = (a + weight * (b - a) for a, b in zip(first, second, strict=True))
    return red, green, blue


def shaded(colour: Colour, shade: float) -> Colour:
    """Mix a colour with white (shade in (0, 1]) or with black (shade in [-1, 0))."""
    return mix(colour, WHITE if shade > 0 else BLACK, abs(shade))


def as_array(colour: Colour) -> NDArray[np.float32]:
    """The colour as three float32 values, to broadcast over an image."""
    return np.asarray(colour, dtype=np.float32)


def sample_palette(rng: np.random.Generator) -> Palette:
    """Draw a palette: a ground, its hue and three object hues at least 75 degrees from it."""
    ground = str(rng.choice(list(GROUNDS)))
    # Bold and deep tones between orange and green look like mud.
    first_hue = 0 if ground in ("light", "pastel") else 150
    hue = float(rng.uniform(first_hue, 390) % 360)
    offsets = rng.permutation([rng.uniform(150, 210), rng.uniform(75, 120), rng.uniform(240, 285)])
    return Palette(ground, hue, tuple(float((hue + offset) % 360) for offset in offsets))


def sample_object_colours(
    rng: np.random.Generator, palette: Palette, hue: float | None = None
) -> Colours:
    """Draw the tones of an object that stands out from the palette's backgrounds.

    Args:
        rng: Source of randomness.
        palette: The ad's palette.
        hue: Hue of the main tone; one of the palette's where it is None.
    """
    ground = GROUNDS[palette.ground]
    hue = float(rng.choice(palette.object_hues)) if hue is None else hue
    accent_hue = hue + rng.choice([-1, 1]) * rng.uniform(60, 150)
    lightness = rng.uniform(*ground.object_lightness)
    # A main tone near white needs an accent that is darker, any other one that is lighter.
    accent_lightness = lightness - 0.25 if lightness > 0.7 else lightness + 0.25
    return Colours(
        main=oklch(lightness, rng.uniform(*ground.object_chroma), hue),
        accent=oklch(accent_lightness, 0.16, accent_hue),
        dark=oklch(rng.uniform(0.22, 0.32), 0.03, hue),
        light=oklch(0.96, 0.015, hue),
    )


def sample_ground_colours(
    rng: np.random.Generator, palette: Palette
) -> tuple[Colour, Colour, Colour]:
    """Draw a scene's background tones: base, a second one near it, and a lighter glow."""
    ground = GROUNDS[palette.ground]
    lightness, chroma = rng.uniform(*ground.ground_lightness), rng.uniform(*ground.ground_chroma)
    hue = palette.hue + rng.uniform(-15, 15)
    step = rng.uniform(0.05, 0.10) * (-1 if lightness > 0.8 else rng.choice([-1, 1]))
    return (
        oklch(lightness, chroma, hue),
        oklch(lightness + step, chroma * 1.25, hue + rng.uniform(-35, 35)),
        oklch(min(lightness + 0.10, 0.985), chroma * 0.9, hue + rng.uniform(-20, 20)),
    )
