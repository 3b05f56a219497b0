"""Inversions on disk, keyed by all that they depend on; all runs of a repository share them."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.editing.inversion import Inversion
from pipeline.storage.files import replacing


class InversionCache:
    """A folder of inversions, one file each.

    Args:
        folder: is made when something is put there.
        room_gb: what `prune` leaves, the files used last; 0 keeps nothing.
    """

    def __init__(self, folder: Path, room_gb: float) -> None:
        self.folder = folder
        self.room_gb = room_gb

    def get(self, key: str) -> Inversion | None:
        """Return one scene's inversion (N = 1), None if it is not there."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        path = self._path(key)
        try:
            tensors = load_file(path)
            os.utime(path)
        except (FileNotFoundError, SafetensorError):
            return None
        return Inversion(**tensors)

    def put(self, key: str, inversion: Inversion) -> None:
        """Keep one scene's inversion (N = 1)."""
        from safetensors.torch import save_file

        tensors = {name: values.contiguous() for name, values in vars(inversion).items()}
        with replacing(self._path(key)) as temporary:
            save_file(tensors, temporary)

    def prune(self) -> None:
        """Delete what was not used for longest until the rest has room."""
        files = [(path, path.stat()) for path in self.folder.glob("*/*.safetensors")]
        kept = 0
        for path, status in sorted(files, key=lambda file: -file[1].st_mtime):
            kept += status.st_size
            if kept > self.room_gb * 1e9:
                path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.safetensors"
