"""The classical saliency models that OpenCV has. No weights."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from pipeline.ground.files import digest
from pipeline.pictures.tensors import pixels_of


class SpectralResidual:
    """What stands out of the image's spectrum (Hou & Zhang 2007), by OpenCV.

    "Saliency detection: a spectral residual approach", CVPR.
    """

    differentiable = False
    makers = (__name__,)
    algorithm: Any = cv2.saliency.StaticSaliencySpectralResidual

    def __init__(self, name: str) -> None:
        self.name, self.digest = name, digest(name, cv2.__version__)

    def maps(self, images: Tensor) -> Tensor:
        """Return attention, N×H×W in [0, 1], of N×3×H×W images in [-1, 1]."""
        model = self.algorithm.create()
        found = [
            model.computeSaliency(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
            for image in pixels_of(images)
        ]
        return torch.from_numpy(np.stack(found).astype(np.float32)).to(images.device)


class FineGrained(SpectralResidual):
    """Centre-surround differences of intensity at the image's own grain (Montabone & Soto 2010).

    "Human detection using a mobile platform and novel features derived from a visual saliency
    mechanism", Image and Vision Computing 28(3).
    """

    algorithm = cv2.saliency.StaticSaliencyFineGrained
