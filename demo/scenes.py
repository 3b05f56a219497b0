"""What a drawn scene is, and how scenes are sampled.

Scene coordinates: the unit is the frame's width, the origin the frame's centre at mid-scene, y
down. All motion is linear in time and zero at mid-scene.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo.backgrounds import Background, sample_background
from demo.distractors import DISTRACTOR_CLASSES
from demo.palette import (
    BLACK,
    WHITE,
    Colour,
    Colours,
    Palette,
    mix,
    sample_object_colours,
    sample_palette,
)
from demo.products import PRODUCT_CLASSES, product_shape

FRAME_HEIGHT = 16 / 9
"""Height of the frame in frame widths."""


@dataclass(frozen=True)
class SceneObject:
    """A product or distractor.

    Attributes:
        name: Its class.
        place: Its centre at mid-scene.
        size: Its longer side, in frame widths.
        rotation: Radians at mid-scene, clockwise on screen.
        drift: How far it moves from the scene's start to its end.
        spin: How much it turns from start to end, radians.
        flipped: Whether it is mirrored left to right.
        colours: Its own tones, seen unchanged at vividness 1.
        vividness: Contrast to the local background in [0, 1]; 0 is invisible.
    """

    name: str
    place: tuple[float, float]
    size: float
    rotation: float
    drift: tuple[float, float]
    spin: float
    flipped: bool
    colours: Colours
    vividness: float


@dataclass(frozen=True)
class Camera:
    """A camera move: the pan in scene units and the change of zoom from start to end."""

    pan: tuple[float, float]
    zoom: float


@dataclass(frozen=True)
class Caption:
    """Fake text: bars in place of words, fixed to the frame.

    Attributes:
        place: Top left corner.
        line_lengths: Width of each line; the first line is a headline.
        ink: Colour of the text.
        plate: Colour of a card behind the text, or None.
        button: Colour of a button under the text, or None.
    """

    place: tuple[float, float]
    line_lengths: tuple[float, ...]
    ink: Colour
    plate: Colour | None
    button: Colour | None


@dataclass(frozen=True)
class AdStyle:
    """What all scenes of one ad share: the palette and the product instance."""

    palette: Palette
    product_class: str
    product_colours: Colours
    flipped: bool


@dataclass(frozen=True)
class SceneSpec:
    """One scene, fully determined; painted in the order of its fields.

    Attributes:
        background: What lies behind everything.
        caption: Text of the ad, if any.
        distractors: Other objects.
        product: The advertised product, or None.
        camera: The camera's move.
        duration_s: Length of the scene in seconds.
    """

    background: Background
    caption: Caption | None
    distractors: tuple[SceneObject, ...]
    product: SceneObject | None
    camera: Camera
    duration_s: float


def sample_ad_style(rng: np.random.Generator, product_class: str | None = None) -> AdStyle:
    """Draw an ad's look; the product class is drawn too unless it is given.

    Raises:
        ValueError: If the product class is not one of `PRODUCT_CLASSES`.
    """
    drawn_class = str(rng.choice(PRODUCT_CLASSES))
    if product_class not in (None, *PRODUCT_CLASSES):
        raise ValueError(
            f"product_class must be one of {', '.join(PRODUCT_CLASSES)}; found {product_class!r}"
        )
    palette = sample_palette(rng)
    return AdStyle(
        palette=palette,
        product_class=product_class or drawn_class,
        product_colours=sample_object_colours(rng, palette, hue=palette.object_hues[0]),
        flipped=bool(rng.random() < 0.5),
    )


def sample_scene(
    rng: np.random.Generator,
    style: AdStyle,
    *,
    with_product: bool = True,
    duration_s: float = 2.0,
) -> SceneSpec:
    """Draw one scene of an ad.

    Vividness is drawn independently of every other property of its object. The product's
    coverage is drawn between 2 % and 14 % of the frame, and at least 85 % of it is in view.

    Args:
        rng: Source of randomness; the same state and style give the same scene.
        style: The ad's look, shared by its scenes.
        with_product: Whether the product is in the scene.
        duration_s: Length of the scene in seconds.
    """
    camera = Camera(
        pan=(float(rng.uniform(-0.05, 0.05)), float(rng.uniform(-0.05, 0.05))),
        zoom=float(rng.uniform(-0.08, 0.08)),
    )
    background = sample_background(rng, style.palette)
    product = _sample_product(rng, style, camera)
    caption = _sample_caption(rng, background, product) if rng.random() < 0.4 else None
    taken = [(product.place, product.size)] if with_product else []
    if caption is not None:
        taken.append(((-0.1, caption.place[1] + 0.12), 0.5))
    distractors = _sample_distractors(rng, style, taken)
    return SceneSpec(
        background, caption, distractors, product if with_product else None, camera, duration_s
    )


def _sample_product(rng: np.random.Generator, style: AdStyle, camera: Camera) -> SceneObject:
    shape = product_shape(style.product_class)
    coverage = np.clip(0.054 * np.exp(0.42 * rng.standard_normal()), 0.021, 0.135)
    size = min(float(np.sqrt(coverage * FRAME_HEIGHT / shape.area)), 0.72)
    rotation, spin = float(rng.normal(0, 0.22)), float(rng.uniform(-0.12, 0.12))
    drift = (float(rng.uniform(-0.06, 0.06)), float(rng.uniform(-0.06, 0.06)))
    turn = np.array([[np.cos(rotation), np.sin(rotation)], [-np.sin(rotation), np.cos(rotation)]])
    half_extent = np.abs(shape.outline @ turn).max(axis=0) * size
    # Half of the whole relative motion, and at most a twelfth of its extent out of view.
    motion = np.abs(np.subtract(drift, camera.pan)) / 2 + abs(camera.zoom) / 4
    reach = np.array([0.5, FRAME_HEIGHT / 2]) - half_extent * (1 - 1 / 6) - motion
    place = rng.uniform(-1, 1, 2) * np.maximum(reach, 0)
    return SceneObject(
        name=style.product_class,
        place=(float(place[0]), float(place[1])),
        size=size,
        rotation=rotation,
        drift=drift,
        spin=spin,
        flipped=style.flipped,
        colours=style.product_colours,
        vividness=float(rng.uniform(0.12, 1)),
    )


def _sample_distractors(
    rng: np.random.Generator, style: AdStyle, taken: list[tuple[tuple[float, float], float]]
) -> tuple[SceneObject, ...]:
    """Draw 0 to 4 distractors, each where eight candidates are farthest from what is there.

    Args:
        rng: Source of randomness.
        style: The ad's look.
        taken: Centre and diameter of what is there already.
    """
    taken = list(taken)
    distractors = []
    for _ in range(rng.integers(0, 5)):
        size = float(rng.uniform(0.12, 0.30))
        candidates = rng.uniform(-1, 1, (8, 2)) * np.array([0.44, 0.82])
        gaps = [
            min((np.hypot(x - a, y - b) - (size + other) / 2 for (a, b), other in taken), default=0)
            for x, y in candidates
        ]
        x, y = candidates[np.argmax(gaps)].tolist()
        place = (x, y)
        taken.append((place, size))
        distractors.append(
            SceneObject(
                name=str(rng.choice(DISTRACTOR_CLASSES)),
                place=place,
                size=size,
                rotation=float(rng.normal(0, 0.3)),
                drift=(float(rng.uniform(-0.05, 0.05)), float(rng.uniform(-0.05, 0.05))),
                spin=float(rng.uniform(-0.3, 0.3)),
                flipped=bool(rng.random() < 0.5),
                colours=sample_object_colours(rng, style.palette),
                vividness=float(rng.uniform(0.12, 1)),
            )
        )
    return tuple(distractors)


def _sample_caption(
    rng: np.random.Generator, background: Background, product: SceneObject
) -> Caption:
    """Draw a caption at the end of the frame that the product is farther from."""
    base, _, glow = background.colours
    plate = mix(base, glow, 0.8) if rng.random() < 0.5 else None
    ink = BLACK if sum(plate or base) > 3 * 140 else WHITE
    lines = int(rng.integers(2, 4))
    return Caption(
        place=(-0.40, -0.80 if product.place[1] > 0 else 0.54),
        line_lengths=tuple(float(length) for length in rng.uniform(0.3, 0.7, lines)),
        ink=mix(base, ink, float(rng.uniform(0.45, 0.85))),
        plate=plate,
        button=product.colours.accent if rng.random() < 0.4 else None,
    )
