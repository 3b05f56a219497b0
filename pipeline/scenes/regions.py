"""Where an edit may change a scene, and how its difference gets there at full resolution."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.heatmaps.dose import Region
from pipeline.pictures.reading import Pixels

Weight = NDArray[np.float32]


def feathered_region(
    mask: NDArray[np.bool_], region: Region, feather_px: float, image_size: tuple[int, int]
) -> Weight:
    """Return how much of an edit each pixel of a scene takes, in [0, 1].

    The keyword's region is the mask, fading out over `feather_px` beyond it; the background's is
    what lies outside the mask, fading in, so that no pixel of the product changes.

    Args:
        mask: H×W of the scene's own size, the keyword.
        region: which of the two may change.
        feather_px: width of the fade in pixels at `image_size`.
        image_size: (height, width) that edits are made at.
    """
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    width_px = feather_px * max(mask.shape[0] / image_size[0], mask.shape[1] / image_size[1])
    outside = np.minimum(away / (width_px + 1), 1).astype(np.float32)
    return 1 - outside if region == "keyword" else outside


def moved_region(
    raised: NDArray[np.bool_], lowered: NDArray[np.bool_], weight: Weight
) -> NDArray[np.float32]:
    """Return where attention is to move, H×W, for each unit of its change of log odds.

    1 where it is to rise, -1 where it is to fall, as far as the picture may change there; where
    it may on both sides, each takes half.

    Args:
        raised: H×W, one side.
        lowered: H×W, the other.
        weight: H×W, of `feathered_region`.
    """
    up, down = (side & (weight == 1) for side in (raised, lowered))
    moved = up.astype(np.float32) - down
    return moved / 2 if up.any() and down.any() else moved


def add_change(original: Pixels, change: NDArray[np.float32], weight: Weight) -> Pixels:
    """Add an edit's change to the original, H×W×3, inside the region; all other pixels stay.

    Args:
        original: H×W×3.
        change: h×w×3, a difference in grey levels, or h×w×12, a map of the original's colours
            (`pipeline.editing.colour_maps`), brought to the original's size before it is applied:
            so texture that `h×w` does not hold is the original's, too.
        weight: H×W, `feathered_region`.
    """
    size = original.shape[:2]
    difference = _enlarged(change[..., -3:], size)
    for channel in range(change.shape[-1] // 3 - 1):
        gain = _enlarged(change[..., 3 * channel : 3 * channel + 3], size)
        difference = difference + gain * original[..., channel : channel + 1]
    changed = np.rint(original + weight[..., None] * difference)
    edited = np.clip(changed, 0, 255).astype(np.uint8)
    return np.where(weight[..., None] > 0, edited, original)


def _enlarged(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return h×w×3 at `size` (height, width)."""
    if values.shape[:2] == size:
        return values
    shrinks = size[0] < values.shape[0] or size[1] < values.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(values, size[::-1], interpolation=method), np.float32)
