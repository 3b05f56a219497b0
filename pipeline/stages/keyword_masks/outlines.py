"""Outlines that people drew: reading them, where they are at a time, the masks they make."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from pipeline.ingest.made import Item, Made
from pipeline.scenes.cuts import CutScene
from pipeline.scenes.names import normal_id
from pipeline.stages.keyword_masks.files import Mask, write_masks
from schemas.annotations import Annotation, Track
from schemas.rejected_scenes import Reason, Rejection

if TYPE_CHECKING:
    from pipeline.ingest.scene_items import VideoFile

Polygon = NDArray[np.float64]

# Times in the files are often rounded to milliseconds.
_TIME_TOLERANCE_S = 0.0005
_ASPECT_TOLERANCE = 0.02
# So many times longer than the video outlines may be: drawn on a longer cut, or "to the end". In
# frames or milliseconds they are 24 or 1000 times as long.
_LONGEST = 4


class AnnotationUnreadable(Exception):
    """An outline file breaks `schemas.annotations`; the text says what was found."""


def mask_outlines(item: Item, staging: Path, out: str) -> Made:
    """Write the masks of one video's scenes from its outlines, below `out`."""
    drawn: VideoFile = item.task
    try:
        annotation = read_annotation(drawn.path, item.name)
        _refuse_other_times(annotation, drawn.scenes)
    except AnnotationUnreadable as error:
        refused = drawn.refuse_all(Reason.ANNOTATION_UNREADABLE, str(error))
        return Made(item.name, (), refused)
    files: list[str] = []
    refused = []
    for scene in drawn.scenes:
        frame_aspect = annotation.frame_width / annotation.frame_height
        if abs(frame_aspect * scene.height / scene.width - 1) > _ASPECT_TOLERANCE:
            found = (
                f"outlines of frames of {annotation.frame_width}x{annotation.frame_height}, "
                f"the scene is {scene.width}x{scene.height}"
            )
            refused.append(scene.refusal(Reason.ASPECT_RATIO_DIFFERS, drawn.file, found))
            continue
        written = write_masks(staging, out, scene, _outlined(annotation, scene))
        files += written
        if not written:
            refused.append(_not_drawn(scene, drawn.file))
    return Made(item.name, files, refused)


def _refuse_other_times(annotation: Annotation, scenes: Sequence[CutScene]) -> None:
    """Refuse outlines that go on long after the video has ended: their times are no seconds.

    Raises:
        AnnotationUnreadable: they do.
    """
    last_s = max((track.keyframes[-1].time_s for track in annotation.tracks), default=0.0)
    ends_s = [scene.end_s for scene in scenes]
    if None not in ends_s and last_s > _LONGEST * (end_s := max(filter(None, ends_s), default=0.0)):
        raise AnnotationUnreadable(
            f"it goes on to {last_s:g} s, the video ends at {end_s:.3f} s: time_s is in seconds, "
            "not in milliseconds or frames"
        )


def _not_drawn(scene: CutScene, file: str) -> Rejection:
    if scene.image_time_s is None:
        found = "the image's time is unknown, so no outline can be told to be on it"
        return scene.refusal(Reason.MISSING_MASK, file, found)
    found = f"no outline of the first keyword at {scene.image_time_s:.3f} s"
    return scene.refusal(Reason.KEYWORD_NOT_IN_SCENE, file, found)


def _outlined(annotation: Annotation, scene: CutScene) -> dict[int, Mask]:
    """Return {keyword index: mask} of a scene, scaled to its image."""
    if scene.image_time_s is None:
        return {}
    scale = np.divide(
        (scene.width, scene.height), (annotation.frame_width, annotation.frame_height)
    )
    return {
        index: draw_outlines([polygon * scale for polygon in polygons], scene.size)
        for index, polygons in outlines_at(annotation, scene.image_time_s).items()
    }


