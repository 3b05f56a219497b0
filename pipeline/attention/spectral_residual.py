"""Spectral residual, as in OpenCV: Hou & Zhang 2007, "Saliency detection", CVPR. No weights."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from pipeline.ground.files import digest
from pipeline.pictures.tensors import pixels_of


class SpectralResidual:
    """What stands out of the image's spectrum; not differentiable."""

    name = "spectral_residual"
    differentiable = False
    digest = digest("spectral_residual", cv2.__version__)

    def maps(self, images: Tensor) -> Tensor:
        """Return attention, N×H×W in [0, 1], of N×3×H×W images in [-1, 1]."""
        model = cv2.saliency.StaticSaliencySpectralResidual.create()
        found = [
            model.computeSaliency(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
            for image in pixels_of(images)
        ]
        return torch.from_numpy(np.stack(found).astype(np.float32)).to(images.device)
