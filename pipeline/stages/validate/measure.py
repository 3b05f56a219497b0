"""What validation finds out about one scene from its files: sound or refused, and its figures."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from pipeline.ground.files import digest
from pipeline.heatmaps.levels import measure_levels
from pipeline.heatmaps.provenance import Provenance, provenance
from pipeline.pictures.reading import ImageRefused, Pixels, grey_and_comment, grey_pixels, probe_rgb
from pipeline.pictures.resizing import resize
from schemas.rejected_scenes import Reason, Rejection

T = TypeVar("T")
# As many levels as a mask of labels has at most; a blurred or soft one has more.
_MOST_LABELS = 32
Mask = NDArray[np.bool_]


class Task(NamedTuple):
    """One scene to be measured, and what is remembered of it."""

    video_id: str
    scene_number: int
    paths: tuple[str, ...]
    """Image, mask, heatmap, then the masks of further keywords; relative to the data root, "" for
    one of the first three that is not there."""
    known_digest: str
    """Digest of the contents that were measured before, "" if none were."""


class Settings(NamedTuple):
    """What the figures depend on besides the files."""

    root: Path
    image_size: tuple[int, int]
    aspect_tolerance: float


class SceneFigures(NamedTuple):
    """A sound scene: size of its image in pixels, the rest at `image_size`."""

    width: int
    height: int
    mask_coverage: float
    """0 where there is no mask, or an all black one: it does not show the product."""
    alignment_score: float
    attention_share: float | None
    resized: bool
    """Whether mask or heatmap have another size than the image."""
    heatmap_source: Provenance
    shown: tuple[int, ...]
    """Positions in `Task.paths` of those further masks that are not empty."""


Outcome = SceneFigures | list[Rejection]
"""A scene's figures, or all the rules that its files break: none where one is missing only."""


class Measured(NamedTuple):
    """What came of a task; `outcome` is None where the contents are those measured before."""

    video_id: str
    scene_number: int
    digest: str
    outcome: Outcome | None


def measure_chunk(chunk: tuple[Settings, list[Task]]) -> list[Measured]:
    """Measure some scenes, one after the other."""
    settings, tasks = chunk
    return [measure_scene(task, settings) for task in tasks]


def measure_scene(task: Task, settings: Settings) -> Measured:
    """Read a scene's files once; measure them unless their contents are known."""
    judge = _Judge(task, settings)
    # A file that is not there is not one without content.
    hashes = zip(task.paths, judge.contents, strict=True)
    content_digest = digest(
        *(blake3(content).digest() if path else b"" for path, content in hashes)
    )
    outcome: Outcome | None = None
    if judge.refused or content_digest != task.known_digest:
        # A file that could not be read has no digest: the next run tries again.
        content_digest = "" if judge.refused else content_digest
        outcome = judge.outcome()
    return Measured(task.video_id, task.scene_number, content_digest, outcome)


