"""A Python file as an attention model: whoever a project asks that we do not know."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.ground.code import maker_of
from pipeline.ground.errors import InputError, ParamsError
from pipeline.pictures.tensors import pixels_of

FUNCTION = "attention_map"


class PythonFile:
    """What the file's function `attention_map(image)` sees in a picture, H×W×3 uint8 RGB.

    It returns attention, H×W, finite and >= 0. The same picture gives the same map: whatever is
    drawn at random is drawn from fixed seeds, so that an original and its edits are looked at by
    the same viewers. The file may import anything that is installed or lies in the root. Messages
    name the parameter that names the file.

    Raises:
        ParamsError: the file has no such function.
    """

    differentiable = False

    def __init__(self, path: Path, parameter: str) -> None:
        spec = spec_from_file_location(f"attention_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        function = getattr(module, FUNCTION, None)
        if not callable(function):
            raise ParamsError(
                f"{parameter}: {path} has no function `{FUNCTION}`. Give it one that takes a "
                "picture, H×W×3 uint8 RGB, and returns its attention, H×W, >= 0."
            )
        self._function, self._parameter = function, parameter
        self.name = path.name
        # All that its maps depend on is code.
        self.digest = FUNCTION
        self.makers = (__name__, maker_of(path))

    def maps(self, images: Tensor) -> Tensor:
        """Return attention, N×H×W, of N×3×H×W images in [-1, 1].

        Raises:
            InputError: what the function returned is no map of its picture.
        """
        found = np.stack([self._map(image) for image in pixels_of(images)])
        return torch.from_numpy(found).to(images.device)

    def _map(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        attention = np.asarray(self._function(image), np.float32)
        if attention.shape != image.shape[:2]:
            raise InputError(
                f"{self._parameter}: `{FUNCTION}` returned a map of shape {attention.shape} for a "
                f"picture of {image.shape[:2]}. It must have the picture's height and width."
            )
        if not np.isfinite(attention).all() or attention.min() < 0:
            raise InputError(
                f"{self._parameter}: `{FUNCTION}` returned values that are negative or not finite. "
                "Attention is >= 0 everywhere."
            )
        return attention
