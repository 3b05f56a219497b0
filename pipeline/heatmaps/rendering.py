"""One scene, all its variants: read once, each distinct map written once, the rest linked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.ground.files import digest, link_or_copy, write_bytes
from pipeline.heatmaps.algebra import FloatMap, Mask, feasible, requested_share
from pipeline.heatmaps.levels import LevelMap, measure_levels
from pipeline.heatmaps.params import VariantParams
from pipeline.heatmaps.recipes import Ask, Recipe, ask
from pipeline.pictures.reading import Pixels, encode, read_grey, read_mask, reread
from pipeline.pictures.resizing import resize
from schemas.variant_scenes import Measured


class Scene(NamedTuple):
    """A scene as the variants need it."""

    video_id: str
    scene_number: int
    heatmap: Path
    masks: tuple[Path, ...]
    """Masks of the chosen keywords; none where the scene does not show them."""


class _Change(NamedTuple):
    heat: FloatMap
    modified: bool
    clipped_fraction: float
    placebo_factor: float = math.nan
    placebo_change_ratio: float = math.nan


class _File(NamedTuple):
    content: bytes
    alignment: float
    share: float


def render_scene(
    scene: Scene,
    position: int,
    recipes: Mapping[str, Recipe],
    targets: Mapping[str, Path],
    params: VariantParams,
    image_size: tuple[int, int],
) -> dict[str, Measured]:
    """Write the scene's map of every variant in `targets`; return what each was measured to be.

    Args:
        scene: paths of its files.
        position: in its video, from 0.
        recipes: of all variants (the placebo needs full_boost's).
        targets: {variant: file to write}.
        params: section `variant`.
        image_size: (height, width) of the maps.

    Raises:
        ImageRefused: a file breaks the contract.
        OSError: a file is missing, or cannot be written.
    """
    levels = resize(read_grey(scene.heatmap), image_size)
    mask = keyword_mask(scene, image_size)
    maps = _SceneMaps(levels, mask, _placebo_seed(scene, params), params)
    asks = {
        variant: ask(recipe, position, maps.source.share, params.target_share)
        for variant, recipe in recipes.items()
    }
    written: dict[bytes, Path] = {}
    measured: dict[Ask, Measured] = {}
    for variant, path in targets.items():
        request = asks[variant]
        change = maps.change(request, asks["full_boost"])
        file = maps.file(request if change.modified else Ask(), change)
        if file.content in written:
            link_or_copy(written[file.content], path)
        else:
            write_bytes(path, file.content)
            written[file.content] = path
        if request not in measured:
            measured[request] = _measured(request, change, file, maps.source, params.target_share)
    return {variant: measured[asks[variant]] for variant in targets}


def keyword_mask(scene: Scene, image_size: tuple[int, int]) -> Mask:
    """Return the union of the chosen keywords' masks at `image_size`; all False without any."""
    masks = [read_mask(path, image_size) for path in scene.masks]
    return np.logical_or.reduce(masks) if masks else np.zeros(image_size, np.bool_)


class _SceneMaps:
    """The maps of one scene, each solved and encoded when it is first asked for."""

    def __init__(self, levels: Pixels, mask: Mask, seed: int | None, params: VariantParams) -> None:
        self.source = LevelMap.of(levels, mask, seed)
        self.mask = mask
        self.params = params
        self._changes: dict[Ask, _Change] = {}
        self._files: dict[Ask, _File] = {}

    def change(self, request: Ask, full_boost: Ask) -> _Change:
        """Solve a request on the source's values; the placebo is matched to `full_boost`."""
        if request not in self._changes:
            self._changes[request] = (
                self._redistributed(full_boost) if request.redistributes else self._scaled(request)
            )
        return self._changes[request]

    def _scaled(self, request: Ask) -> _Change:
        if math.isnan(request.alpha):
            return _Change(self.source.heat, False, 0.0)
        on_background = request.region == "background"
        scaled = self.source.modify(request.alpha, self.params.on_clip, on_background)
        return _Change(scaled.heatmap, bool(scaled.modified), float(scaled.clipped_fraction))

    def _redistributed(self, full_boost: Ask) -> _Change:
        full_change = self.source.total_change(self.change(full_boost, full_boost).heat)
        factor = None if self.params.placebo_match else self.params.placebo_alpha
        moved = self.source.redistribute(full_change, factor)
        return _Change(
            moved.heatmap, moved.modified, moved.clipped_fraction, moved.factor, moved.change_ratio
        )

    def file(self, request: Ask, change: _Change) -> _File:
        """Encode a request's map and measure what a reader of the file sees."""
        if request not in self._files:
            levels = self.source.render(change.heat) if change.modified else self.source.levels
            content = encode(levels, self.params.format, self.params.quality)
            self._files[request] = _File(content, *measure_levels(reread(content), self.mask))
        return self._files[request]


def _measured(
    request: Ask, change: _Change, file: _File, source: LevelMap, target_share: float | None
) -> Measured:
    share = source.share
    if math.isnan(request.alpha):
        requested, reachable = target_share or math.nan, share
    else:
        background = request.region == "background"
        requested = _requested(share, request.alpha, background)
        reachable = source.reachable_share(request.alpha, background)
    no_dose = request.alpha == 1  # as every placebo that redistributes
    return Measured(
        alpha=request.alpha,
        region=request.region,
        modified=change.modified,
        requested_share=requested,
        planned_share=file.share,
        clipped_fraction=change.clipped_fraction,
        reachable_share=reachable,
        feasible=no_dose or bool(feasible(file.share, requested, share)),
        placebo_factor=change.placebo_factor,
        placebo_change_ratio=change.placebo_change_ratio,
        alignment=file.alignment,
    )


def _requested(share: float, alpha: float, background: bool) -> float:
    """Return the keyword's share that a factor on a region asks for."""
    if background:
        return 1 - float(requested_share(1 - share, alpha))
    return float(requested_share(share, alpha))


def _placebo_seed(scene: Scene, params: VariantParams) -> int | None:
    """Return a seed that no other scene has; None where the placebo does not draw."""
    if params.placebo != "redistribute":
        return None
    return int(digest(str(params.seed), scene.video_id, str(scene.scene_number))[:15], 16)
