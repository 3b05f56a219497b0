"""What happens to a picture on its way to a viewer: compression, a moved crop, scaling, blur.

Lengths are those of a picture whose longer side has 480 pixels; of others, in proportion.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TypeVar

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.pictures.reading import Pixels
from pipeline.pictures.resizing import resize

Levels = TypeVar("Levels", bound=NDArray)

_LONG_SIDE_PX = 480
_JPEG_QUALITY = 50
_H264_CRF = 28
_RIGHT_PX, _DOWN_PX = 8, 5
_SIGMA_PX = 1.5


def jpeg(picture: Pixels) -> Pixels:
    """Return H×W×3 RGB out of a JPEG of quality 50 with its colours at half the size."""
    options = [
        cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    ]  # fmt: skip
    content = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)[1]
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR_RGB), np.uint8)


def h264(picture: Pixels) -> Pixels:
    """Return H×W×3 RGB out of an H.264 video of this one frame, at a crf of 28.

    Its colours are at half the size; an odd size is made even by repeating the last row or column.
    """
    height, width = picture.shape[:2]
    even = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    encoder = av.VideoCodecContext.create("libx264", "w")
    encoder.height, encoder.width = even.shape[:2]
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"crf": str(_H264_CRF)}
    decoder = av.VideoCodecContext.create("h264", "r")
    # On one thread: processes fill the cores, and a process whose FFmpeg runs threads cannot fork.
    encoder.thread_count = decoder.thread_count = 1
    frame = av.VideoFrame.from_ndarray(even, format="rgb24").reformat(format="yuv420p", threads=1)
    packets = [*encoder.encode(frame), *encoder.encode(None), None]
    (decoded,) = (one for packet in packets for one in decoder.decode(packet))
    return np.asarray(decoded.to_ndarray(format="rgb24", threads=1)[:height, :width], np.uint8)


def shift(levels: Levels) -> Levels:
    """Return H×W or H×W×C moved by 8 px to the right and 5 down; the edge is repeated."""
    height, width = levels.shape[:2]
    down, right = (round(px * _scale(levels)) for px in (_DOWN_PX, _RIGHT_PX))
    before = [(down, 0), (right, 0), (0, 0)][: levels.ndim]
    # numpy's types know no padding that differs by axis.
    return np.pad(levels, before, mode="edge")[:height, :width]  # type: ignore[return-value]


def half(picture: Pixels) -> Pixels:
    """Return H×W×3 scaled to half its size and back."""
    height, width = picture.shape[:2]
    small = resize(picture, (max(height // 2, 1), max(width // 2, 1)))
    return np.asarray(resize(small, (height, width)), np.uint8)


def blur(picture: Pixels) -> Pixels:
    """Return H×W×3 blurred by a Gaussian of sigma 1.5 px."""
    sigma_px = _SIGMA_PX * _scale(picture)
    blurred = cv2.GaussianBlur(picture, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.uint8)


def _scale(levels: NDArray) -> float:
    return max(levels.shape[:2]) / _LONG_SIDE_PX


DEGRADATIONS: dict[str, Callable[[Pixels], Pixels]] = {
    "jpeg": jpeg,
    "h264": h264,
    "shift": shift,
    "half": half,
    "blur": blur,
}
"""By name; each takes a picture, H×W×3 RGB, and keeps its size."""


def degrade(
    picture: Pixels, mask: NDArray[np.bool_], degradation: str
) -> tuple[Pixels, NDArray[np.bool_]]:
    """Return a picture, H×W×3, after one of `DEGRADATIONS`, and its mask, H×W, where it is now."""
    moved = shift(mask) if degradation == "shift" else mask
    return DEGRADATIONS[degradation](picture), moved
