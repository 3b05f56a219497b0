"""The models of the package mediaattention, which is not required."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pipeline.ground.errors import InputError, ParamsError
from pipeline.ground.files import digest
from pipeline.pictures.tensors import pixels_of


class MediaAttention:
    """A model of the package mediaattention, which is not required; some fetch their weights.

    Raises:
        ParamsError: the package is not installed.
        InputError: the model's weights cannot be had.
    """

    differentiable = False
    makers = (__name__,)

    def __init__(self, name: str) -> None:
        try:
            from mediaattention import predict
        except ImportError as error:
            raise ParamsError(
                f"the attention model {name} needs a package that is not installed. Run: "
                "pip install mediaattention, or choose spectral_residual."
            ) from error
        self.name = name
        self.digest = digest(name, version("mediaattention"))
        self._predict = predict
        self._model = name.partition(":")[2]
        try:
            self.maps(torch.zeros(1, 3, 64, 64))
        except (OSError, ImportError, ValueError) as error:
            raise InputError(
                f"mediaattention cannot load its model {self._model!r} "
                f"({type(error).__name__}: {error}). Its weights come from the model hub: run once "
                "with a network, or choose spectral_residual."
            ) from error

    def maps(self, images: Tensor) -> Tensor:
        """Return attention, N×H×W, >= 0, of N×3×H×W images in [-1, 1]."""
        found = [
            np.maximum(self._predict(Image.fromarray(image), self._model)[0], 0)
            for image in pixels_of(images)
        ]
        return torch.from_numpy(np.stack(found).astype(np.float32)).to(images.device)
