"""Fine-grained saliency, as in OpenCV. No weights.

Montabone & Soto 2010, "Human detection using a mobile platform and novel features derived from a
visual saliency mechanism", Image and Vision Computing 28(3).
"""

from __future__ import annotations

import cv2

from pipeline.attention.spectral_residual import SpectralResidual


class FineGrained(SpectralResidual):
    """Centre-surround differences of intensity at the image's own grain (Montabone & Soto 2010)."""

    makers = (__name__,)
    algorithm = cv2.saliency.StaticSaliencyFineGrained
