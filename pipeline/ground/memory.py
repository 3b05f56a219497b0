"""Memory for one picture after the other, without clearing its pages for each of them."""

from __future__ import annotations

import ctypes
from functools import cache

# Of malloc.h, see mallopt(3).
_M_TRIM_THRESHOLD = -1
_M_TOP_PAD = -2
_M_MMAP_THRESHOLD = -3
_LARGEST_PICTURE = 32 << 20
_KEPT = 128 << 20


@cache
def keep_freed_memory() -> None:
    """Have a process of ours keep the memory that it frees, up to 128 MB, for what comes next.

    A picture's buffers are a megabyte each. glibc gives them back to the kernel at once, which then
    clears every page of them for the next picture: over half of the time that decoding a mask
    takes. Other C libraries have no such knob, and nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_M_MMAP_THRESHOLD, _LARGEST_PICTURE)
    mallopt(_M_TRIM_THRESHOLD, _KEPT)
    mallopt(_M_TOP_PAD, _LARGEST_PICTURE)
