"""From files to files: the edits of a batch of scenes, each distinct one made once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.editing.editor import Ask, Edited, SceneEditor
from pipeline.editing.prepare import SceneArrays
from pipeline.ground.files import digest, file_digest, link_or_copy, write_bytes
from pipeline.heatmaps.dose import Region, moved_halves, odds_between, share_of_log_odds, shift
from pipeline.heatmaps.params import Kind
from pipeline.pictures.reading import Pixels, encode, read_heatmap, read_rgb
from pipeline.pictures.resizing import resize
from pipeline.scenes.masks import keyword_mask
from pipeline.scenes.regions import add_change, feathered_region, moved_region


class Wish(NamedTuple):
    """What one variant (or one point of a dose curve) asks of a scene."""

    name: str
    heatmap: Path
    region: Region
    """Whose attention `alpha` multiplies."""
    redrawn: Region
    """Where the picture may change."""
    alpha: float
    modified: bool
    kind: Kind = "scale"
    twin: str = ""
    """A placebo is never calibrated: it is edited at the strength of this wish."""
    sham: bool = False
    """The own control, as if it were modified."""


class SceneTask(NamedTuple):
    """One scene and all that is asked of it. Paths are absolute."""

    video_id: str
    scene_number: int
    stem: str
    image: Path
    masks: tuple[Path, ...]
    heatmap: Path
    """The unmodified map, as the baseline variant holds it."""
    keyword: str
    digest: str
    wishes: tuple[Wish, ...]

    def key(self) -> str:
        """Return a digest of the scene, its maps and what is asked of it."""
        wishes = [
            digest(file_digest(wish.heatmap), wish.name, str(wish[2:])) for wish in self.wishes
        ]
        maps = map(file_digest, (*self.masks, self.heatmap))
        return digest(self.digest, *maps, self.keyword, *wishes)


class _Opened(NamedTuple):
    """A scene's pixels at its own size, and what the editor sees of it."""

    original: Pixels
    weights: dict[Region, NDArray[np.float32]]
    scene: SceneArrays


def edit_scenes(
    tasks: Sequence[SceneTask],
    editor: SceneEditor,
    image_size: tuple[int, int],
    folder: Path,
) -> list[list[dict[str, Any]]]:
    """Edit scenes and write `{wish}/{video_id}/{stem}.png` below `folder`.

    Returns:
        For each task the record of each of its wishes, ready for JSON.

    Raises:
        ImageRefused: a file breaks the contract.
        OSError: a file is missing, or cannot be written.
    """
    opened = [_open(task, editor, image_size) for task in tasks]
    edits = _edits(tasks, opened, editor, image_size)
    return [
        _write(task, scene, made, editor, folder)
        for task, scene, made in zip(tasks, opened, edits, strict=True)
    ]


def _edits(
    tasks: Sequence[SceneTask],
    opened: Sequence[_Opened],
    editor: SceneEditor,
    image_size: tuple[int, int],
) -> list[dict[str, Edited]]:
    """Make each distinct edit once, placebos last; return {wish: edit} of each task."""
    uncalibrated = None if editor.params.calibrate else editor.params.strength
    touched = [n for n, task in enumerate(tasks) if any(wish.modified for wish in task.wishes)]
    if not touched:
        return [{} for _ in tasks]
    places = {n: place for place, n in enumerate(touched)}
    names: dict[tuple[int, str], tuple[int, str]] = {}
    boosts: dict[tuple[int, str], Ask] = {}
    placebos: dict[tuple[int, str], Wish] = {}
    for n in touched:
        for wish in filter(lambda wish: wish.modified, tasks[n].wishes):
            content = n, digest(file_digest(wish.heatmap), str(wish[2:5]), str(wish.sham))
            names[n, wish.name] = content
            if wish.twin:
                placebos[content] = wish
            elif content not in boosts:
                boosts[content] = _ask(places[n], wish, opened[n], image_size, uncalibrated)
    prepared = editor.prepare([opened[n].scene for n in touched])
    made = dict(zip(boosts, editor.edit(prepared, list(boosts.values())), strict=True))
    matched = {}
    for content, wish in placebos.items():
        n = content[0]
        twin = names.get((n, wish.twin))
        strength = made[twin].strength if twin else editor.params.strength
        matched[content] = _ask(places[n], wish, opened[n], image_size, strength)
    made |= zip(matched, editor.edit(prepared, list(matched.values())), strict=True)
    return [
        {wish.name: made[names[n, wish.name]] for wish in task.wishes if wish.modified}
        for n, task in enumerate(tasks)
    ]


