"""A Python file as an attention model: whoever a project asks that we do not know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from traceback import extract_tb
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.ground.code import maker_of
from pipeline.ground.errors import InputError, ParamsError
from pipeline.pictures.tensors import pixels_of

FUNCTION = "attention_map"
# Height and width, as of a small vertical scene; networks halve them, up to six times.
_TRIED = (256, 128)
# A GPU adds in any order, in 16 bits too: by how much of their maximum two maps of one picture may
# differ.
_SAME = 1e-2


class PythonFile:
    """What the file's function `attention_map(image)` sees in a picture, H×W×3 uint8 RGB.

    It returns attention, H×W, finite and >= 0. The same picture gives the same map: whatever is
    drawn at random is drawn from fixed seeds, so that an original and its edits are looked at by
    the same viewers. The file may import anything that is installed or lies in the root. Messages
    name the parameter that names the file.

    It is tried on a picture, twice, before anything depends on it, and again after 2, 4, 8 …
    others: what learns while it looks is no judge. What it draws at random when it is loaded, each
    process draws anew, which no process can see: seeds are left to the file.

    Raises:
        ParamsError: the file has no such function.
        InputError: loading or calling it raises or exits, it returns no map, or another one of the
            same picture.
    """

    differentiable = False

    def __init__(self, path: Path, parameter: str) -> None:
        self._path, self._parameter = path, parameter
        self._function = self._load()
        self.name = path.name
        # All that its maps depend on is code.
        self.digest = FUNCTION
        self.makers = (__name__, maker_of(path))
        self._tried, self._seen = _picture(), 0
        self._first = self._map(self._tried.copy())
        self._refuse_change()

    def maps(self, images: Tensor) -> Tensor:
        """Return attention, N×H×W, of N×3×H×W images in [-1, 1].

        Raises:
            InputError: the function raised or exited, returned no map of its picture, or has
                changed since it was loaded.
        """
        found = np.stack([self._map(image) for image in pixels_of(images)])
        before, self._seen = self._seen, self._seen + len(found)
        if before.bit_length() < self._seen.bit_length():
            self._refuse_change()
        return torch.from_numpy(found).to(images.device)

    def _load(self) -> Callable[[NDArray[np.uint8]], Any]:
        spec = spec_from_file_location(f"attention_{self._path.stem}", self._path)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        with self._named("it cannot be loaded"):
            spec.loader.exec_module(module)
            function: Any = getattr(module, FUNCTION, None)
        if not callable(function):
            raise ParamsError(
                f"{self._parameter}: {self._path} has no function `{FUNCTION}`. Give it one that "
                "takes a picture, H×W×3 uint8 RGB, and returns its attention, H×W, >= 0."
            )
        return function

    def _refuse_change(self) -> None:
        again = self._map(self._tried.copy())
        if np.abs(again - self._first).max() > _SAME * self._first.max():
            raise InputError(
                f"{self._parameter}: {self._path} saw the same picture differently when it was "
                f"asked again. Let `{FUNCTION}` draw at random from fixed seeds, set in each call, "
                "and learn nothing while it looks, so that an original and its edits are looked at "
                "by the same viewers."
            )

    def _map(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        size = image.shape[:2]
        with self._named(f"`{FUNCTION}` fails"):
            found = self._function(image)
        with self._named(f"`{FUNCTION}` returned a {type(found).__name__}, no array of numbers"):
            attention = np.asarray(found)
            if attention.dtype.kind not in "buif":
                raise TypeError(f"its values are {attention.dtype}")
            attention = attention.astype(np.float32)
        if attention.shape != size:
            raise InputError(
                f"{self._parameter}: `{FUNCTION}` returned a map of shape {attention.shape} for a "
                f"picture of {size}. It must have the picture's height and width."
            )
        if not np.isfinite(attention).all() or attention.min() < 0:
            raise InputError(
                f"{self._parameter}: `{FUNCTION}` returned values that are negative or not finite. "
                "Attention is >= 0 everywhere."
            )
        return attention

    @contextmanager
    def _named(self, what: str) -> Iterator[None]:
        """Let nothing that the file raises, or its exit, pass without its name."""
        try:
            yield
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            try:
                said = str(error)
            # A stranger's class may fail as it likes.
            except Exception:
                said = "its text cannot be had"
            line = next((f" in line {n}" for n in _lines(error, self._path)), "")
            raise InputError(
                f"{self._parameter}: {self._path}: {what}{line} ({type(error).__name__}: {said}). "
                f"Mend the file: `{FUNCTION}(image)` takes a picture, H×W×3 uint8 RGB, and returns "
                "a NumPy array, H×W, >= 0."
            ) from error


def _picture() -> NDArray[np.uint8]:
    """Return the picture that every judge is tried on: a red disc on ramps of colour."""
    height, width = _TRIED
    ramps = np.indices(_TRIED).sum(0)[..., None] * (3, 5, 7) % 256
    disc = np.hypot(*(np.indices(_TRIED) - [[[height / 2]], [[width / 3]]])) < width / 5
    return np.where(disc[..., None], (220, 30, 30), ramps).astype(np.uint8)


def _lines(error: BaseException, path: Path) -> Iterator[int]:
    """Yield the lines of a file that an error went through, from the deepest on."""
    frames = extract_tb(error.__traceback__)
    yield from (f.lineno for f in reversed(frames) if f.filename == str(path) and f.lineno)
