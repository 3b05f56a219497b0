"""PNGs chunk by chunk: whether a file is whole, and how to have it decoded faster.

Pillow forgives a missing end and wrong last checksums, both in decoding and in `Image.verify`. And
it asks zlib for one row of pixels after the other, which for a mask takes ten times as long as
inflating all of it in one piece. So it is given the same file with its data inflated already; plain
grey ones are given to FFmpeg instead, which undoes the rows' filters with vector instructions.
"""

from __future__ import annotations

import struct
import threading
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Values per pixel of the colour types (PNG specification, section 11.2.1).
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PALETTE = 3
_HEADER = 13
# Deflate's longest stored block (RFC 1951, section 3.2.4).
_BLOCK = 0xFFFF
_LAST_FILTER = 4
# Bits per value and colour type, as the header has them.
_8_BIT_GREY = bytes((8, 0))
# All else may say that a picture lies on its side, or inflate to any size in FFmpeg's hands.
_PLAIN = {b"IHDR", b"IDAT", b"IEND"}


class Chunk(NamedTuple):
    """A part of the file, its checksum found right."""

    name: bytes
    data: bytes


def read_chunks(content: bytes) -> list[Chunk] | None:
    """Return all chunks up to the one that ends the file; None if one is missing or damaged."""
    chunks = []
    position = len(_SIGNATURE)
    name = b""
    while name != b"IEND" and position + 12 <= len(content):
        length, name = struct.unpack_from(">I4s", content, position)
        end = position + 8 + length
        checksum = zlib_ng.crc32(content[position + 4 : end])
        if content[end : end + 4] != checksum.to_bytes(4, "big"):
            return None
        chunks.append(Chunk(name, content[position + 8 : end]))
        position = end + 4
    return chunks if name == b"IEND" else None


def beyond_8_bits(chunks: list[Chunk]) -> str:
    """Return what of a file Pillow would drop in silence, "" if nothing: low bytes, transparency.

    Grey of 16 bits it keeps, and the transparency of a palette.
    """
    bits, colour = chunks[0].data[8:10] if len(chunks[0].data) == _HEADER else (0, 0)
    if bits == 16 and colour:
        return "16 bits per channel"
    if colour != _PALETTE and any(chunk.name == b"tRNS" for chunk in chunks):
        return "a transparent colour (tRNS)"
    return ""


def inflated(chunks: list[Chunk]) -> bytes | None:
    """Return the same file with its data stored instead of deflated; all else is as it was.

    None where the data are not what the header announces, or a row's filter is none there is (of an
    interlaced file that is not looked into): then Pillow is to judge the original.
    """
    headers = [place for place, chunk in enumerate(chunks) if chunk.name == b"IHDR"]
    if headers != [0]:
        return None
    size = _filtered_bytes(chunks[0].data)
    deflated = b"".join(chunk.data for chunk in chunks if chunk.name == b"IDAT")
    inflater = zlib_ng.decompressobj()
    try:
        # One byte more than there may be: what inflates to a thousand times that is not taken in.
        rows = inflater.decompress(deflated, size + 1) if size else b""
    except zlib_ng.error:  # type: ignore[misc]  # its stub calls it an object
        return None
    if not size or len(rows) != size or not inflater.eof:
        return None
    (height,) = struct.unpack_from(">I", chunks[0].data, 4)
    if max(rows[:: size // height]) > _LAST_FILTER:
        return None
    first = next(place for place, chunk in enumerate(chunks) if chunk.name == b"IDAT")
    before = _written(chunks[:first])
    after = _written([chunk for chunk in chunks[first:] if chunk.name != b"IDAT"])
    return b"".join([_SIGNATURE, *before, *_stored(rows), *after])


def grey_levels(chunks: list[Chunk]) -> NDArray[np.uint8] | None:
    """Return the pixels, H×W, of an 8-bit grey file that lies as it is shown.

    None of any other, and where the decoder has a doubt.
    """
    names = {chunk.name for chunk in chunks}
    if not chunks or names - _PLAIN or chunks[0].data[8:10] != _8_BIT_GREY:
        return None
    stored = inflated(chunks)
    if stored is None:
        return None
    width, height = struct.unpack_from(">II", chunks[0].data)
    packet = av.Packet(stored)
    # FFmpeg takes what is no key frame for a change of the picture before.
    packet.is_keyframe = True
    try:
        (frame,) = _decoders.decoder.decode(packet)
    except (av.FFmpegError, ValueError):
        return None
    if (frame.format.name, frame.width, frame.height) != ("gray", width, height):
        return None
    plane = frame.planes[0]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(height, plane.line_size)[:, :width]


class _Decoders(threading.local):
    """FFmpeg's decoder; a thread has its own."""

    def __init__(self) -> None:
        self.decoder = av.VideoCodecContext.create("png", "r")
        self.decoder.thread_count = 1


_decoders = _Decoders()


def _filtered_bytes(header: bytes) -> int:
    """Return how many bytes the rows have with their filters' marks; 0 where that is not known."""
    if len(header) != _HEADER:
        return 0
    width, height, bits, colour, *_, interlaced = struct.unpack(">IIBBBBB", header)
    if interlaced or colour not in _CHANNELS:
        return 0
    return int(height * (1 + -(-width * bits * _CHANNELS[colour] // 8)))


def _stored(rows: bytes) -> list[bytes | memoryview]:
    """Return the parts of an IDAT chunk: a zlib stream of stored blocks (RFC 1950 and 1951)."""
    view = memoryview(rows)
    parts: list[bytes | memoryview] = [b"IDAT", b"\x78\x01"]
    for start in range(0, len(rows), _BLOCK):
        block = view[start : start + _BLOCK]
        is_last = start + _BLOCK >= len(rows)
        parts += [struct.pack("<BHH", is_last, len(block), len(block) ^ _BLOCK), block]
    parts.append(zlib_ng.adler32(rows).to_bytes(4, "big"))
    return _framed(parts)


def _written(chunks: list[Chunk]) -> list[bytes | memoryview]:
    return [part for chunk in chunks for part in _framed(list(chunk))]


def _framed(parts: list[bytes | memoryview]) -> list[bytes | memoryview]:
    """Return the parts of a chunk, its name first, with length and checksum."""
    checksum = 0
    for part in parts:
        checksum = zlib_ng.crc32(part, checksum)
    length = sum(map(len, parts)) - len(parts[0])
    return [length.to_bytes(4, "big"), *parts, checksum.to_bytes(4, "big")]
