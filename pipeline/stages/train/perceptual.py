"""LPIPS as a part of the loss: optional, since its weights are not ours to ship."""

from __future__ import annotations

from torch import Tensor

from pipeline.diffusion.backbone import Backbone
from pipeline.ground.errors import ParamsError


class Perceptual:
    """LPIPS (Zhang et al. 2018, arXiv 1801.03924) between decoded latents, times a weight.

    Raises:
        ParamsError: the package lpips, or its weights, cannot be had.
    """

    def __init__(self, weight: float) -> None:
        try:
            from lpips import LPIPS

            self._distance = LPIPS(net="vgg", verbose=False).eval().requires_grad_(False)
        except (ImportError, OSError, RuntimeError) as error:
            raise ParamsError(
                f"train.lambda_lpips is {weight:g}, but LPIPS cannot be loaded "
                f"({type(error).__name__}: {error}). Run `pip install lpips` beside a matching "
                "torchvision, once with a network (it fetches weights), or set lambda_lpips: 0."
            ) from error
        self.weight = weight

    def __call__(
        self, backbone: Backbone, predicted: Tensor, clean: Tensor, counts: Tensor
    ) -> Tensor:
        """Return the weighted mean distance of N×C×h×w latents, decoded.

        Args:
            backbone: whose decoder shows them.
            predicted: the model's clean latents.
            clean: the true ones.
            counts: N×1×1×1, how much each distance counts (`noise.clean_weight`).
        """
        network = self._distance.to(predicted.device)
        distance = network(backbone.decode(predicted), backbone.decode(clean))
        return self.weight * (counts * distance).mean()
