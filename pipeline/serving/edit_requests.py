"""What is asked of the served editor, held to the contract that the stages' files are held to."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pipeline.ground.errors import InputError
from pipeline.pictures.reading import (
    ImageRefused,
    Pixels,
    encode,
    grey_pixels,
    rgb_pixels,
    stored_size,
)
from pipeline.pictures.resizing import resize
from schemas.keywords import LONGEST, refusal
from schemas.rejected_scenes import REMEDIES, Reason

FIELDS = {
    "image": "string",
    "mask": "string",
    "heatmap": "string",
    "keyword": "string",
    "alpha": "double",
}
"""The fields of a request and MLflow's types for them."""

MAX_ALPHA = 100.0
"""As in `dose_curve.alphas`: beyond, the share asked for is 1 in all digits that matter."""

MAX_ROWS = 64
"""Scenes in one call."""

MAX_PICTURE = 16_000_000
"""Pixels of one picture: 4000x4000, twice what a video in 4K has."""

MAX_CALL = 64_000_000
"""Pixels of all images of a call together, which are in memory at once."""


class EditRequest(NamedTuple):
    """A request that holds the contract; the files are as they came."""

    image: bytes
    mask: bytes
    heatmap: bytes
    keyword: str
    alpha: float


def read_requests(rows: Sequence[Any], image_size: tuple[int, int]) -> list[EditRequest]:
    """Return the requests of a call.

    Args:
        rows: should be {field of `FIELDS`: value}; images are base64 of JPEG or PNG files.
        image_size: (height, width) at which edits are made.

    Raises:
        InputError: names every field, of every row, that breaks a rule.
    """
    if len(rows) > MAX_ROWS:
        raise InputError(
            f"rows: a call holds at most {MAX_ROWS}, found {len(rows):,}. Make several calls."
        )
    problems: list[str] = []
    requests = []
    pixels = 0
    for number, row in enumerate(rows):
        request, wrong, decoded = _read(row, image_size, MAX_CALL - pixels)
        # A row that is refused has cost as much.
        pixels += decoded
        problems += [f"row {number}, {field}: {text}" for field, text in wrong.items()]
        if request:
            requests.append(request)
    if problems:
        raise InputError("\n".join(problems))
    return requests


def example_row(image_size: tuple[int, int]) -> dict[str, Any]:
    """Return a small drawn request: a bright disc on a dark gradient, looked at a little."""
    height, width = image_size
    down, across = np.mgrid[:height, :width].astype(np.float32)
    distance = np.hypot(down - height / 2, across - width / 2) / (min(image_size) / 4)
    disc = distance < 1
    image = np.stack([60 + 100 * disc, 50 + 40 * down / height, 40 + 40 * across / width], -1)
    heatmap = 40 + 160 * np.exp(-(distance**2))
    return {
        "image": as_text(encode(image.astype(np.uint8), "png")),
        "mask": as_text(encode(disc.astype(np.uint8) * np.uint8(255), "png")),
        "heatmap": as_text(encode(heatmap.astype(np.uint8), "png")),
        "keyword": "ball",
        "alpha": 1.5,
    }


def as_text(file: bytes) -> str:
    """Return a file as the base64 that JSON carries."""
    return base64.b64encode(file).decode("ascii")


