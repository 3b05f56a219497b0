"""Draws a scene, and the outline of its product, at any moment and resolution.

Pixel coordinates have their origin at the frame's top left corner: pixel i covers [i, i + 1].
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from demo.backgrounds import (
    CELLS_PER_UNIT,
    HALF_HEIGHT,
    HALF_WIDTH,
    Background,
    background_field,
    background_shapes,
)
from demo.distractors import distractor_shape
from demo.palette import WHITE, Colour, as_array, shaded
from demo.products import product_shape
from demo.scenes import Caption, SceneObject, SceneSpec
from demo.shapes import Polygon, Shape, box

Frame = NDArray[np.uint8]
Affine = NDArray[np.float64]
"""2×3, maps points to pixels: `points @ affine[:, :2].T + affine[:, 2]`."""

_SUBPIXEL_BITS = 4
_SHADING = 16.0
"""Grey levels from an object's middle to its lit (top left) and to its dark corner."""


def draw_scene(spec: SceneSpec, time_s: float, size: tuple[int, int]) -> Frame:
    """Draw a scene.

    Args:
        spec: The scene.
        time_s: Seconds since the scene's start.
        size: Height and width in pixels, about 16:9; the width sets the scale.

    Returns:
        RGB image, H×W×3 uint8, the same for the same arguments.
    """
    camera = _camera_to_pixels(spec, time_s, size)
    frame = _draw_background(spec.background, camera, size)
    if spec.caption is not None:
        _draw_caption(frame, spec.caption)
    objects = [(distractor_shape(thing.name), thing) for thing in spec.distractors]
    if spec.product is not None:
        objects.append((product_shape(spec.product.name), spec.product))
    behind = frame.copy()
    for shape, thing in objects:
        _draw_object(frame, behind, shape, thing, _object_to_pixels(spec, thing, time_s, camera))
    return frame


def product_outline(spec: SceneSpec, time_s: float, size: tuple[int, int]) -> list[Polygon]:
    """The silhouette of the product as drawn.

    Args:
        spec: The scene.
        time_s: Seconds since the scene's start.
        size: Height and width in pixels, as for `draw_scene`.

    Returns:
        One polygon, N×2 float32 pixel coordinates (x, y) that may lie outside the frame, or
        nothing without a product. N depends on the product's class alone, so outlines of one
        scene can be interpolated in time. Holes are cut in by a zero-width slit.
    """
    if spec.product is None:
        return []
    camera = _camera_to_pixels(spec, time_s, size)
    to_pixels = _object_to_pixels(spec, spec.product, time_s, camera)
    return [_apply(to_pixels, product_shape(spec.product.name).outline).astype(np.float32)]


def _apply(affine: Affine, points: Polygon) -> NDArray[np.float64]:
    return points @ affine[:, :2].T + affine[:, 2]


def _progress(spec: SceneSpec, time_s: float) -> float:
    """Time in the scene, from -0.5 at its start to 0.5 at its end."""
    return time_s / spec.duration_s - 0.5


def _camera_to_pixels(spec: SceneSpec, time_s: float, size: tuple[int, int]) -> Affine:
    """Maps scene coordinates to pixels."""
    height, width = size
    progress = _progress(spec, time_s)
    scale = width * (1 + spec.camera.zoom * progress)
    pan_x, pan_y = (progress * pan for pan in spec.camera.pan)
    return np.array([[scale, 0, width / 2 - scale * pan_x], [0, scale, height / 2 - scale * pan_y]])


def _object_to_pixels(spec: SceneSpec, thing: SceneObject, time_s: float, camera: Affine) -> Affine:
    """Maps an object's shape coordinates to pixels."""
    progress = _progress(spec, time_s)
    angle = thing.rotation + progress * thing.spin
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = thing.size * turn @ np.diag([-1.0 if thing.flipped else 1.0, 1.0])
    centre = np.add(thing.place, np.multiply(progress, thing.drift))
    return np.column_stack([camera[:, :2] @ linear, camera[:, :2] @ centre + camera[:, 2]])


def _fill(
    image: Frame, polygons: list[NDArray[np.float64]], colour: Colour, line: int = cv2.LINE_AA
) -> None:
    """Fill polygons given in pixel coordinates."""
    fixed = [np.rint((points - 0.5) * 2**_SUBPIXEL_BITS).astype(np.int32) for points in polygons]
    cv2.fillPoly(image, fixed, colour, line, _SUBPIXEL_BITS)


