"""Videos as upright frames with true times, on PyAV; damage is found, not skipped.

PySceneDetect's own PyAV backend ignores the rotation that phones write, skips damaged frames and
cannot tell a truncated file from a short one, so the decoding is ours and its detectors read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from pipeline.pictures.reading import MAX_PIXELS, Pixels
from pipeline.pictures.resizing import resize

# FFmpeg's reader of MP4, M4V and QuickTime.
_CONTAINER = "mov"
_USUAL_RATE = Fraction(30)


class VideoUnreadable(Exception):
    """A video cannot be decoded from its first to its last frame; the text says what was found."""


class Frame(NamedTuple):
    """A decoded frame, on screen from `start` on (seconds; the first frame's is 0)."""

    picture: av.VideoFrame
    start: Fraction


class Video:
    """A video file that can be decoded from its start as often as needed; see `open_video`."""

    def __init__(self, container: av.container.InputContainer, file_size: int) -> None:
        stream: Any = container.streams.best("video")
        if stream is None:
            raise VideoUnreadable("it holds no video track")
        if stream.codec_context.width * stream.codec_context.height > MAX_PIXELS:
            raise VideoUnreadable(f"frames of more than {MAX_PIXELS:,} pixels")
        # The index at the front says where each frame lies; a decoder would just stop early.
        indexed = max((entry.pos + entry.size for entry in stream.index_entries), default=0)
        if indexed > file_size:
            raise VideoUnreadable(f"truncated: {file_size:,} bytes of at least {indexed:,}")
        # Videos are worked on side by side, one process each: more threads only cost.
        stream.thread_type = "NONE"
        self._container = container
        self._stream = stream
        # One reformatter for all frames keeps its tables: five times faster than one per frame.
        self._reformatter = VideoReformatter()

    @property
    def frame_rate(self) -> Fraction:
        """Nominal frames per second; frames of variable-rate videos have their own times."""
        rate = self._stream.guessed_rate or self._stream.average_rate or _USUAL_RATE
        return Fraction(rate.numerator, rate.denominator)

    def end(self, last_start: Fraction) -> Fraction:
        """Return when the video ends, in seconds, given when its last frame starts.

        The track's stated length comes first: a frame's own duration is that of its packet, which
        in variable-rate videos with reordered frames belongs to another frame.
        """
        stated = (self._stream.duration or 0) * Fraction(self._stream.time_base)
        return stated if stated > last_start else last_start + 1 / self.frame_rate

    def frames(self) -> Iterator[Frame]:
        """Decode all frames in the order they are shown.

        Raises:
            VideoUnreadable: damaged, or without frames.
        """
        self._container.seek(0)
        base = Fraction(self._stream.time_base)
        first: int | None = None
        start = Fraction(0)
        for picture in self._container.decode(self._stream):
            if picture.is_corrupt:
                raise VideoUnreadable(f"damaged after {float(start):.2f} s")
            if picture.pts is None:
                raise VideoUnreadable(f"a frame without a time after {float(start):.2f} s")
            if first is None:
                first, size = picture.pts, (picture.width, picture.height)
            if (picture.width, picture.height) != size:
                raise VideoUnreadable(f"the frame size changes after {float(start):.2f} s")
            start = (picture.pts - first) * base
            yield Frame(picture, start)
        if first is None:
            raise VideoUnreadable("it holds no frames")

    def small_bgr(self, frame: Frame, least_width: int) -> Pixels:
        """Return the frame as stored (not rotated) as H×W×3 BGR.

        It is shrunk by the largest whole factor that keeps `least_width`.
        """
        width, height = frame.picture.width, frame.picture.height
        factor = max(1, width // least_width)
        small = self._reformatter.reformat(
            frame.picture,
            max(1, round(width / factor)),
            max(1, round(height / factor)),
            "bgr24",
            threads=1,
        )
        return np.asarray(small.to_ndarray(), np.uint8)

    def upright_rgb(self, frame: Frame) -> Pixels:
        """Return the frame as a player displays it: square pixels, rotated upright, H×W×3 RGB."""
        picture = frame.picture
        rgb = self._reformatter.reformat(picture, picture.width, picture.height, "rgb24", threads=1)
        pixels = np.asarray(rgb.to_ndarray(), np.uint8)
        aspect = self._stream.sample_aspect_ratio
        if aspect and aspect != 1:
            height, width = pixels.shape[:2]
            displayed = max(1, round(width * aspect.numerator / aspect.denominator))
            pixels = resize(pixels, (height, displayed))
        quarter_turns = round(picture.rotation / 90)
        return np.ascontiguousarray(np.rot90(pixels, quarter_turns))

    def pictures_at(self, starts: Iterable[Fraction]) -> Iterator[Pixels]:
        """Yield, upright, the frames that start at these times; `starts` rise.

        Raises:
            VideoUnreadable: as `frames`.
        """
        frames = self.frames()
        for wanted in starts:
            yield next(self.upright_rgb(frame) for frame in frames if frame.start == wanted)


@contextmanager
def open_video(path: Path) -> Iterator[Video]:
    """Open a video.

    Raises:
        VideoUnreadable: here or while it is read, whatever is wrong with the file.
    """
    try:
        # Named, so that nothing but this one container is read: of other formats some are texts
        # that have further files opened.
        with av.open(path, format=_CONTAINER) as container:
            yield Video(container, path.stat().st_size)
    except av.error.FFmpegError as error:
        raise VideoUnreadable(f"cannot be decoded: {error.strerror or error}") from error