def _read(
    row: Any, image_size: tuple[int, int], room: int
) -> tuple[EditRequest | None, dict[str, str], int]:
    """Return the request, or None and {field: problem}; and the pixels of its largest picture.

    `room` is for so many pixels; a picture of more is not decoded, nor does it count.
    """
    if not isinstance(row, Mapping):
        return None, {"all fields": f"must be an object with {_NAMES}, found {_kind(row)}."}, 0
    if missing := [field for field in FIELDS if field not in row]:
        return None, dict.fromkeys(missing, f"is missing: a row has {_NAMES}."), 0
    problems: dict[str, str] = {}
    largest = 0
    files: dict[str, bytes] = {}
    pixels: dict[str, Pixels] = {}
    for field, read in _READERS.items():
        try:
            files[field] = _file(row[field])
            largest = max(largest, _pixels_within(files[field], room))
            pixels[field] = read(files[field])
            _check_size(pixels[field], pixels.get("image"))
            if field in _CHECKS:
                _CHECKS[field](resize(pixels[field], image_size))
        except ImageRefused as error:
            problems[field] = f"{error}. {REMEDIES[error.reason]}"
        except ValueError as error:
            problems[field] = str(error)
    for field, problem in (("keyword", _wrong_keyword), ("alpha", _wrong_alpha)):
        if text := problem(row[field]):
            problems[field] = text
    if problems:
        return None, problems, largest
    return EditRequest(**files, keyword=row["keyword"], alpha=float(row["alpha"])), {}, largest


def _wrong_keyword(keyword: Any) -> str:
    if not isinstance(keyword, str):
        return f"must be a text, found {_kind(keyword)}."
    if len(keyword) > LONGEST:
        return f"must have at most {LONGEST} characters, found {len(keyword):,}. Name the thing."
    if any(0xD800 <= ord(character) <= 0xDFFF for character in keyword):
        return "must be a text, found half of a character that takes two (a lone surrogate)."
    if reason := refusal(keyword):
        return (
            f"{reason.value}: must name a thing that one can see, such as 'sneaker', "
            f"found {keyword!r}."
        )
    return ""


def _wrong_alpha(alpha: Any) -> str:
    number = isinstance(alpha, int | float) and not isinstance(alpha, bool)
    if number and 0 <= alpha <= MAX_ALPHA:
        return ""
    found = repr(alpha)[:20] if number else _kind(alpha)
    return (
        f"must be a number from 0 to {MAX_ALPHA:g}, found {found}: above 1 raises attention on "
        "the product, below 1 lowers it, 1 changes nothing."
    )


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"another kind of value ({type(value).__name__})"


def _file(text: Any) -> bytes:
    rule = "must be the base64 text, without line breaks, of a JPEG or PNG file"
    if not isinstance(text, str):
        raise ValueError(f"{rule}, found {type(text).__name__}.")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"{rule}, found other text: {error}.") from error


def _pixels_within(file: bytes, room: int) -> int:
    height, width = stored_size(file)
    if height * width > MAX_PICTURE:
        found = f"{width}x{height} pixels, at most {MAX_PICTURE:,} are edited here"
        raise ImageRefused(Reason.IMAGE_TOO_LARGE, found)
    if height * width > room:
        raise ValueError(
            f"the call's pictures have more than {MAX_CALL:,} pixels together. Make several calls."
        )
    return height * width


def _check_size(pixels: Pixels, image: Pixels | None) -> None:
    if image is not None and pixels.shape[:2] != image.shape[:2]:
        (height, width), (own_height, own_width) = image.shape[:2], pixels.shape[:2]
        raise ValueError(
            f"must have the image's size, {width}x{height} pixels, found {own_width}x{own_height}. "
            "Resize it to the image's."
        )


def _check_mask(levels: Pixels) -> None:
    mask = levels > 127
    if mask.any() and not mask.all():
        return
    reason, which = (Reason.MASK_FULL, "every") if mask.any() else (Reason.MASK_EMPTY, "no")
    height, width = mask.shape
    raise ImageRefused(reason, f"{which} pixel is over half grey, at {width}x{height}")


def _check_heatmap(levels: Pixels) -> None:
    if levels.min() == levels.max():
        raise ImageRefused(Reason.HEATMAP_CONSTANT, f"every pixel is {levels.flat[0]}")


_NAMES = ", ".join(FIELDS)
_READERS: dict[str, Callable[[bytes], Pixels]] = {
    "image": rgb_pixels,
    "mask": grey_pixels,
    "heatmap": grey_pixels,
}
_CHECKS: dict[str, Callable[[Pixels], None]] = {"mask": _check_mask, "heatmap": _check_heatmap}
