"""The product's mask of a scene's image, carried to other frames of the scene."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.pictures.reading import Pixels
from pipeline.scenes.cuts import CutScene
from pipeline.video.carrying import place
from pipeline.video.decoding import Frame, Matrix, Video, display_matrix, displayed
from pipeline.video.flow import Anchor, Carried, Walk
from pipeline.video.planes import Colours, as_stored, in_planes, planes_of
from pipeline.video.shots import ROUNDED, scene_at
from pipeline.video.spool import Spool

Mask = NDArray[np.bool_]


class Tracked(NamedTuple):
    """Where the product is in one frame."""

    scene_number: int
    frame: int
    """Its number in the video, from 0."""
    time_s: float
    """From when on it is shown."""
    mask: Mask
    """H×W of the frame as displayed."""


def sampled(starts: Sequence[Fraction], end: Fraction, anchor: int, count: int) -> list[int]:
    """Return positions of frames spread evenly over a scene; never the anchor's.

    Args:
        starts: when each frame of the scene is shown first, rising.
        end: when the last one ends.
        anchor: position of the frame that the scene's image is of.
        count: how many to find; of a scene with few frames fewer are.
    """
    span = end - starts[0]
    middles = [starts[0] + span * (2 * part + 1) / (2 * count) for part in range(count)]
    shown = [sum(start <= middle for start in starts) - 1 for middle in middles]
    return sorted(set(shown) - {anchor})


def track(
    video: Video,
    scenes: Sequence[CutScene],
    masks: Mapping[int, Mask],
    count: int,
    folder: Path,
) -> Iterator[Tracked]:
    """Yield where the product is in some frames of each scene, in their order.

    Args:
        video: decoded once, from first to last frame.
        scenes: all of the video, in order.
        masks: of scenes, by number: where the product is in the scene's image, H×W.
        count: frames of a scene, see `sampled`; the image's own is none of them, nor one in which
            nothing is seen of the product.
        folder: on whose disk long scenes wait.
    """
    numbered = enumerate(video.frames())
    for scene, shot in groupby(numbered, lambda one: scene_at(scenes, one[1].start)):
        if scene.scene_number in masks and scene.image_time_s is not None:
            mask = masks[scene.scene_number]
            yield from _track_scene(video, scene, shot, mask, count, folder)


def _track_scene(
    video: Video,
    scene: CutScene,
    shot: Iterable[tuple[int, Frame]],
    mask: Mask,
    count: int,
    folder: Path,
) -> Iterator[Tracked]:
    with Spool(folder) as lumas:
        numbers, starts = [], []
        for number, frame in shot:
            picture = in_planes(frame.picture)
            lumas.append(planes_of(picture).y.tobytes())
            numbers.append(number)
            starts.append(frame.start)
        size, matrix = (picture.height, picture.width), display_matrix(frame.picture)
        image_time = Fraction(scene.image_time_s or 0)
        anchor = next((n for n, at in enumerate(starts) if abs(at - image_time) <= ROUNDED), None)
        weight = as_stored(mask.astype(np.float32), size, matrix)
        if anchor is None or not weight.any():
            return
        end = Fraction(scene.end_s) if scene.end_s else video.end(starts[-1])
        wanted = sampled(starts, end, anchor, count)

        def luma(position: int) -> Pixels:
            return np.frombuffer(lumas.read(position), np.uint8).reshape(size)

        at_anchor = Anchor(luma(anchor), weight, Colours.of(picture).black)
        for position, carried in _carried(at_anchor, anchor, wanted, luma):
            found = place(weight, carried).inside(size)
            if not found.any():
                continue
            yield Tracked(
                scene.scene_number,
                numbers[position],
                float(starts[position]),
                _as_displayed(found, matrix, mask.shape) > 127,
            )


def _carried(
    anchor: Anchor, place_of: int, wanted: Sequence[int], luma: Callable[[int], Pixels]
) -> Iterator[tuple[int, Carried]]:
    """Yield what the flow says of frames, by their positions; it is walked outwards."""
    before = [position for position in wanted if position < place_of]
    after = [position for position in wanted if position > place_of]
    backwards = range(place_of - 1, min(before, default=place_of) - 1, -1)
    forwards = range(place_of + 1, max(after, default=place_of) + 1)
    found = {}
    for way in (backwards, forwards):
        walk = Walk(anchor)
        for position in way:
            carried = walk.step(luma(position))
            if position in wanted:
                found[position] = carried
    yield from sorted(found.items())


def _as_displayed(mask: Pixels, matrix: Matrix, size: tuple[int, ...]) -> Pixels:
    """Return a mask of stored frames as it is displayed, H×W of `size`."""
    upright = displayed(mask, matrix)
    if upright.shape == size:
        return upright
    return cv2.resize(upright, size[::-1], interpolation=cv2.INTER_NEAREST).astype(np.uint8)
