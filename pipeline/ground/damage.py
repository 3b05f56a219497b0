"""What a stage wrote, read back: a file that is damaged is named with what makes it again."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.ground.errors import InputError

_SIGNS = (ValueError, LookupError, TypeError, AttributeError, RecursionError, csv.Error)


@contextmanager
def reading(path: Path, stage: str) -> Iterator[None]:
    """While an out of a stage is read and picked apart, take what fails for damage to the file.

    Raises:
        InputError: it is not what the stage writes.
    """
    try:
        yield
    except _SIGNS as error:
        why = str(error).partition("\n")[0]
        raise InputError(
            f"{path} is damaged, or another version wrote it ({type(error).__name__}: {why}). "
            f"Delete it and run `dvc repro {stage}`: it is made again."
        ) from error


def read_json(path: Path, stage: str) -> dict[str, Any]:
    """Return the JSON object that the stage wrote.

    Raises:
        InputError: it is damaged.
    """
    with reading(path, stage):
        return dict(json.loads(path.read_text(encoding="utf-8")))
