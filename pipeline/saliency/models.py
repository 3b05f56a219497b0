"""Saliency models behind one call: H×W×3 uint8 RGB in, H×W float32 map >= 0 out."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.errors import InputError, ParamsError
from pipeline.storage.images import Pixels

SaliencyModel = Callable[[Pixels], NDArray[np.float32]]

SPECTRAL_RESIDUAL = "spectral_residual"
_MEDIAATTENTION = "mediaattention:"
MODELS = (SPECTRAL_RESIDUAL, *(_MEDIAATTENTION + name for name in ("ads", "unisal", "spectral")))
"""`spectral_residual` is OpenCV's (Hou & Zhang 2007), without weights. The others are of the
package mediaattention, which fetches the weights of `ads` and `unisal` when first used."""


@cache
def load_model(name: str) -> SaliencyModel:
    """Return a model of `MODELS`, loaded once per process.

    Raises:
        ParamsError: its package is not installed.
        InputError: its weights cannot be had.
    """
    if name == SPECTRAL_RESIDUAL:
        return _spectral_residual
    return _mediaattention(name.removeprefix(_MEDIAATTENTION))


def _spectral_residual(image: Pixels) -> NDArray[np.float32]:
    model = cv2.saliency.StaticSaliencySpectralResidual.create()
    _, heatmap = model.computeSaliency(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return np.asarray(heatmap, np.float32)


def _mediaattention(name: str) -> SaliencyModel:
    try:
        from mediaattention import predict
    except ImportError as error:
        raise ParamsError(
            f"attention_heatmap.model {_MEDIAATTENTION}{name} needs a package that is not "
            "installed. Run: pip install 'gazeshift[mediaattention]', or set model: "
            f"{SPECTRAL_RESIDUAL}."
        ) from error

    def model(image: Pixels) -> NDArray[np.float32]:
        return np.maximum(predict(Image.fromarray(image), name)[0], 0).astype(np.float32)

    try:
        model(np.zeros((64, 64, 3), np.uint8))
    except (OSError, ImportError, ValueError) as error:
        raise InputError(
            f"mediaattention cannot load its model {name!r} ({type(error).__name__}: {error}). Its "
            "weights come from the model hub: run once with a network, or set "
            f"attention_heatmap.model: {SPECTRAL_RESIDUAL}."
        ) from error
    return model