class _Judge:
    """Reads the files of one scene and collects all the rules that they break."""

    def __init__(self, task: Task, settings: Settings) -> None:
        self._scene = task.video_id, task.scene_number
        self._paths = task.paths
        self._settings = settings
        self.refused: list[Rejection] = []
        self.contents = [self._content(path) for path in task.paths]

    def _content(self, path: str) -> bytes:
        try:
            return self._settings.root.joinpath(path).read_bytes() if path else b""
        except OSError as error:
            self._refuse(path, Reason.UNREADABLE_IMAGE, error.strerror or str(error))
            return b""

    def _refuse(self, path: str, reason: Reason, found: str) -> None:
        self.refused.append(Rejection.of(self._scene, path, reason, found))

    def outcome(self) -> Outcome:
        """Return the scene's figures, or what is wrong with its files."""
        size = self._decode(0, probe_rgb)
        mask_levels = self._decode(1, grey_pixels)
        heatmap_levels, source = self._decode(2, _heatmap) or (None, None)
        further = [self._decode(place, grey_pixels) for place in range(3, len(self._paths))]
        mates = [mask_levels, heatmap_levels, *further]
        for path, levels in zip(self._paths[1:], mates, strict=True):
            if size and levels is not None:
                self._check_aspect(path, levels.shape, size)
        shows_product = mask_levels is not None and mask_levels.any()
        mask = self._mask(mask_levels) if mask_levels is not None and shows_product else None
        heatmap = None if heatmap_levels is None else self._heatmap(heatmap_levels)
        if self.refused or size is None or heatmap is None or source is None:
            return self.refused
        if mask is None:
            mask = np.zeros(heatmap.shape, np.bool_)
        alignment, share = measure_levels(heatmap, mask)
        return SceneFigures(
            width=size[1],
            height=size[0],
            mask_coverage=np.count_nonzero(mask) / mask.size,
            alignment_score=alignment,
            attention_share=None if math.isnan(share) else share,
            resized=any(levels is not None and levels.shape != size for levels in mates),
            heatmap_source=source,
            shown=tuple(
                place
                for place, levels in enumerate(further, start=3)
                if levels is not None and self._over_half(levels).any()
            ),
        )

    def _decode(self, place: int, read: Callable[[bytes], T]) -> T | None:
        path = self._paths[place]
        if not path or any(refused.file == path for refused in self.refused):
            return None
        try:
            return read(self.contents[place])
        except ImageRefused as error:
            self._refuse(path, error.reason, error.found)
            return None

    def _check_aspect(self, path: str, mate: tuple[int, ...], scene: tuple[int, int]) -> None:
        (mate_height, mate_width), (height, width) = mate, scene
        tolerance = self._settings.aspect_tolerance
        if abs(mate_width * height / (mate_height * width) - 1) > tolerance:
            found = f"{mate_width}x{mate_height}, the scene's image is {width}x{height}"
            self._refuse(path, Reason.ASPECT_RATIO_DIFFERS, found)

    def _mask(self, levels: Pixels) -> Mask:
        mask = self._over_half(levels)
        if labels := label_levels(levels):
            found = (
                f"its grey levels are {', '.join(map(str, labels))}: numbers of labels, it seems"
            )
            self._refuse(self._paths[1], Reason.MASK_OF_LABELS, found)
            return mask
        if mask.any() and not mask.all():
            return mask
        reason = Reason.MASK_FULL if mask.any() else Reason.MASK_EMPTY
        inside = np.count_nonzero(levels > 127)
        height, width = mask.shape
        found = f"{inside} of {levels.size} pixels are over half grey"
        if inside == 0:
            found += f", the brightest has {levels.max()} of 255"
        elif inside < levels.size:
            found += f"; at {width}x{height}, {'all' if mask.any() else 'none'}"
        self._refuse(self._paths[1], reason, found)
        return mask

    def _heatmap(self, levels: Pixels) -> Pixels:
        heatmap = resize(levels, self._settings.image_size)
        low, high, *_ = cv2.minMaxLoc(heatmap)
        if low == high:
            found = f"every pixel is {low:.0f}"
            self._refuse(self._paths[2], Reason.HEATMAP_CONSTANT, found)
        return heatmap

    def _over_half(self, levels: Pixels) -> Mask:
        return resize(levels, self._settings.image_size) > 127


def label_levels(levels: Pixels) -> list[int]:
    """Return the levels of a mask that numbers what it shows (0, 1, 2 …), none of a grey one.

    Such masks have few levels, all of them dark. 255 alone may be among them, as what nobody has
    labelled, and would be taken for the product; a JPEG has levels next to 255, too.
    """
    counts = np.bincount(levels.ravel(), minlength=256)
    present = np.flatnonzero(counts)
    dark = 0 < counts[1:128].sum() > counts[255] and not counts[128:255].any()
    return present.tolist() if dark and 2 <= len(present) <= _MOST_LABELS else []


def _heatmap(content: bytes) -> tuple[Pixels, Provenance]:
    levels, comment = grey_and_comment(content)
    return levels, provenance(comment)
