"""Telling a whole PNG from a truncated or damaged one: Pillow forgives the loss of the last chunks.

Neither decoding nor `Image.verify` sees that the end of a file is missing, or the last checksums.
"""

from __future__ import annotations

import struct
import zlib

_SIGNATURE_BYTES = 8


def is_whole_png(content: bytes) -> bool:
    """Tell whether all chunks are there, up to the one that ends the file, with right checksums."""
    position = _SIGNATURE_BYTES
    name = b""
    while name != b"IEND" and position + 12 <= len(content):
        length, name = struct.unpack_from(">I4s", content, position)
        end = position + 8 + length
        checksum = zlib.crc32(content[position + 4 : end])
        if content[end : end + 4] != checksum.to_bytes(4, "big"):
            return False
        position = end + 4
    return name == b"IEND"
