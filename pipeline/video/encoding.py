"""Encoding alike: H.264 in MP4, one encoder for each scene, their packets put one after another.

A scene's packets depend on its frames and the settings alone. So scenes that are the same in
several files are encoded once, and decode to the same pixels in all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, Self

import av
from av.codec.context import Flags

from pipeline.ground.files import make_folder
from pipeline.video.decoding import Matrix
from pipeline.video.planes import PIXEL_FORMAT, Colours, Planes, frame_of, planes_of

ENCODER = "libx264"


class SoundRefused(Exception):
    """MP4 has no place for a video's sound; the text says which."""


# Key frames at the same places in all files: the first of a scene, then every so many frames.
_KEY_FRAME_EVERY = 120


class Settings(NamedTuple):
    """How frames are encoded."""

    crf: float
    preset: str
    lossless: bool

    @property
    def options(self) -> dict[str, str]:
        """What x264 is told.

        No macroblock tree: of some sizes x264 165 reads memory there that it never wrote, so that
        the same frames give other files.
        """
        quality = {"qp": "0"} if self.lossless else {"crf": f"{self.crf:g}"}
        own = f"mbtree=0:scenecut=0:open-gop=0:keyint={_KEY_FRAME_EVERY}"
        return {**quality, "preset": self.preset, "bf": "0", "x264-params": own}


class Format(NamedTuple):
    """What the files have from their source."""

    size: tuple[int, int]
    """(height, width) as stored."""
    time_base: Fraction
    rate: Fraction
    """Nominal frames per second; what counts is the frames' own times."""
    pixel_aspect: Fraction
    matrix: Matrix
    colours: Colours


def _set_up(context: Any, video: Format, settings: Settings) -> None:
    context.height, context.width = video.size
    context.pix_fmt = PIXEL_FORMAT
    context.time_base, context.framerate = video.time_base, video.rate
    context.sample_aspect_ratio = video.pixel_aspect
    context.color_range = 2 if video.colours.full_range else 1
    context.color_primaries = video.colours.primaries
    context.color_trc = video.colours.transfer
    context.colorspace = video.colours.matrix
    # One: the file must not depend on how many cores there are.
    context.thread_count = 1
    context.max_b_frames = 0
    context.gop_size = _KEY_FRAME_EVERY
    context.options = settings.options


class SegmentEncoder:
    """Encodes the frames of one scene; they come out in their order, a few frames later."""

    def __init__(self, video: Format, settings: Settings) -> None:
        context: Any = av.CodecContext.create(ENCODER, "w")
        _set_up(context, video, settings)
        context.flags |= Flags.global_header
        context.open()
        self._context = context
        self._durations: dict[int, int] = {}
        self.header = bytes(context.extradata)

    def encode(self, planes: Planes, pts: int, duration: int) -> list[av.Packet]:
        """Return the packets that are finished; times in units of the format's time base."""
        self._durations[pts] = duration
        frame = frame_of(planes, pts, self._context.time_base)
        return self._timed(self._context.encode(frame))

    def finish(self) -> list[av.Packet]:
        """Return the packets of all frames that are still in work."""
        return self._timed(self._context.encode(None))

    def _timed(self, packets: list[av.Packet]) -> list[av.Packet]:
        for packet in packets:
            assert packet.pts is not None, "the encoder lost a time"
            assert packet.pts == packet.dts, "frames were reordered"
            packet.duration = self._durations.pop(packet.pts)
        return packets


class SegmentDecoder:
    """Decodes what a `SegmentEncoder` made, packet by packet, as a player would."""

    def __init__(self, encoder: SegmentEncoder) -> None:
        context: Any = av.CodecContext.create("h264", "r")
        context.extradata = encoder.header
        context.thread_count = 1
        self._context = context

    def decode(self, packets: Sequence[av.Packet], last: bool = False) -> Iterator[Planes]:
        """Yield the planes of the frames that are complete, all of them after the last packet."""
        for packet in [*packets, *([None] if last else [])]:
            for frame in self._context.decode(packet):
                yield planes_of(frame)


class Writers:
    """MP4 files of one video, its sound copied into each; a context manager."""

    def __init__(
        self, paths: Sequence[Path], source: Path, video: Format, settings: Settings
    ) -> None:
        self._paths = paths
        self._source = source
        self._video = video
        self._settings = settings

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            source = opened.enter_context(av.open(self._source, format="mov"))
            tracks = [track for track in source.streams.audio if track.codec_context is not None]
            self._files = [
                opened.enter_context(_File(path, tracks, self._video, self._settings))
                for path in self._paths
            ]
            self._sound = _sound(source, tracks)
            self._next = next(self._sound, None)
            self._opened = opened.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._opened:
            if kind is None:
                self._copy_sound(None)

    def write(self, files: Sequence[int], packets: Sequence[av.Packet], header: bytes) -> None:
        """Append a scene's packets to these of the files, by their positions.

        Args:
            files: positions among the paths.
            packets: in the order of their times.
            header: of their encoder.
        """
        for packet in packets:
            self._copy_sound((packet.pts or 0) * self._video.time_base)
            for number in files:
                self._files[number].write(packet, header)

    def _copy_sound(self, until: Fraction | None) -> None:
        """Copy the sound up to a time in seconds, or all: files hold both side by side."""
        while self._next is not None:
            track, packet = self._next
            if until is not None and (packet.dts or 0) * Fraction(packet.time_base) > until:
                return
            for file in self._files:
                file.copy(track, packet)
            self._next = next(self._sound, None)


def _sound(source: Any, tracks: Sequence[Any]) -> Iterator[tuple[int, av.Packet]]:
    """Yield the packets of all audio tracks with their track's position, as the file has them."""
    if not tracks:
        return
    positions = {track.index: number for number, track in enumerate(tracks)}
    for packet in source.demux(*tracks):
        if packet.dts is not None:
            yield positions[packet.stream.index], packet


class _File:
    """One MP4 file being written.

    What FFmpeg says of writing it is raised as an `OSError`: a full disk is no damaged video.
    """

    def __init__(self, path: Path, sound: Sequence[Any], video: Format, settings: Settings) -> None:
        self._path = path
        # Players find the index at the front; times count as the source's do.
        options = {
            "movflags": "faststart",
            "video_track_timescale": str(video.time_base.denominator),
        }
        make_folder(path.parent)
        with self._told():
            self._container = av.open(str(path), "w", format="mp4", options=options)
            track: Any = self._container.add_stream(ENCODER, rate=video.rate)
            _set_up(track.codec_context, video, settings)
            track.time_base = video.time_base
            track.set_display_matrix(video.matrix)
            self._track = track
            self._sound = [self._copied(one) for one in sound]
            self._container.start_encoding()

    def _copied(self, track: Any) -> Any:
        try:
            return self._container.add_stream_from_template(track)
        except ValueError as error:
            raise SoundRefused(
                f"MP4 has no place for its sound ({track.codec_context.name}): convert it to AAC"
            ) from error

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except av.error.FFmpegError as error:
            raise OSError(error.errno, error.strerror, str(self._path)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._told():
            self._container.close()

    def write(self, packet: av.Packet, header: bytes) -> None:
        assert header == self._track.codec_context.extradata, "scenes were encoded otherwise"
        packet.stream = self._track
        with self._told():
            self._container.mux_one(packet)

    def copy(self, track: int, packet: av.Packet) -> None:
        packet.stream = self._sound[track]
        with self._told():
            self._container.mux_one(packet)
