"""One edited scene against its original: what the judge sees, what changed, and where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.ground.code import Key
from pipeline.ground.errors import InputError
from pipeline.ground.files import digest, file_digest
from pipeline.heatmaps.dose import Region, moved_halves, odds_between
from pipeline.pictures.colour import burnt, ciede2000, colour_similarity, hue_turned, lab_of
from pipeline.pictures.likeness import psnr_db, structure_similarity, texture_ratio
from pipeline.pictures.reading import ImageRefused, Pixels, read_heatmap, read_rgb
from pipeline.scenes.masks import keyword_mask
from pipeline.scenes.regions import feathered_region
from pipeline.stages.evaluate.judge import attention_of, share_on

if TYPE_CHECKING:
    from pipeline.attention.models import AttentionModel


RING_PX = 30
"""Width of the ring around a product in which attention is looked for apart; of a scene whose
longer side has 480 pixels, and in proportion."""
_LONG_SIDE_PX = 480
TURN_DEGREES = 40.0
"""A hue that turned by more than this is another colour. Pale ones turn by 20 when they get vivid:
lavender against blue becomes peach in nature, too."""


class Picture(NamedTuple):
    """What is measured of one file. Paths are absolute."""

    original: Path
    edited: Path
    """The original itself, to learn what the judge sees there."""
    masks: tuple[Path, ...]
    scene_digest: str
    redrawn: Region
    """Where the picture was allowed to change."""
    feather_px: float
    image_size: tuple[int, int]
    maps: tuple[Path, ...] = ()
    """Of a placebo: the unmodified heatmap, and its own."""

    def key(self, judge: AttentionModel) -> Key:
        """Return what the measurement depends on."""
        allowed = str((self.redrawn, self.feather_px, self.image_size))
        maps = map(file_digest, self.maps)
        inputs = digest(self.scene_digest, file_digest(self.edited), allowed, judge.digest, *maps)
        return Key(inputs, (__name__, *judge.makers))


class Job(NamedTuple):
    """A picture to be measured."""

    key: str
    picture: Picture
    load_judge: Callable[[], AttentionModel]
    """Returns the judge, in the process that asks."""


class Outcome(NamedTuple):
    """The measurement of one picture (`key`), or why there is none."""

    key: str
    measured: dict[str, Any]
    failure: str = ""


def measure(job: Job) -> Outcome:
    """Measure one picture in a worker process."""
    try:
        return Outcome(job.key, _measure(job.picture, job.load_judge()))
    except (ImageRefused, FileNotFoundError, InputError) as error:
        return Outcome(job.key, {}, f"{job.picture.edited}: {error}")


def _measure(picture: Picture, judge: AttentionModel) -> dict[str, Any]:
    original, edited = read_rgb(picture.original), read_rgb(picture.edited)
    if original.shape != edited.shape:
        raise InputError(
            f"it has {edited.shape[1]}x{edited.shape[0]} pixels, its original "
            f"{original.shape[1]}x{original.shape[0]}. Run `dvc repro edit dose_curve`."
        )
    size = original.shape[0], original.shape[1]
    mask = keyword_mask(picture.masks, size)
    weight = feathered_region(mask, picture.redrawn, picture.feather_px, picture.image_size)
    change = np.abs(edited.astype(np.int16) - original)
    similarity = structure_similarity(original, edited)
    attention = attention_of(judge, edited)
    return {
        "share": share_on(attention, mask),
        "ring_odds": _ring_odds(attention, mask),
        **_placebo_odds(picture, attention, mask),
        "mean_abs_change": float(change.mean()),
        "outside_max_abs_diff": int(change[weight == 0].max(initial=0)),
        "psnr_db": psnr_db(change),
        "whole_ssim": float(similarity.mean()),
        "ssim": float(similarity[mask].mean()),
        "texture_ratio": texture_ratio(original, edited, mask),
        **_colours(original, edited, mask),
    }


def _ring_odds(attention: NDArray[np.float64], mask: NDArray[np.bool_]) -> float | None:
    """Return the log odds of attention on a ring around the product against what lies beyond."""
    ring_px = RING_PX * max(mask.shape) / _LONG_SIDE_PX
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return odds_between(attention, ~mask & (away <= ring_px), away > ring_px)


def _placebo_odds(
    picture: Picture, attention: NDArray[np.float64], mask: NDArray[np.bool_]
) -> dict[str, float | None]:
    """Return the log odds of what a placebo's map raises against what it lowers.

    `moved_odds` is of the judge's attention; `asked_change`, of the maps, by how much it is asked
    to change.
    """
    if not picture.maps:
        return {"moved_odds": None, "asked_change": None}
    unmodified, own = (read_heatmap(path, mask.shape) for path in picture.maps)
    raised, lowered = moved_halves(unmodified, own, mask)
    before, after = (odds_between(heatmap, raised, lowered) for heatmap in (unmodified, own))
    return {
        "moved_odds": odds_between(attention, raised, lowered),
        "asked_change": None if before is None or after is None else after - before,
    }


def _colours(original: Pixels, edited: Pixels, mask: NDArray[np.bool_]) -> dict[str, float]:
    """Return what happened to the product's colours."""
    difference = ciede2000(lab_of(original[mask]), lab_of(edited[mask]))
    return {
        "delta_e": float(difference.mean()),
        "colour_ssim": float(colour_similarity(original, edited)[mask].mean()),
        "burnt": burnt(original, edited, mask),
        "hue_turned": hue_turned(original, edited, mask, TURN_DEGREES),
    }
