"""The cache of inversions and edits, for a server: in memory, so that nothing outlives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


class MemoryCache:
    """Named tensors, of which those used last are kept.

    Args:
        room_gb: what `prune` leaves.
    """

    def __init__(self, room_gb: float) -> None:
        self.room_gb = room_gb
        # In the order of their last use.
        self._kept: dict[str, dict[str, Tensor]] = {}

    def get(self, key: str) -> dict[str, Tensor] | None:
        """Return what was put there, None if it is not (or no longer) there."""
        tensors = self._kept.pop(key, None)
        if tensors is not None:
            self._kept[key] = tensors
        return tensors

    def put(self, key: str, tensors: Mapping[str, Tensor]) -> None:
        """Keep tensors."""
        self._kept[key] = {name: values.cpu().contiguous() for name, values in tensors.items()}

    def prune(self) -> None:
        """Forget what was not used for longest until the rest has room."""
        used = sum(map(_size, self._kept.values()))
        while self._kept and used > self.room_gb * 1e9:
            used -= _size(self._kept.pop(next(iter(self._kept))))


def _size(tensors: Mapping[str, Tensor]) -> int:
    return sum(values.nbytes for values in tensors.values())
