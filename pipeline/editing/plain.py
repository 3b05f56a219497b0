"""The plain edit: no model redraws anything, one number scales the region's contrast.

What an edit by a diffusion model has to beat (docs/method.md). The number is searched per scene
until the guide sees the dose, as an edit's strength is.

Its opposite is the *null edit*: the product is tinted, so that it looks as different as the plain
edit of the same dose makes it, and its contrast is searched at which the guide sees as much of it
as before. So it can be told what a changed look does from what moved attention does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.attention.odds import attention_log_odds
from pipeline.editing.calibration import REACHED
from pipeline.ground.files import digest, write_bytes
from pipeline.heatmaps.dose import Values, share_of_log_odds, shift
from pipeline.pictures.colour import ciede2000, lab_of, tinted
from pipeline.pictures.contrast import scale_contrast, surroundings
from pipeline.pictures.reading import Pixels, encode, read_rgb
from pipeline.pictures.resizing import resize
from pipeline.pictures.tensors import tensor_of
from pipeline.scenes.masks import keyword_mask
from pipeline.scenes.regions import feathered_region

if TYPE_CHECKING:
    from pipeline.attention.models import AttentionModel
    from pipeline.editing.params import EditParams
    from pipeline.editing.scene_edits import SceneTask

LEAST, MOST = 0.02, 8.0
"""Bounds of the factor: with less a product cannot be told from what is around it, with more most
of it is black or white."""
_HALVINGS = 12
# Of a null edit, tints that are tried one after the other, and how much stronger the next may be.
_TINTS, _LARGEST_STRIDE = 3, 2.0
_LEAST_DIFFERENCE = 0.1
# Relative error of the share at which the search ends: an evaluation costs next to nothing.
_NEAR = 0.002


class _Asked(NamedTuple):
    """One plain edit, before its number is known."""

    original: Pixels
    start: Pixels
    """What is scaled: the original, or a tinted one."""
    around: NDArray[np.float32]
    weight: NDArray[np.float32]
    raised: NDArray[np.bool_]
    """h×w at `image_size`, the keyword."""
    on_keyword: bool
    """Whether it is the keyword that is scaled."""
    shift: float = 0.0
    """Of the guide's log odds."""

    def edited(self, factor: float) -> Pixels:
        return scale_contrast(self.start, self.around, self.weight, factor)


class _Found(NamedTuple):
    """What became of the searches: one number for each."""

    factor: Values
    bound: Values
    """The largest or least factor, on the side where the dose should lie."""
    unedited_odds: Values
    achieved_odds: Values
    evaluations: NDArray[np.int_]


def plain_key(guide: AttentionModel, params: EditParams, null: bool) -> str:
    """Return a digest of all that a plain edit depends on besides scene, dose, size and code."""
    return digest("null" if null else "plain", guide.digest, str(params.feather_px))


def edit_plainly(
    tasks: Sequence[SceneTask],
    guide: AttentionModel,
    params: EditParams,
    image_size: tuple[int, int],
    folder: Path,
    device: torch.device | str = "cpu",
    *,
    null: bool = False,
) -> list[list[dict[str, Any]]]:
    """Edit scenes and write `{wish}/{video_id}/{stem}.png` below `folder`.

    Args:
        tasks: scenes and what is asked of them: doses, no placebos and no shams.
        guide: sees the pictures at `image_size`; they are edited at their own size.
        params: section `edit`.
        image_size: (height, width).
        folder: to write to.
        device: the guide's.
        null: make null edits; a wish's dose says which plain edit they are to look as changed as.

    Returns:
        For each task the record of each of its wishes, ready for JSON.

    Raises:
        ImageRefused: a file breaks the contract.
        OSError: a file is missing, or cannot be written.
    """
    scenes = [_opened(task, params, image_size) for task in tasks]
    wishes = [(n, wish) for n, task in enumerate(tasks) for wish in task.wishes]
    places = [place for place, (_, wish) in enumerate(wishes) if wish.modified]
    asked = [
        scenes[n]._replace(shift=shift(wish.alpha, wish.region))
        for n, wish in (wishes[place] for place in places)
    ]
    found = _search(asked, guide, image_size, device)
    if null:
        asked, found = _null_edits(asked, found, guide, image_size, device)
    made = {place: row for row, place in enumerate(places)}
    records: list[list[dict[str, Any]]] = [[] for _ in tasks]
    for place, (n, wish) in enumerate(wishes):
        row = made.get(place)
        factor = 1.0 if row is None else float(found.factor[row])
        original = scenes[n].original
        picture = original if row is None else asked[row].edited(factor)
        path = folder / wish.name / tasks[n].video_id / f"{tasks[n].stem}.png"
        write_bytes(path, encode(picture, "png"))
        record = {
            "variant": wish.name,
            "alpha": wish.alpha,
            "region": wish.region,
            "redrawn": wish.redrawn,
            "modified": wish.modified,
            "mean_abs_change": float(np.abs(picture.astype(np.int16) - original).mean()),
            "editor": plain_key(guide, params, null),
        }
        if row is not None:
            record |= _outcome(asked[row], found, row)
        records[n].append(record)
    return records


def _opened(task: SceneTask, params: EditParams, image_size: tuple[int, int]) -> _Asked:
    """Return the scene, all but for what a wish asks of it."""
    original = read_rgb(task.image)
    mask = keyword_mask(task.masks, original.shape[:2])
    redrawn = task.wishes[0].redrawn
    return _Asked(
        original=original,
        start=original,
        around=surroundings(original, mask if redrawn == "keyword" else ~mask),
        weight=feathered_region(mask, redrawn, params.feather_px, image_size),
        raised=keyword_mask(task.masks, image_size),
        on_keyword=redrawn == "keyword",
    )


