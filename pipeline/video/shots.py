"""Which scene of its video a frame belongs to."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction

from pipeline.scenes.cuts import CutScene

ROUNDED = Fraction(1, 10**6)
"""Times in scenes.csv are rounded to a millionth of a second."""


def scene_at(scenes: Sequence[CutScene], start: Fraction) -> CutScene:
    """Return the scene that a frame is of; what comes before the first one belongs to it.

    Args:
        scenes: of one video, in order.
        start: when the frame is shown first, in seconds.
    """
    begun = bisect_right(scenes, start + ROUNDED, key=lambda scene: Fraction(scene.start_s or 0))
    return scenes[max(begun - 1, 0)]
