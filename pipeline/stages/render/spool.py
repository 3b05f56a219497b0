"""Records that wait their turn: in memory while they are few, in a file that has no name else."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Self

# Of one scene of one video; workers have one each.
_MOST_IN_MEMORY = 64 << 20


class Spool:
    """Records by their number, from 0; a context manager."""

    def __init__(self, folder: Path) -> None:
        """Take over a folder, on whose disk the file is to lie."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._places: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self._places)

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            self._file = opened.enter_context(
                tempfile.SpooledTemporaryFile(max_size=_MOST_IN_MEMORY, dir=str(self._folder))
            )
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def append(self, record: bytes) -> None:
        """Add a record."""
        start = self._file.seek(0, 2)
        self._places.append((start, self._file.write(record)))

    def read(self, number: int) -> bytes:
        """Return a record."""
        start, length = self._places[number]
        self._file.seek(start)
        return self._file.read(length)
