"""A change of one frame, added to the other frames of its scene where the flow carries it."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.pictures.reading import Pixels
from pipeline.video.flow import Carried, Flow, Weight, Window, enlarged, places_of, remap
from pipeline.video.planes import Changes, Planes, halved


class Placed(NamedTuple):
    """The region as it lies in a frame: what all changes of a scene in that region share.

    Of luma, H×W of the window, and of chroma, half of that.
    """

    window: Window
    places: Flow
    chroma_places: Flow
    hold: Weight
    """How far the change holds: the gain, times what is kept of each pixel."""
    chroma_hold: Weight
    region: Pixels
    """255 where the frame may change, else 0."""
    chroma_region: Pixels
    core: Pixels
    """255 where more than half of the change holds, apart from the gain."""
    area: float
    """Pixels of the region, weighted."""
    hidden: float
    """How many of them are left out as hidden."""

    def inside(self, size: tuple[int, int]) -> Pixels:
        """Return a mask of a whole frame: 255 where more than half of the change holds."""
        mask = np.zeros(size, np.uint8)
        part = self.window.of(mask)
        part[:] = self.core[: part.shape[0], : part.shape[1]]
        return mask

    def outside(self, size: tuple[int, int]) -> tuple[Pixels, Pixels]:
        """Return masks of a whole frame, of luma and of chroma: 255 where nothing may change."""
        masks = []
        for region, scale in ((self.region, 1), (self.chroma_region, 2)):
            mask = np.full((size[0] // scale, size[1] // scale), 255, np.uint8)
            part = self.window.of(mask, scale)
            part[:] = 255 - region[: part.shape[0], : part.shape[1]]
            masks.append(mask)
        return masks[0], masks[1]


def place(weight: Weight, carried: Carried) -> Placed:
    """Return the region in a frame.

    Args:
        weight: H×W of the anchor, in [0, 1].
        carried: what the flow says of the frame.
    """
    window = carried.window
    places = places_of(carried)
    kept = enlarged(carried.kept, window)
    arrived = remap(weight, places)
    taken = arrived * kept
    region = as_mask(taken > 0)
    hold = kept * np.float32(carried.gain)
    # The middle of 2×2 pixels is half a pixel from the first one's, also there.
    chroma_places = np.multiply(halved(places) - 0.5, 0.5, dtype=np.float32)
    held = cv2.resize(region, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return Placed(
        window,
        places,
        chroma_places,
        hold,
        halved(hold),
        region,
        as_mask(held > 0),
        as_mask(taken > 0.5),
        float(arrived.sum()),
        float((arrived - taken).sum()),
    )


def as_mask(held: NDArray[np.bool_]) -> Pixels:
    """Return 255 where it holds, else 0, as OpenCV takes masks."""
    return held.astype(np.uint8) * np.uint8(255)


def add_changes(planes: Planes, changes: Changes, placed: Placed) -> Planes:
    """Return the frame with the anchor's changes; outside the region its samples are the same."""
    of_chroma = placed.chroma_places, placed.chroma_hold, placed.chroma_region, 2
    return Planes(
        _added(planes.y, changes.y, placed.window, placed.places, placed.hold, placed.region, 1),
        _added(planes.u, changes.u, placed.window, *of_chroma),
        _added(planes.v, changes.v, placed.window, *of_chroma),
    )


def _added(
    plane: Pixels,
    change: NDArray[np.float32],
    window: Window,
    places: Flow,
    hold: Weight,
    region: Pixels,
    scale: int,
) -> Pixels:
    added = plane.copy()
    part = window.of(added, scale)
    here = np.s_[: part.shape[0], : part.shape[1]]
    arrived = (remap(change, places) * hold)[here]
    sums = np.clip(np.rint(part + arrived), 0, 255).astype(np.uint8)
    cv2.copyTo(sums, np.ascontiguousarray(region[here]), part)
    return added
