"""What validation finds out about one scene from its files: sound or refused, and its figures."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.heatmaps.levels import measure_levels
from pipeline.heatmaps.provenance import Provenance, provenance
from pipeline.storage.files import digest
from pipeline.storage.images import ImageRefused, Pixels, grey_and_comment, grey_pixels, probe_rgb
from pipeline.storage.resizing import resize
from schemas.rejected_scenes import Reason

CODE_VERSION = "2"

T = TypeVar("T")
Mask = NDArray[np.bool_]


class Task(NamedTuple):
    """One scene to be measured, and what is remembered of it."""

    video_id: str
    scene_number: int
    paths: tuple[str, ...]
    """Image, mask, heatmap, then the masks of further keywords; relative to the data root."""
    known_digest: str
    """Digest of the contents that were measured before, "" if none were."""


class Settings(NamedTuple):
    """What the figures depend on besides the files."""

    root: Path
    image_size: tuple[int, int]
    aspect_tolerance: float


class Figures(NamedTuple):
    """A sound scene: size of its image in pixels, the rest at `image_size`."""

    width: int
    height: int
    mask_coverage: float
    alignment_score: float
    attention_share: float | None
    resized: bool
    """Whether mask or heatmap have another size than the image."""
    heatmap_source: Provenance
    shown: tuple[int, ...]
    """Positions in `Task.paths` of those further masks that are not empty."""


class Refused(NamedTuple):
    """A scene that breaks a rule; the first that it breaks."""

    file: str
    reason: Reason
    found: str


class Measured(NamedTuple):
    """What came of a task; `outcome` is None where the contents are those measured before."""

    video_id: str
    scene_number: int
    digest: str
    outcome: Figures | Refused | None


class _SceneRefused(Exception):
    def __init__(self, refused: Refused) -> None:
        super().__init__(str(refused))
        self.refused = refused


def measure_chunk(chunk: tuple[Settings, list[Task]]) -> list[Measured]:
    """Measure some scenes, one after the other."""
    settings, tasks = chunk
    return [measure_scene(task, settings) for task in tasks]


def measure_scene(task: Task, settings: Settings) -> Measured:
    """Read a scene's files once; measure them unless their contents are known."""
    contents = []
    for path in task.paths:
        try:
            contents.append(settings.root.joinpath(path).read_bytes())
        except OSError as error:
            refused = Refused(path, Reason.UNREADABLE_IMAGE, error.strerror or str(error))
            return Measured(task.video_id, task.scene_number, "", refused)
    # SHA-256 is what processors have instructions for.
    content_digest = digest(*(hashlib.sha256(content).digest() for content in contents))
    outcome: Figures | Refused | None = None
    if content_digest != task.known_digest:
        try:
            outcome = _figures(task.paths, contents, settings)
        except _SceneRefused as error:
            outcome = error.refused
    return Measured(task.video_id, task.scene_number, content_digest, outcome)


def _figures(paths: tuple[str, ...], contents: list[bytes], settings: Settings) -> Figures:
    size = _judged(paths[0], probe_rgb, contents[0])
    mask_levels = _judged(paths[1], grey_pixels, contents[1])
    heatmap_levels, source = _judged(paths[2], _heatmap, contents[2])
    further = [
        _judged(path, grey_pixels, content)
        for path, content in zip(paths[3:], contents[3:], strict=True)
    ]
    sizes = [levels.shape for levels in (mask_levels, heatmap_levels, *further)]
    for path, mate_size in zip(paths[1:], sizes, strict=True):
        _check_aspect(path, mate_size, size, settings.aspect_tolerance)
    mask = resize(mask_levels, settings.image_size) > 127
    _check_mask(paths[1], mask, mask_levels)
    heatmap = resize(heatmap_levels, settings.image_size)
    low, high, *_ = cv2.minMaxLoc(heatmap)
    if low == high:
        found = f"every pixel is {low:.0f}"
        raise _SceneRefused(Refused(paths[2], Reason.HEATMAP_CONSTANT, found))
    alignment, share = measure_levels(heatmap, mask)
    return Figures(
        width=size[1],
        height=size[0],
        mask_coverage=np.count_nonzero(mask) / mask.size,
        alignment_score=alignment,
        attention_share=None if math.isnan(share) else share,
        resized=any(mate_size != size for mate_size in sizes),
        heatmap_source=source,
        shown=tuple(
            position
            for position, levels in enumerate(further, start=3)
            if (resize(levels, settings.image_size) > 127).any()
        ),
    )


def _heatmap(content: bytes) -> tuple[Pixels, Provenance]:
    levels, comment = grey_and_comment(content)
    return levels, provenance(comment)


def _judged(path: str, read: Callable[[bytes], T], content: bytes) -> T:
    try:
        return read(content)
    except ImageRefused as error:
        raise _SceneRefused(Refused(path, error.reason, error.found)) from error


def _check_aspect(
    path: str, mate: tuple[int, ...], scene: tuple[int, int], tolerance: float
) -> None:
    (mate_height, mate_width), (height, width) = mate, scene
    if abs(mate_width * height / (mate_height * width) - 1) > tolerance:
        found = f"{mate_width}x{mate_height}, the scene's image is {width}x{height}"
        raise _SceneRefused(Refused(path, Reason.ASPECT_RATIO_DIFFERS, found))


def _check_mask(path: str, mask: Mask, levels: Pixels) -> None:
    if mask.any() and not mask.all():
        return
    reason = Reason.MASK_FULL if mask.any() else Reason.MASK_EMPTY
    inside = np.count_nonzero(levels > 127)
    height, width = mask.shape
    found = f"{inside} of {levels.size} pixels are over half grey"
    if 0 < inside < levels.size:
        found += f"; at {width}x{height}, {'all' if mask.any() else 'none'}"
    raise _SceneRefused(Refused(path, reason, found))