def read_annotation(path: Path, video_id: str) -> Annotation:
    """Read the outlines of a video.

    Raises:
        AnnotationUnreadable: no JSON, not of the form asked for, or of another video.
    """
    try:
        annotation = Annotation.model_validate_json(path.read_text(encoding="utf-8-sig"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise AnnotationUnreadable(f"{where}: {first['msg']}{more}".removeprefix(": ")) from error
    except UnicodeDecodeError as error:
        raise AnnotationUnreadable(f"not UTF-8: {error}") from error
    if normal_id(annotation.video_id) != video_id:
        raise AnnotationUnreadable(f"its video_id is {annotation.video_id!r}")
    return annotation


def outlines_at(annotation: Annotation, time_s: float) -> dict[int, list[Polygon]]:
    """Return {keyword index: polygons} of what is outlined at a time, in the annotation's pixels.

    Polygons are arrays of vertices, N×2 (x, y). Several tracks of one keyword add up.
    """
    outlines: dict[int, list[Polygon]] = {}
    for track in annotation.tracks:
        polygons = _track_at(track, time_s)
        if polygons:
            outlines.setdefault(track.keyword_index, []).extend(polygons)
    return outlines


def _track_at(track: Track, time_s: float) -> list[Polygon]:
    """Interpolate linearly: vertices that correspond, else points at equal parts of the outlines.

    Where the number of polygons differs, nobody can say which is which: the earlier ones hold.
    """
    keyframes = track.keyframes
    first, last = keyframes[0].time_s, keyframes[-1].time_s
    if not first - _TIME_TOLERANCE_S <= time_s <= last + _TIME_TOLERANCE_S:
        return []
    after = next((k for k in keyframes if k.time_s > time_s), keyframes[-1])
    before = next((k for k in reversed(keyframes) if k.time_s <= time_s), keyframes[0])
    here = [np.array(polygon) for polygon in before.polygons]
    there = [np.array(polygon) for polygon in after.polygons]
    if before is after or len(here) != len(there):
        return here
    part = (time_s - before.time_s) / (after.time_s - before.time_s)
    pairs = (
        (p, q) if len(p) == len(q) else _matched(p, q) for p, q in zip(here, there, strict=True)
    )
    return [(1 - part) * p + part * q for p, q in pairs]


def _matched(here: Polygon, there: Polygon) -> tuple[Polygon, Polygon]:
    """Return two outlines with as many vertices each, those at the same part of their lengths.

    No vertex is lost: each outline has its own, and points between them where the other has some.
    The second one is turned round, and begun, so that the points lie as near as they can.
    """
    if _area(here) * _area(there) < 0:
        there = there[::-1]

    def distance(first: int) -> float:
        p, q = _at_equal_parts(here, np.roll(there, -first, axis=0))
        # Where the product moves, all points do.
        return float(np.square((p - p.mean(axis=0)) - (q - q.mean(axis=0))).sum())

    first = min(range(len(there)), key=distance)
    return _at_equal_parts(here, np.roll(there, -first, axis=0))


def _at_equal_parts(here: Polygon, there: Polygon) -> tuple[Polygon, Polygon]:
    parts = np.union1d(_parts(here)[:-1], _parts(there)[:-1])
    return _points(here, parts), _points(there, parts)


def _parts(polygon: Polygon) -> NDArray[np.float64]:
    """Return at which part of the outline's length its vertices lie: 0 for the first, to 1."""
    sides = np.linalg.norm(np.roll(polygon, -1, axis=0) - polygon, axis=1)
    return np.concatenate([[0.0], np.cumsum(sides) / max(sides.sum(), np.finfo(float).tiny)])


def _points(polygon: Polygon, parts: NDArray[np.float64]) -> Polygon:
    closed = np.concatenate([polygon, polygon[:1]])
    known = _parts(polygon)
    return np.stack([np.interp(parts, known, closed[:, axis]) for axis in (0, 1)], axis=1)


def _area(polygon: Polygon) -> float:
    """Return the area, negative where the vertices go the other way round."""
    x, y = polygon.T
    return float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2


def draw_outlines(polygons: Sequence[Polygon], size: tuple[int, int]) -> Mask:
    """Return the H×W mask of the pixels whose centre lies in any of the polygons.

    Args:
        polygons: N×2 vertices (x, y) in pixels, (0, 0) being the image's top left corner.
        size: (height, width).
    """
    mask = np.zeros(size, bool)
    for polygon in polygons:
        mask |= _inside(polygon, size)
    return mask


def _inside(polygon: Polygon, size: tuple[int, int]) -> Mask:
    """Tell for each pixel's centre whether it is inside, by the even-odd rule, exactly.

    `cv2.fillPoly` also fills the pixels that the boundary runs through, which makes the demo's
    products 3 % larger. Here, along each row of centres every edge that is crossed turns inside
    into outside, so that a running count of crossings, odd or even, is the answer.
    """
    height, width = size
    x0, y0 = polygon.T
    x1, y1 = np.roll(polygon, -1, axis=0).T
    centres = np.arange(height)[:, None] + 0.5
    row, edge = np.nonzero((y0 <= centres) != (y1 <= centres))
    slope = (x1 - x0)[edge] / (y1 - y0)[edge]
    crossing = x0[edge] + slope * (row + 0.5 - y0[edge])
    first_right_of_it = np.clip(np.ceil(crossing - 0.5), 0, width).astype(np.int64)
    turns = np.bincount(row * (width + 1) + first_right_of_it, minlength=height * (width + 1))
    inside = np.cumsum(turns.reshape(height, width + 1)[:, :width], axis=1) % 2
    return inside.astype(bool)
