"""What is asked of the served editor, held to the contract that the stages' files are held to."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pipeline.ground.errors import InputError
from pipeline.pictures.reading import ImageRefused, Pixels, encode, grey_pixels, rgb_pixels
from pipeline.pictures.resizing import resize
from schemas.keywords import refusal
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


class EditRequest(NamedTuple):
    """A request that holds the contract; the files are as they came."""

    image: bytes
    mask: bytes
    heatmap: bytes
    keyword: str
    alpha: float


def read_requests(
    rows: Sequence[Mapping[Any, Any]], image_size: tuple[int, int]
) -> list[EditRequest]:
    """Return the requests of a call.

    Args:
        rows: {field of `FIELDS`: value}; images are base64 of JPEG or PNG files.
        image_size: (height, width) at which edits are made.

    Raises:
        InputError: names every field, of every row, that breaks a rule.
    """
    problems: list[str] = []
    requests = []
    for number, row in enumerate(rows):
        request, wrong = _read(row, image_size)
        problems += [f"row {number}, {field}: {text}" for field, text in wrong.items()]
        requests += [request] if request else []
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
    row: Mapping[Any, Any], image_size: tuple[int, int]
) -> tuple[EditRequest | None, dict[str, str]]:
    """Return the request, or None and {field: problem}."""
    problems: dict[str, str] = {}
    files: dict[str, bytes] = {}
    pixels: dict[str, Pixels] = {}
    for field, read in _READERS.items():
        try:
            files[field] = _file(row[field])
            pixels[field] = read(files[field])
            _check_size(pixels[field], pixels.get("image"))
            if field in _CHECKS:
                _CHECKS[field](resize(pixels[field], image_size))
        except ImageRefused as error:
            problems[field] = f"{error}. {REMEDIES[error.reason]}"
        except ValueError as error:
            problems[field] = str(error)
    keyword, alpha = row["keyword"], row["alpha"]
    reason = refusal(keyword) if isinstance(keyword, str) else Reason.KEYWORD_BLANK
    if reason is not None:
        problems["keyword"] = (
            f"{reason.value}: must name a thing that one can see, such as 'sneaker', "
            f"found {keyword!r}."
        )
    if not (math.isfinite(alpha) and 0 <= alpha <= MAX_ALPHA):
        problems["alpha"] = (
            f"must be a number from 0 to {MAX_ALPHA:g}, found {alpha}: above 1 raises attention on "
            "the product, below 1 lowers it, 1 changes nothing."
        )
    if problems:
        return None, problems
    return EditRequest(**files, keyword=keyword, alpha=float(alpha)), {}


def _file(text: Any) -> bytes:
    rule = "must be the base64 text, without line breaks, of a JPEG or PNG file"
    if not isinstance(text, str):
        raise ValueError(f"{rule}, found {type(text).__name__}.")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"{rule}, found other text: {error}.") from error


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


_READERS: dict[str, Callable[[bytes], Pixels]] = {
    "image": rgb_pixels,
    "mask": grey_pixels,
    "heatmap": grey_pixels,
}
_CHECKS: dict[str, Callable[[Pixels], None]] = {"mask": _check_mask, "heatmap": _check_heatmap}