def _null_edits(
    asked: Sequence[_Asked],
    plain: _Found,
    guide: AttentionModel,
    image_size: tuple[int, int],
    device: torch.device | str,
) -> tuple[list[_Asked], _Found]:
    """Return the tinted scenes and the contrasts at which the guide sees no change.

    The contrast scales the tint, too, so the tint is tried again: stronger or weaker by what the
    edit as a whole lacks to the plain one's difference.
    """
    wanted = [_difference(*pair) for pair in zip(asked, plain.factor, strict=True)]
    tinted_ = [ask._replace(shift=0.0) for ask in asked]
    tints, found = wanted, plain
    for _ in range(_TINTS):
        tinted_ = [_tinted(ask, tint) for ask, tint in zip(tinted_, tints, strict=True)]
        found = _search(tinted_, guide, image_size, device)
        seen = [_difference(*pair) for pair in zip(tinted_, found.factor, strict=True)]
        tints = [
            tint * min(wish / max(one, _LEAST_DIFFERENCE), _LARGEST_STRIDE)
            for tint, wish, one in zip(tints, wanted, seen, strict=True)
        ]
    return tinted_, found


def _difference(asked: _Asked, factor: float) -> float:
    """Return the mean ΔE00 of an edit in its region."""
    region = asked.weight == 1
    edited = asked.edited(float(factor))
    return float(ciede2000(lab_of(asked.original[region]), lab_of(edited[region])).mean())


def _tinted(asked: _Asked, difference: float) -> _Asked:
    """Return a scene to be scaled after a tint; its hue is a scene's own, and no one's choice."""
    original = asked.original
    turn = int(digest(original.tobytes())[:8], 16) / 16**8
    start = tinted(original, asked.weight, 2 * np.pi * turn, difference, asked.weight == 1)
    return asked._replace(start=start)


def _search(
    asked: Sequence[_Asked],
    guide: AttentionModel,
    image_size: tuple[int, int],
    device: torch.device | str,
) -> _Found:
    """Halve the interval of the factor's logarithm, from 1 to its bound, until the dose is met.

    The nearest evaluation counts. Where even the bound falls short, it is the bound.
    """
    raised = np.stack([ask.raised for ask in asked]) if asked else np.zeros((0, *image_size), bool)

    def odds(which: NDArray[np.intp], factors: Values) -> Values:
        pictures = [
            resize(asked[place].edited(factor), image_size)
            for place, factor in zip(which, factors, strict=True)
        ]
        return _log_odds(guide, np.stack(pictures), raised[which], device)

    none, count = np.empty(0), np.zeros(len(asked), int)
    if not asked:
        return _Found(none, none, none, none, count)
    originals = np.stack([resize(ask.original, image_size) for ask in asked])
    unedited = _log_odds(guide, originals, raised, device)
    goal = unedited + np.array([ask.shift for ask in asked])
    everyone, best = np.arange(len(asked)), np.ones(len(asked))
    tinted_ = any(ask.start is not ask.original for ask in asked)
    start = odds(everyone, best) if tinted_ else unedited
    # What stands out less from the product leaves it more attention.
    more = (goal > start) == np.array([ask.on_keyword for ask in asked])
    bounds = np.where(more, MOST, LEAST)
    achieved = start.copy() if tinted_ else np.full(len(asked), np.nan)
    near, far = np.zeros(len(asked)), np.log(bounds)
    following, open_ = far, np.ones(len(asked), bool)
    for step in range(_HALVINGS + 1):
        which = np.flatnonzero(open_)
        if not len(which):
            break
        factors = np.exp(following[which]) if step else bounds[which]
        seen = odds(which, factors)
        count[which] += 1
        better = ~(_error(seen, goal[which]) >= _error(achieved[which], goal[which]))
        best[which[better]], achieved[which[better]] = factors[better], seen[better]
        beyond = (seen - goal[which]) * np.sign(goal[which] - start[which]) >= 0
        if step:
            near[which[~beyond]] = following[which[~beyond]]
            far[which[beyond]] = following[which[beyond]]
        else:
            # The bound itself falls short: there is nothing to halve.
            open_[which[~beyond]] = False
        open_ &= _error(achieved, goal) > _NEAR
        following = (near + far) / 2
    return _Found(best, bounds, unedited, achieved, count)


def _error(odds: Values, goal: Values) -> Values:
    wanted = share_of_log_odds(goal)
    return np.asarray(np.abs(share_of_log_odds(odds) - wanted) / wanted)


def _log_odds(
    guide: AttentionModel,
    pictures: NDArray[np.uint8],
    raised: NDArray[np.bool_],
    device: torch.device | str,
) -> Values:
    """Return the log odds of attention on the keyword, of N pictures at the guide's size."""
    with torch.no_grad():
        maps = guide.maps(tensor_of(pictures, device)).double()
    inside = torch.from_numpy(raised).to(maps.device)
    return attention_log_odds(maps, inside, ~inside).cpu().numpy()


def _outcome(ask: _Asked, found: _Found, row: int) -> dict[str, Any]:
    unedited, achieved = found.unedited_odds[row], found.achieved_odds[row]
    seen = share_of_log_odds(np.array([unedited, unedited + ask.shift, achieved])).tolist()
    return {
        "strength": float(found.factor[row]),
        "strength_limit": float(found.bound[row]),
        "evaluations": int(found.evaluations[row]),
        **dict(zip(("guide_share", "guide_dose", "guide_achieved"), seen, strict=True)),
        "reached": bool(abs(seen[2] - seen[1]) <= REACHED * seen[1]),
    }
