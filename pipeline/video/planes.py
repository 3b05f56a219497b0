"""Frames as planes of luma and chroma (yuv420p), and changes of RGB pictures in these planes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple, Self

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.pictures.reading import Pixels
from pipeline.pictures.resizing import resize
from pipeline.video.decoding import Matrix, stored

Plane = NDArray[np.float32]

PIXEL_FORMAT = "yuv420p"
_PLAIN = (PIXEL_FORMAT, "yuvj420p")

# ITU-T H.273, Table 4: weights of red and blue in luma, by the number of the matrix. Where none is
# named FFmpeg, and so the images of scenes, take BT.601.
_WEIGHTS = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 7: (0.212, 0.087)}
_BT_601 = (0.299, 0.114)
_RGB, _UNKNOWN = 0, 2
_FULL = 2


class Planes(NamedTuple):
    """A frame: luma H×W and two chroma planes H/2×W/2, uint8; H and W are even."""

    y: Pixels
    u: Pixels
    v: Pixels

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of luma."""
        return self.y.shape[0], self.y.shape[1]

    def to_bytes(self) -> bytes:
        """Return all samples, plane by plane."""
        return b"".join(plane.tobytes() for plane in self)

    @classmethod
    def from_bytes(cls, content: bytes, size: tuple[int, int]) -> Self:
        """Return what `to_bytes` of planes of that size returned."""
        height, width = size
        samples, luma = np.frombuffer(content, np.uint8), height * width
        half = (height // 2, width // 2)
        u, v = samples[luma:].reshape(2, *half)
        return cls(samples[:luma].reshape(size), u, v)


class Changes(NamedTuple):
    """A change of a frame, in levels of each plane: H×W, H/2×W/2, H/2×W/2 float32."""

    y: Plane
    u: Plane
    v: Plane


class Colours(NamedTuple):
    """What a video says of its colours, as numbers of ITU-T H.273; 2 says nothing."""

    full_range: bool
    primaries: int
    transfer: int
    matrix: int

    @classmethod
    def of(cls, picture: av.VideoFrame) -> Self:
        """Return what a frame in planes says."""
        tagged: Any = picture
        full = tagged.color_range == _FULL or tagged.format.name.startswith("yuvj")
        matrix = _UNKNOWN if tagged.colorspace == _RGB else int(tagged.colorspace)
        return cls(full, int(tagged.color_primaries), int(tagged.color_trc), matrix)

    @property
    def black(self) -> int:
        """Level of luma without any light."""
        return 0 if self.full_range else 16

    def of_rgb(self) -> NDArray[np.float32]:
        """Return the linear part of RGB to luma and chroma, 3×3, both of 255 levels."""
        red, blue = _WEIGHTS.get(self.matrix, _BT_601)
        luma = np.array([red, 1 - red - blue, blue])
        chroma_blue = (np.array([0, 0, 1]) - luma) / (2 * (1 - blue))
        chroma_red = (np.array([1, 0, 0]) - luma) / (2 * (1 - red))
        levels = (255, 255, 255) if self.full_range else (219, 224, 224)
        rows = np.stack([luma, chroma_blue, chroma_red]) * np.array(levels)[:, None] / 255
        return rows.astype(np.float32)


def in_planes(picture: av.VideoFrame) -> av.VideoFrame:
    """Return a decoded frame as yuv420p of even sides, in its own range; most are that already.

    Sides that are odd, as other pixel formats may have them, become smaller by one.
    """
    height, width = picture.height // 2 * 2, picture.width // 2 * 2
    if picture.format.name in _PLAIN and (height, width) == (picture.height, picture.width):
        return picture
    tagged: Any = picture
    given = {"dst_color_range": tagged.color_range} if tagged.color_range else {}
    return picture.reformat(width, height, PIXEL_FORMAT, threads=1, **given)


def planes_of(picture: av.VideoFrame) -> Planes:
    """Return the planes of a frame in yuv420p, without a copy."""
    planes = []
    for plane in picture.planes:
        samples: Any = plane
        rows = np.frombuffer(samples, np.uint8).reshape(-1, plane.line_size)
        planes.append(rows[: plane.height, : plane.width])
    return Planes(*planes)


def frame_of(planes: Planes, pts: int, time_base: Fraction) -> av.VideoFrame:
    """Return planes as a frame to encode, shown from `pts` on, in units of `time_base` seconds."""
    height, width = planes.size
    samples = np.frombuffer(planes.to_bytes(), np.uint8).reshape(height * 3 // 2, width)
    frame = av.VideoFrame.from_ndarray(samples, format=PIXEL_FORMAT)
    frame.pts, frame.time_base = pts, time_base
    return frame


def stored_changes(
    change: NDArray[np.float32], size: tuple[int, int], matrix: Matrix, colours: Colours
) -> Changes:
    """Return a displayed picture's change in the planes that are stored.

    Args:
        change: H×W×3, of an upright RGB picture with square pixels, in levels of 255.
        size: (height, width) of the stored frames.
        matrix: their display matrix.
        colours: what they say of their colours.
    """
    planes = as_stored(change, size, matrix) @ colours.of_rgb().T
    return Changes(np.ascontiguousarray(planes[..., 0]), *(halved(planes[..., n]) for n in (1, 2)))


def as_stored(pixels: Plane, size: tuple[int, int], matrix: Matrix) -> Plane:
    """Return a displayed picture, H×W or H×W×C, in the orientation and size of stored frames."""
    return np.asarray(resize(stored(pixels, matrix), size), np.float32)


def halved(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return means of 2×2: what a chroma plane has of a full one."""
    height, width = plane.shape[:2]
    size = (width // 2, height // 2)
    whole = np.ascontiguousarray(plane)
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.float32)
