"""The plain change of a heatmap by a mask with values between 0 and 1, from Python alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.heatmaps.algebra import capped_scale, checked_maps
from pipeline.heatmaps.dose import checked_alphas


def is_soft(mask: ArrayLike) -> bool:
    """Tell whether a mask has values between 0 and 1, and none beyond."""
    values = np.asarray(mask, np.float64)
    return bool(((values >= 0) & (values <= 1)).all() and ((values > 0) & (values < 1)).any())


def modify_softly(heatmap: ArrayLike, mask: ArrayLike, alpha: float) -> NDArray[np.float32]:
    """Multiply attention by `1 + mask*(alpha - 1)`, keeping the total; values over 1 are capped.

    With a mask of 0 and 1 that is `pipeline.heatmaps.algebra.modify_heatmap`.

    Args:
        heatmap: H×W or ...×H×W, in [0, 1].
        mask: in [0, 1], of the same shape or H×W.
        alpha: factor, finite and >= 0.

    Raises:
        ValueError: for arguments outside the above.
    """
    weights = np.asarray(mask, np.float64)
    heat, _ = checked_maps(heatmap, np.zeros(weights.shape, np.bool_))
    factors = 1 + np.broadcast_to(weights, heat.shape) * (checked_alphas(alpha).item() - 1)
    result = np.empty_like(heat)
    for index in np.ndindex(heat.shape[:-2]):
        before = heat[index].astype(np.float64)
        changed = before * factors[index]
        scale = capped_scale(changed, float(before.sum()), np.ones(before.shape))
        result[index] = np.minimum(changed * scale, 1)
    return result
