"""Telling a whole JPEG from a truncated or damaged one without decoding its pixels.

A decoder goes through all entropy-coded data to find out whether a file ends early, and forgives
bytes that do not belong there. But in a sequential JPEG the data say themselves where they end:
every 0xFF in them is followed by 0x00 or a restart marker, until the end-of-image marker. So a
search for anything else finds a missing end and foreign bytes, both in a fraction of the time.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

_END = 0xD9
_SCAN = 0xDA
_SEQUENTIAL = (0xC0, 0xC1)
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# A 0xFF is no marker's if stuffing, a restart or one more fill byte follows.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
# So many pixel rows are decoded to prove that the tables are sound: one row of blocks at most.
_PROOF_ROWS = 16
_BYTES_PER_PROOF_PIXEL = 4


class Layout(NamedTuple):
    """Where things are in a sequential JPEG of one scan: offsets into the file."""

    frame: int
    """The frame header's segment, after its marker."""
    data: int
    """The entropy-coded data."""
    next_marker: int | None
    """What follows the data: the end of the image in a sound file; None if nothing does."""


def read_layout(content: bytes) -> Layout | None:
    """Return the layout, None for a progressive or other JPEG that must be decoded to be judged."""
    position, frame, components = 2, 0, b""
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
        if marker == _SCAN:
            if not frame or content[position + 4 : position + 5] != components:
                return None
            data = position + 2 + length
            found = _MARKER.search(content, data)
            return Layout(frame, data, found.start() if found else None)
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
