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


def add_difference(original: Pixels, difference: NDArray[np.float32], weight: Weight) -> Pixels:
    """Add an edit's difference to the original, H×W×3, inside the region; all other pixels stay.

    The difference, h×w×3, edited minus unedited, in grey levels, is brought to the original's size;
    the weight is that of `feathered_region`.
    """
    height, width = original.shape[:2]
    if difference.shape[:2] != (height, width):
        shrinks = height < difference.shape[0] or width < difference.shape[1]
        method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        scaled = cv2.resize(difference, (width, height), interpolation=method)
        difference = scaled.astype(np.float32, copy=False)
    changed = np.rint(original + weight[..., None] * difference)
    edited = np.clip(changed, 0, 255).astype(np.uint8)
    return np.where(weight[..., None] > 0, edited, original)
