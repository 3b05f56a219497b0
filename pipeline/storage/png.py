"""A fast, exact decoder for the commonest kind of mask: 8-bit greyscale PNG.

Pillow and OpenCV inflate such a file row by row, which costs twenty times what zlib-ng needs for
the whole of it. A mask is flat, so its rows hardly ever use other filters than the three below;
anything else is left to Pillow. A test compares the two.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">IIBBBBB")
_SUB, _UP = 1, 2
# Transparency, and everything that may hold an orientation (ImageMagick puts EXIF into text).
_NOT_PLAIN = {b"tRNS", b"eXIf", b"tEXt", b"zTXt", b"iTXt"}


class _Header(NamedTuple):
    width: int
    height: int
    bit_depth: int
    colour_type: int
    compression: int
    filter_method: int
    interlace: int


def is_whole_png(content: bytes) -> bool:
    """Tell whether all chunks are there, up to the one that ends the file, with right checksums."""
    *_, (last, _) = [(b"", b""), *_chunks(content)]
    return last == b"IEND"


def decode_grey_png(content: bytes, max_pixels: int) -> NDArray[np.uint8] | None:
    """Return the H×W grey levels, or None for any file that is not plain, whole and sound.

    Args:
        content: the file.
        max_pixels: larger images are not decoded.
    """
    if not content.startswith(_SIGNATURE):
        return None
    chunks = list(_chunks(content))
    names = [name for name, _ in chunks]
    if names[:1] != [b"IHDR"] or names[-1] != b"IEND" or _NOT_PLAIN & set(names):
        return None
    if len(chunks[0][1]) != _HEADER.size:
        return None
    header = _Header(*_HEADER.unpack(chunks[0][1]))
    if header[2:] != (8, 0, 0, 0, 0) or not 0 < header.width * header.height <= max_pixels:
        return None
    rows = _inflate(
        b"".join(data for name, data in chunks if name == b"IDAT"),
        header.height,
        header.width + 1,
    )
    return None if rows is None else _unfilter(rows[:, 0], rows[:, 1:])


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the (name, data) of chunks up to the first that is cut off or damaged, or to IEND."""
    position = len(_SIGNATURE)
    name = b""
    while name != b"IEND" and position + 12 <= len(content):
        length, name = struct.unpack_from(">I4s", content, position)
        data = content[position + 8 : position + 8 + length]
        end = position + 8 + length
        if content[end : end + 4] != zlib.crc32(data, zlib.crc32(name)).to_bytes(4, "big"):
            return
        yield name, data
        position = end + 4


def _inflate(data: bytes, height: int, row_bytes: int) -> NDArray[np.uint8] | None:
    inflater = zlib_ng.decompressobj()
    try:
        # One byte over: a stream that holds more than the image has not ended by then.
        raw = inflater.decompress(data, height * row_bytes + 1)
    except zlib_ng.error:  # type: ignore[misc]  # its stub calls the class an instance
        return None
    if not inflater.eof or len(raw) != height * row_bytes:
        return None
    return np.frombuffer(raw, np.uint8).reshape(height, row_bytes)


def _unfilter(filters: NDArray[np.uint8], rows: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Undo PNG's filters None, Sub and Up; None where a row uses another one (modulo 256)."""
    if filters.max() > _UP:
        return None
    levels = np.array(rows)
    subs = filters == _SUB
    levels[subs] = np.add.accumulate(levels[subs], axis=1, dtype=np.uint8)
    for row in np.flatnonzero(filters == _UP):
        if row:
            levels[row] += levels[row - 1]
    return levels
