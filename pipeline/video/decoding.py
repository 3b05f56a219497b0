"""Videos as upright frames with true times, on PyAV; damage is found, not skipped.

PySceneDetect's own PyAV backend ignores the rotation that phones write, skips damaged frames and
cannot tell a truncated file from a short one, so the decoding is ours and its detectors read it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

import av
import numpy as np
from av.stream import Disposition
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from pipeline.pictures.reading import MAX_PIXELS, Pixels
from pipeline.pictures.resizing import resize
from schemas.rejected_scenes import Reason

T = TypeVar("T", bound=np.generic)

# FFmpeg's reader of MP4, M4V and QuickTime.
_CONTAINER = "mov"
_USUAL_RATE = Fraction(30)

# ITU-T H.273: transfer characteristics and colour primaries by number.
_HDR_TRANSFERS = {16: "PQ (SMPTE ST 2084)", 18: "HLG (ARIB STD-B67)"}
_BT_2020 = 9
Matrix = tuple[int, ...]
"""A display matrix as MP4 has it, nine numbers by rows: a, b, 0, c, d, 0, x, y, 1 (fixed point)."""
UPRIGHT: Matrix = (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
"""Shown as it is stored."""

# Of the same family of containers: HEIF and AVIF.
_STILL_BRANDS = {"avif", "avis", "heic", "heix", "heim", "heis", "mif1", "msf1"}
# Width by height of a pixel, or its inverse; anamorphic film has 2.
_MOST_STRETCHED = 4


class VideoUnreadable(Exception):
    """A video cannot be decoded from its first to its last frame; the text says what was found."""

    reason: ClassVar[Reason] = Reason.VIDEO_UNREADABLE


class VideoIsHdr(VideoUnreadable):
    """A video's colours are for other screens: shown as they are, they would be dull and grey."""

    reason = Reason.VIDEO_IS_HDR


class Frame(NamedTuple):
    """A decoded frame, on screen from `start` on, in seconds of the file.

    They count as players do: from where the file's own timeline begins, for picture and sound.
    """

    picture: av.VideoFrame
    start: Fraction


