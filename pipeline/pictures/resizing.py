"""Pictures at another size: one way for every stage, so that all of them see the same pixels."""

from __future__ import annotations

import threading

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

# Area means at full precision, the same on every processor.
_AREA_MEANS = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.BITEXACT
# Where FFmpeg's filters reach: by how much it shrinks at most, and to how few pixels.
_MOST_PIXELS_PER_PIXEL = 64
_FEWEST_PIXELS = 8


class _Scalers(threading.local):
    """FFmpeg's tables for the sizes used last; a thread has its own."""

    def __init__(self) -> None:
        self.scaler = VideoReformatter()


_scalers = _Scalers()


def resize(pixels: NDArray, size: tuple[int, int]) -> NDArray:
    """Return H×W or H×W×C at `size` (height, width): area means to shrink, bilinear to enlarge.

    8-bit pictures are shrunk by FFmpeg, within one level of OpenCV's area means (of photographs,
    less than one pixel in a hundred differs) in a quarter of their time.
    """
    height, width = size
    if pixels.shape[:2] == (height, width):
        return pixels
    if pixels.shape[0] < height or pixels.shape[1] < width:
        return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    if pixels.dtype != np.uint8 or not _is_for_ffmpeg(pixels.shape, size):
        return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    if pixels.ndim == 2:
        return _shrink(pixels, size)
    return cv2.merge([_shrink(channel, size) for channel in cv2.split(pixels)])


def _is_for_ffmpeg(shape: tuple[int, ...], size: tuple[int, int]) -> bool:
    return all(
        new >= _FEWEST_PIXELS and old <= new * _MOST_PIXELS_PER_PIXEL
        for old, new in zip(shape, size, strict=False)
    )


def _shrink(levels: NDArray, size: tuple[int, int]) -> NDArray[np.uint8]:
    height, width = size
    frame = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(levels), format="gray")
    # On one thread: processes fill the cores, and a process whose FFmpeg runs threads cannot fork.
    small = _scalers.scaler.reformat(
        frame, width=width, height=height, interpolation=_AREA_MEANS, threads=1
    )
    plane = small.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(height, plane.line_size)
    return np.ascontiguousarray(rows[:, :width])
