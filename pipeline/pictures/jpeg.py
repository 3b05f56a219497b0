"""Telling a whole JPEG from a truncated or damaged one, which decoders forgive.

In a sequential JPEG the data say themselves where they end: every 0xFF in them is followed by 0x00
or a restart marker, until the end-of-image marker. So a search for anything else finds a missing
end and foreign bytes in a fraction of the time of decoding.

What it cannot find is data that end early, with an end marker put behind them. A decoder makes up
zeros for what is missing: blocks of `MADE_UP`. Where the last pixel is such, and wherever data end
in more places than one (at restart markers, and in each of several scans), `with_more_data` tells
whether the pixels are the picture's own.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from typing import NamedTuple

MADE_UP = 128
"""Level of all pixels, in each channel, that a decoder has no data for."""
MAX_SCANS = 20
"""Of a JPEG; each costs time for all pixels, however few bytes it has. Usual are 10 or fewer."""

_END = 0xD9
_SCAN = 0xDA
_RESTART_INTERVAL = 0xDD
_SEQUENTIAL = (0xC0, 0xC1)
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Arithmetic coding leaves out zeros at the end of its data.
_ENDS_EARLY = range(0xC9, 0xD0)
# A 0xFF is no marker's if stuffing, a restart or one more fill byte follows.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
# So many pixel rows are decoded to prove that the tables are sound: one row of blocks at most.
_PROOF_ROWS = 16
_BYTES_PER_PROOF_PIXEL = 4
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
# Its first codes are long: rare ones, not those that end many blocks. The rest is to get beyond
# blocks that lie outside of the picture.
_NOISE = b"\xfe\xfe" + bytes(byte * 89 % 251 for byte in range(1, 251)) * 4
_LEAST_NOISE = 32


Span = tuple[int, int]
"""Where something begins and where it ends: offsets into the file."""


class Layout(NamedTuple):
    """Where things are in a sequential JPEG of one scan: offsets into the file."""

    frame: int
    """The frame header's segment, after its marker."""
    data: int
    """The entropy-coded data."""
    next_marker: int | None
    """What follows the data: the end of the image in a sound file; None if nothing does."""
    has_restarts: bool
    """Whether the data are in intervals, each of which may end early."""


def read_layout(content: bytes) -> Layout | None:
    """Return the layout, None for a progressive or other JPEG that must be decoded to be judged."""
    position, frame, components, has_restarts = 2, 0, b"", False
    while position + 4 <= len(content) and content[position] == 0xFF:
        marker = content[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        (length,) = struct.unpack_from(">H", content, position + 2)
        if marker in _FRAMES:
            if marker not in _SEQUENTIAL:
                return None
            frame, components = position + 2, content[position + 9 : position + 10]
        if marker == _RESTART_INTERVAL:
            has_restarts = any(content[position + 4 : position + 6])
        if marker == _SCAN:
            if not frame or content[position + 4 : position + 5] != components:
                return None
            data = position + 2 + length
            found = _MARKER.search(content, data)
            return Layout(frame, data, found.start() if found else None, has_restarts)
        position += 2 + length
    return None


def damage(content: bytes, layout: Layout) -> str:
    """Return what is wrong with the entropy-coded data, "" if nothing is."""
    if layout.next_marker is None:
        return "the data end before the image does"
    marker = content[layout.next_marker + 1]
    if marker != _END:
        return f"marker {marker:#04x} inside the image data, at byte {layout.next_marker:,}"
    return ""


def first_rows(content: bytes, layout: Layout) -> bytes:
    """Return a JPEG of the image's first rows: decoding it proves headers and tables sound."""
    height, width = struct.unpack_from(">HH", content, layout.frame + 3)
    rows = min(height, _PROOF_ROWS)
    end = layout.data + width * rows * _BYTES_PER_PROOF_PIXEL
    header = bytearray(content[: layout.data])
    struct.pack_into(">H", header, layout.frame + 3, rows)
    return bytes(header) + content[layout.data : min(end, layout.next_marker or end)] + b"\xff\xd9"


def with_more_data(content: bytes, spans: Iterable[Span]) -> bytes:
    """Return the JPEG with noise put in wherever its data, at `spans`, end: at restarts as well.

    A decoder that has all pixels skips it; for one that misses some, it makes other pixels. Restart
    markers are numbered anew, since a decoder waits for one that is left out, and some are added.
    """
    pieces, last = [], 0
    for start, end in spans:
        pieces.append(content[last:start])
        intervals = _RESTART.split(content[start:end])
        for number, interval in enumerate(intervals + [b""] * 8):
            # Many intervals must not make a large file.
            shorter = number + 1 < len(intervals)
            noise = _NOISE[: len(interval) + _LEAST_NOISE] if shorter else _NOISE
            # A fill byte, 0xFF, would make a marker of the noise.
            pieces += interval.rstrip(b"\xff"), noise, bytes((0xFF, 0xD0 + number % 8))
        last = end
    return b"".join(pieces) + content[last:]


class Scans(NamedTuple):
    """What the scans of a JPEG bring."""

    number: int
    complete: bool
    """Whether every bit of every coefficient is among it."""
    spans: tuple[Span, ...]
    """The entropy-coded data of each; none where they may end early."""


def read_scans(content: bytes) -> Scans:
    """Follow a JPEG of several scans, progressive or not, from marker to marker to its end."""
    # {(component, coefficient): bits that are still to come}, and -1 for all of them.
    missing: dict[tuple[int, int], int] = {}
    spans: list[Span] = []
    position, progressive, ends_early = 2, False, False
    try:
        # One scan too many says enough: each costs time, to follow it as well.
        while len(spans) <= MAX_SCANS and content[position] == 0xFF:
            marker = content[position + 1]
            if marker == _END:
                break
            if marker == 0xFF:
                position += 1
                continue
            (length,) = struct.unpack_from(">H", content, position + 2)
            segment = content[position + 4 : position + 2 + length]
            position += 2 + length
            if marker in _FRAMES:
                progressive, ends_early = marker in _PROGRESSIVE, marker in _ENDS_EARLY
                components = segment[6 : 6 + 3 * segment[5] : 3]
                missing = {
                    (component, place): -1 for component in components for place in range(64)
                }
            if marker == _SCAN:
                components = segment[1 : 1 + 2 * segment[0] : 2]
                first, last, bits = segment[1 + 2 * segment[0] :][:3] if progressive else (0, 63, 0)
                brought = {
                    (component, at) for component in components for at in range(first, last + 1)
                }
                missing |= dict.fromkeys(brought & missing.keys(), bits & 15)
                found = _MARKER.search(content, position)
                if found is None:
                    return Scans(len(spans), False, ())
                spans.append((position, found.start()))
                position = found.start()
    except (IndexError, ValueError, struct.error):
        return Scans(len(spans), False, ())
    complete = bool(missing) and not any(missing.values())
    return Scans(len(spans), complete, () if ends_early else tuple(spans))
