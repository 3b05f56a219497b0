"""Inversions and edits on disk, keyed by all that they depend on, shared by all runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pipeline.ground.files import replacing

if TYPE_CHECKING:
    from torch import Tensor


class Cache(Protocol):
    """What an editor keeps its work in; what was not used for longest may be gone."""

    def get(self, key: str) -> dict[str, Tensor] | None:
        """Return what was put there, None if it is not (or no longer) there."""
        ...

    def put(self, key: str, tensors: Mapping[str, Tensor]) -> None:
        """Keep tensors."""
        ...

    def prune(self) -> None:
        """Forget what was not used for longest until the rest has room."""
        ...


class TensorCache:
    """A folder of named tensors, one file for each key.

    Args:
        folder: is made when something is put there.
        room_gb: what `prune` leaves, the files used last; 0 keeps nothing.
    """

    def __init__(self, folder: Path, room_gb: float) -> None:
        self.folder = folder
        self.room_gb = room_gb

    def get(self, key: str) -> dict[str, Tensor] | None:
        """Return what was put there, None if it is not (or no longer) there."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        path = self._path(key)
        try:
            tensors = load_file(path)
            os.utime(path)
        except (FileNotFoundError, SafetensorError):
            return None
        return tensors

    def put(self, key: str, tensors: Mapping[str, Tensor]) -> None:
        """Keep tensors."""
        from safetensors.torch import save_file

        with replacing(self._path(key)) as temporary:
            save_file({name: values.contiguous() for name, values in tensors.items()}, temporary)

    def prune(self) -> None:
        """Delete what was not used for longest until the rest has room."""
        files = []
        for path in self.folder.glob("*/*.safetensors"):
            # Runs that share the cache prune it too.
            with suppress(FileNotFoundError):
                files.append((path.stat(), path))
        kept = 0
        for status, path in sorted(files, key=lambda file: -file[0].st_mtime):
            kept += status.st_size
            if kept > self.room_gb * 1e9:
                path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.safetensors"