def _open(task: SceneTask, editor: SceneEditor, image_size: tuple[int, int]) -> _Opened:
    original = read_rgb(task.image)
    size = original.shape[0], original.shape[1]
    full = keyword_mask(task.masks, size)
    feather_px = editor.params.feather_px
    regions: tuple[Region, ...] = ("keyword", "background")
    weights = {region: feathered_region(full, region, feather_px, image_size) for region in regions}
    scene = SceneArrays(
        image=resize(original, image_size),
        mask=keyword_mask(task.masks, image_size),
        heatmap=read_heatmap(task.heatmap, image_size),
        keyword=task.keyword,
    )
    return _Opened(original, weights, scene)


def _ask(
    place: int,
    wish: Wish,
    opened: _Opened,
    image_size: tuple[int, int],
    strength: float | None,
) -> Ask:
    heatmap = read_heatmap(wish.heatmap, image_size)
    mask = opened.scene.mask
    weight = resize(opened.weights[wish.redrawn], image_size)
    if wish.kind != "scale":
        # No factor says what is asked: the map itself does.
        raised, lowered = moved_halves(opened.scene.heatmap, heatmap, mask)
        before, after = (odds_between(m, raised, lowered) for m in (opened.scene.heatmap, heatmap))
        asked = (after or 0.0) - (before or 0.0)
    else:
        raised, lowered = mask, ~mask
        asked = shift(wish.alpha, wish.region)
    moves = moved_region(raised, lowered, weight)
    return Ask(place, heatmap, weight, raised, lowered, moves, asked, strength, wish.sham)


def _write(
    task: SceneTask,
    opened: _Opened,
    made: dict[str, Edited],
    editor: SceneEditor,
    folder: Path,
) -> list[dict[str, Any]]:
    written: dict[int, Path] = {}
    changes: dict[str, float] = {}
    records = []
    for wish in task.wishes:
        edited = made.get(wish.name)
        picture, fade = _picture(opened, wish, edited, changes.get(wish.twin))
        path = folder / wish.name / task.video_id / f"{task.stem}.png"
        if id(edited) in written:
            link_or_copy(written[id(edited)], path)
        else:
            write_bytes(path, encode(picture, "png"))
            written[id(edited)] = path
        changes[wish.name] = _mean_change(picture, opened.original)
        records.append(_record(wish, edited, changes[wish.name], fade, editor))
    return records


def _picture(
    opened: _Opened, wish: Wish, edited: Edited | None, most: float | None
) -> tuple[Pixels, float]:
    """Return the scene with its edit, and the part of the edit's change that was taken.

    A placebo is to change as much as its twin does, elsewhere. The background is larger than a
    product, so where the placebo's mean absolute change would be more than `most`, its change
    is faded to that; never strengthened, and without a look at any attention.
    """
    if edited is None:
        return opened.original, 1.0
    weight = opened.weights[wish.redrawn]
    picture = add_change(opened.original, edited.change, weight)
    change = _mean_change(picture, opened.original)
    if not wish.twin or not most or change <= most:
        return picture, 1.0
    fade = most / change
    return add_change(opened.original, fade * edited.change, weight), fade


def _mean_change(picture: Pixels, original: Pixels) -> float:
    return float(np.abs(picture.astype(np.int16) - original).mean())


def _record(
    wish: Wish, edited: Edited | None, change: float, fade: float, editor: SceneEditor
) -> dict[str, Any]:
    record: dict[str, Any] = {
        "variant": wish.name,
        "alpha": wish.alpha,
        "region": wish.region,
        "redrawn": wish.redrawn,
        "modified": wish.modified,
        "mean_abs_change": change,
        "editor": editor.key(),
    }
    if edited is None:
        return record
    unedited, achieved = edited.unedited_odds, edited.achieved_odds
    record |= {
        "strength": edited.strength,
        "strength_limit": editor.params.strength_limit,
        "evaluations": edited.evaluations,
        "outside_psnr_db": edited.outside_psnr_db,
        "whole_psnr_db": edited.whole_psnr_db,
        "whole_ssim_raw": edited.whole_ssim,
        "decoder_fit": edited.decoder_fit,
    }
    if wish.twin:
        # What the guide saw was the edit before it was faded.
        record["fade"] = fade
    else:
        seen = np.array([unedited, unedited + shift(wish.alpha, wish.region), achieved])
        names = ("guide_share", "guide_dose", "guide_achieved")
        record |= zip(names, share_of_log_odds(seen).tolist(), strict=True)
        record["reached"] = edited.reached
    return record
