"""What a stage wrote, read back: a file that is damaged is named with what makes it again."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.ground.errors import InputError, first_line
from pipeline.ground.files import read_text

SIGNS = (
    ValueError,
    LookupError,
    ArithmeticError,
    TypeError,
    AttributeError,
    RecursionError,
    csv.Error,
)
"""What fails where a file is picked apart that holds something else."""


@contextmanager
def reading(path: Path, stage: str) -> Iterator[None]:
    """While an out of a stage is read and picked apart, take what fails for damage to the file.

    Wrap those lines alone: what else fails there is blamed on the file, too.

    Raises:
        InputError: it is not what the stage writes.
    """
    try:
        yield
    except SIGNS as error:
        raise InputError(
            f"{path} is damaged, or another version wrote it ({type(error).__name__}: "
            f"{first_line(error)}). Delete it and run `dvc repro {stage}`: it is made again."
        ) from error


def read_json(path: Path, stage: str) -> dict[str, Any]:
    """Return the JSON object that the stage wrote.

    Raises:
        InputError: it is damaged.
    """
    with reading(path, stage):
        return json_object(path)


def json_object(path: Path) -> dict[str, Any]:
    """Return the JSON object that a file holds.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deep.
        TypeError: it is another value.
    """
    values = json.loads(read_text(path, "utf-8-sig"))
    if not isinstance(values, dict):
        raise TypeError(f"must hold a JSON object, found {type(values).__name__}")
    return values