def _draw_background(background: Background, camera: Affine, size: tuple[int, int]) -> Frame:
    height, width = size
    scale = CELLS_PER_UNIT / camera[0, 0]
    corner = np.array([HALF_WIDTH, HALF_HEIGHT]) * CELLS_PER_UNIT - 0.5
    offset = (0.5 - camera[:, 2]) * scale + corner
    field = cv2.warpAffine(
        background_field(background),
        np.array([[scale, 0, offset[0]], [0, scale, offset[1]]]),
        (width, height),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    frame = np.empty((height, width, 3), np.uint8)
    cv2.convertScaleAbs(np.maximum(field, 0), frame)
    for polygons, colour in background_shapes(background):
        _fill(frame, [_apply(camera, points) for points in polygons], colour)
    return frame


def _draw_caption(frame: Frame, caption: Caption) -> None:
    """Draw bars for text: a thick headline, thinner lines, an optional card and button."""
    height, width = frame.shape[:2]
    to_pixels = np.array([[width, 0, width / 2], [0, width, height / 2]], dtype=np.float64)
    left, top = caption.place
    bottom = top + 0.085 + 0.05 * len(caption.line_lengths)
    if caption.plate is not None:
        card = box(left - 0.05, top - 0.05, left + 0.85, bottom + 0.1, 0.03)
        _fill(frame, [_apply(to_pixels, card)], caption.plate)
    bars = [box(left, top, left + caption.line_lengths[0], top + 0.06, 0.015)]
    for i, length in enumerate(caption.line_lengths[1:]):
        bars.append(box(left, top + 0.09 + 0.05 * i, left + length, top + 0.115 + 0.05 * i, 0.01))
    _fill(frame, [_apply(to_pixels, bar) for bar in bars], caption.ink)
    if caption.button is not None:
        button = box(left, bottom - 0.02, left + 0.26, bottom + 0.06, 0.035)
        _fill(frame, [_apply(to_pixels, button)], caption.button)


def _seen_colour(colour: Colour, thing: SceneObject, behind: NDArray[np.float32]) -> Colour:
    """Blend an object's tone towards the background's mean by its vividness.

    The difference between the tone and the object's main tone fades a little less, so that a
    faint object keeps its structure.
    """
    main = as_array(thing.colours.main)
    structure = 0.12 + 0.88 * thing.vividness
    seen = behind + thing.vividness * (main - behind) + structure * (as_array(colour) - main)
    red, green, blue = np.clip(seen, 0, 255).tolist()
    return red, green, blue


def _draw_object(
    frame: Frame, behind: Frame, shape: Shape, thing: SceneObject, to_pixels: Affine
) -> None:
    """Paint an object on `frame`, its colours blended with the mean of `behind` around it.

    The parts are painted on a finer canvas of the object's box, and the outline, filled at the
    same fineness, is the opacity.
    """
    outline = _apply(to_pixels, shape.outline)
    limits = np.array(frame.shape[1::-1])
    left, top = np.clip(np.floor(outline.min(axis=0)).astype(int), 0, limits)
    right, bottom = np.clip(np.ceil(outline.max(axis=0)).astype(int), 0, limits)
    if left >= right or top >= bottom:
        return
    window = (slice(top, bottom), slice(left, right))
    width, height = int(right - left), int(bottom - top)
    fineness = 4 if frame.shape[0] < 720 else 2
    to_canvas = fineness * (to_pixels - np.array([[0, 0, left], [0, 0, top]]))

    mean = np.array(cv2.mean(behind[window])[:3], np.float32)
    canvas = np.empty((height * fineness, width * fineness, 3), np.uint8)
    canvas[:] = np.rint(_seen_colour(thing.colours.main, thing, mean))
    for part in shape.parts:
        tone = shaded(getattr(thing.colours, part.tone), part.shade)
        _fill(canvas, [_apply(to_canvas, part.polygon)], _seen_colour(tone, thing, mean))
    opacity = np.zeros(canvas.shape[:2], np.uint8)
    # OpenCV's anti-aliased edges reach outwards, which would make the product outgrow its outline.
    _fill(opacity, [_apply(to_canvas, shape.outline)], WHITE, cv2.LINE_8)

    paint = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    alpha = cv2.resize(opacity, (width, height), interpolation=cv2.INTER_AREA)
    light = np.linspace(1, -1, width, dtype=np.float32) + np.linspace(1, -1, height)[:, None]
    paint += np.float32(thing.vividness * _SHADING / 2) * light[..., None].astype(np.float32)
    region = frame[window].astype(np.float32)
    region += (paint - region) * (alpha.astype(np.float32) / 255)[..., None]
    frame[window] = np.clip(np.rint(region), 0, 255)