class Video:
    """A video file that can be decoded from its start as often as needed; see `open_video`."""

    def __init__(self, container: av.container.InputContainer, file_size: int) -> None:
        stream: Any = container.streams.best("video")
        if stream is None:
            raise VideoUnreadable("it holds no video track")
        if (brand := container.metadata.get("major_brand", "")) in _STILL_BRANDS:
            raise VideoUnreadable(f"it is a still picture ({brand}), no video")
        aspect = stream.sample_aspect_ratio or 1
        if not 1 / _MOST_STRETCHED <= aspect <= _MOST_STRETCHED:
            raise VideoUnreadable(f"pixels {float(aspect):.3g} times as wide as high")
        if _is_cover(stream):
            moving = (t for t in container.streams.video if not _is_cover(t))
            if (stream := next(moving, None)) is None:
                raise VideoUnreadable("it holds no video track, only sound with a cover picture")
        _refuse_hdr(stream.codec_context)
        if stream.codec_context.width * stream.codec_context.height * max(aspect, 1) > MAX_PIXELS:
            raise VideoUnreadable(f"frames of more than {MAX_PIXELS:,} pixels")
        # The index at the front says where each frame lies; a decoder would just stop early.
        indexed = max((entry.pos + entry.size for entry in stream.index_entries), default=0)
        if indexed > file_size:
            raise VideoUnreadable(f"truncated: {file_size:,} bytes of at least {indexed:,}")
        # Videos are worked on side by side, one process each: more threads only cost.
        stream.thread_type = "NONE"
        self._container = container
        self._stream = stream
        self._first_start = Fraction(0)
        # One reformatter for all frames keeps its tables: five times faster than one per frame.
        self._reformatter = VideoReformatter()

    @property
    def frame_rate(self) -> Fraction:
        """Nominal frames per second; frames of variable-rate videos have their own times."""
        rate = self._stream.guessed_rate or self._stream.average_rate or _USUAL_RATE
        return Fraction(rate.numerator, rate.denominator)

    @property
    def time_base(self) -> Fraction:
        """What the times of frames and packets count in, in seconds."""
        return Fraction(self._stream.time_base)

    @property
    def pixel_aspect(self) -> Fraction:
        """Width by height of a pixel as displayed."""
        return Fraction(self._stream.sample_aspect_ratio or 1)

    @property
    def tracks(self) -> int:
        """How many tracks of moving pictures the file has; the others than this are not read."""
        return sum(not _is_cover(track) for track in self._container.streams.video)

    @property
    def has_unknown_sound(self) -> bool:
        """Whether a track of sound is in a codec that cannot be told, as phones' spatial sound."""
        return any(track.codec_context is None for track in self._container.streams.audio)

    @property
    def average_rate(self) -> Fraction:
        """Frames per second over the whole video."""
        return Fraction(self._stream.average_rate or self.frame_rate)

    def end(self, last_start: Fraction) -> Fraction:
        """Return when the video ends, in seconds, given when its last frame starts.

        The track's stated length comes first: a frame's own duration is that of its packet, which
        in variable-rate videos with reordered frames belongs to another frame.
        """
        stated = self._first_start + (self._stream.duration or 0) * Fraction(self._stream.time_base)
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
                _refuse_hdr(picture)
                first, size = picture.pts, (picture.width, picture.height)
                zero = self._zero(first * base)
                self._first_start = first * base - zero
            if (picture.width, picture.height) != size:
                raise VideoUnreadable(f"the frame size changes after {float(start):.2f} s")
            before, start = start, picture.pts * base - zero
            if start < before:
                raise VideoUnreadable(f"a frame after {float(before):.2f} s goes back in time")
            yield Frame(picture, start)
        if first is None:
            raise VideoUnreadable("it holds no frames")

    def _zero(self, first: Fraction) -> Fraction:
        """Return the time that counts as 0, given that of the first frame, in seconds.

        An edit list can have the picture begin later than the sound. Fragments, which have no
        table of all frames, may be cut from something longer: they begin with what comes first.
        """
        if self._stream.frames:
            return min(first, Fraction(0))
        sound: Any = self._container.streams.best("audio")
        if sound is None or sound.start_time is None:
            return first
        return min(first, sound.start_time * Fraction(sound.time_base))

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
            shown = max(1, round(width * aspect.numerator / aspect.denominator))
            pixels = resize(pixels, (height, shown))
        return displayed(pixels, display_matrix(picture))

    def pictures_at(self, starts: Iterable[Fraction]) -> Iterator[Pixels]:
        """Yield, upright, the frames that start at these times; `starts` rise.

        Raises:
            VideoUnreadable: as `frames`.
        """
        frames = self.frames()
        for wanted in starts:
            yield next(self.upright_rgb(frame) for frame in frames if frame.start == wanted)


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


def _refuse_hdr(tagged: Any) -> None:
    """Refuse what a codec or a frame says of its colours, if that is not SDR.

    Raises:
        VideoIsHdr: it is PQ, HLG, Dolby Vision or BT.2020.
    """
    if transfer := _HDR_TRANSFERS.get(tagged.color_trc):
        raise VideoIsHdr(f"its transfer function is {transfer}")
    if tagged.color_primaries == _BT_2020:
        raise VideoIsHdr("its colours are those of BT.2020")
    if getattr(tagged, "codec_tag", "").startswith("dv"):
        raise VideoIsHdr("it is Dolby Vision")


def display_matrix(picture: av.VideoFrame) -> Matrix:
    """Return the track's matrix: a pixel at (x, y) is shown at (ax + cy, bx + dy)."""
    found: Any = picture.side_data.get("DISPLAYMATRIX")
    return UPRIGHT if found is None else tuple(np.frombuffer(bytes(found), np.int32).tolist())


def displayed(pixels: NDArray[T], matrix: Matrix) -> NDArray[T]:
    """Return a picture, H×W or H×W×C, mirrored, as front cameras have it, and turned, as shown."""
    mirrored, quarters = _turn(matrix)
    return np.ascontiguousarray(np.rot90(pixels[:, ::-1] if mirrored else pixels, -quarters))


def stored(pixels: NDArray[T], matrix: Matrix) -> NDArray[T]:
    """Return what `displayed` shows as these pixels: its inverse."""
    mirrored, quarters = _turn(matrix)
    turned = np.rot90(pixels, quarters)
    return np.ascontiguousarray(turned[:, ::-1] if mirrored else turned)


def _turn(matrix: Matrix) -> tuple[bool, int]:
    """Return whether a picture is mirrored left to right, and then turned how often clockwise."""
    a, b, _, c, d, *_ = matrix
    mirrored = a * d < b * c
    if mirrored:
        a, b = -a, -b
    return mirrored, round(math.degrees(math.atan2(b, a)) / 90)


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
