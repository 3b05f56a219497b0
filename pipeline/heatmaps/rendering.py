"""One scene, all its variants: read once, each distinct map written once, the rest linked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipeline.ground.files import digest, link_or_copy, write_bytes
from pipeline.heatmaps.algebra import HeatmapChange, Mask
from pipeline.heatmaps.dose import feasible, requested_share
from pipeline.heatmaps.levels import LevelMap, measure_levels
from pipeline.heatmaps.params import VariantParams
from pipeline.heatmaps.recipes import Recipe, Treatment, treatments
from pipeline.pictures.reading import Pixels, encode, read_grey, reread
from pipeline.pictures.resizing import resize
from pipeline.scenes.masks import keyword_mask
from pipeline.scenes.table import Keywords, mask_paths
from schemas.variant_scenes import Planned

if TYPE_CHECKING:
    import pandas as pd


class MapFiles(NamedTuple):
    """A scene as the variants need it: where its maps are."""

    video_id: str
    scene_number: int
    heatmap: Path
    masks: tuple[Path, ...]
    """Masks of the chosen keywords; none where the scene does not show them."""


def scenes_of(table: pd.DataFrame, root: Path, keywords: Keywords) -> list[MapFiles]:
    """Return rows of the scene table, or of a variant's, as scenes, in order."""
    return [
        MapFiles(
            row["video_id"],
            row["scene_number"],
            root / row["attention_heatmap_path"],
            tuple(root / path for path in mask_paths(row, keywords)),
        )
        for row in table.to_dict("records")
    ]


class _File(NamedTuple):
    content: bytes
    alignment: float
    share: float


def render_scene(
    scene: MapFiles,
    position: int,
    recipes: Mapping[str, Recipe],
    targets: Mapping[str, Path],
    params: VariantParams,
    image_size: tuple[int, int],
) -> dict[str, Planned]:
    """Write the scene's map of every variant in `targets`; return what each was measured to be.

    The scene has this position in its video, from 0; the recipes are also those of twins.

    Raises:
        ImageRefused: a file breaks the contract.
        OSError: a file is missing, or cannot be written.
    """
    levels = resize(read_grey(scene.heatmap), image_size)
    mask = keyword_mask(scene.masks, image_size)
    maps = _SceneMaps(levels, mask, _placebo_seed(scene, params), params)
    given = treatments(recipes, position, maps.source.share, params.target_share)
    if not maps.shows_product:
        given = {variant: Treatment(region=one.region) for variant, one in given.items()}
    written: dict[bytes, Path] = {}
    for variant, path in targets.items():
        content = maps.file(given[variant]).content
        if content in written:
            link_or_copy(written[content], path)
        else:
            write_bytes(path, content)
            written[content] = path
    planned = {treatment: maps.planned(treatment) for treatment in set(given.values())}
    return {variant: planned[given[variant]] for variant in targets}


class _SceneMaps:
    """The maps of one scene, each solved and encoded when it is first asked for."""

    def __init__(self, levels: Pixels, mask: Mask, seed: int | None, params: VariantParams) -> None:
        self.source = LevelMap.of(levels, mask, seed)
        self.mask = mask
        self.shows_product = bool(mask.any())
        """Whether there is anything to change; else no share is defined."""
        self.params = params
        self._changes: dict[Treatment, HeatmapChange] = {}
        self._files: dict[Treatment, _File] = {}

    def change(self, treatment: Treatment) -> HeatmapChange:
        """Solve a treatment on the source's values."""
        if treatment not in self._changes:
            self._changes[treatment] = self._solved(treatment)
        return self._changes[treatment]

    def _solved(self, treatment: Treatment) -> HeatmapChange:
        if treatment.kind == "redistribute":
            twin = self.change(treatment.twin or Treatment())
            full_change = self.source.total_change(twin.heatmap)
            factor = None if self.params.placebo_match else self.params.placebo_alpha
            return self.source.redistribute(full_change, factor)
        if treatment.kind == "unchanged" or math.isnan(treatment.alpha):
            return HeatmapChange(self.source.heat)
        return self.source.modify(treatment.alpha, self.params.on_clip, treatment.region)

    def file(self, treatment: Treatment) -> _File:
        """Encode a treatment's map and measure what a reader of the file sees."""
        change = self.change(treatment)
        distinct = treatment if change.modified else Treatment()
        if distinct not in self._files:
            levels = self.source.render(change.heatmap) if change.modified else self.source.levels
            content = encode(levels, self.params.format, self.params.quality)
            measured = measure_levels(reread(content), self.mask)
            undefined = math.nan, math.nan
            self._files[distinct] = _File(content, *(measured if self.shows_product else undefined))
        return self._files[distinct]

    def planned(self, treatment: Treatment) -> Planned:
        """Return what a treatment asked of the scene, and what its file holds."""
        change, file, share = self.change(treatment), self.file(treatment), self.source.share
        if not self.shows_product:
            requested = reachable = math.nan
        elif math.isnan(treatment.alpha):
            requested, reachable = self.params.target_share or math.nan, share
        else:
            requested = float(requested_share(share, treatment.alpha, treatment.region))
            reachable = self.source.reachable_share(treatment.alpha, treatment.region)
        no_dose = treatment.alpha == 1  # as every placebo that redistributes
        return Planned(
            alpha=treatment.alpha,
            region=treatment.region,
            modified=bool(change.modified),
            requested_share=requested,
            planned_share=file.share,
            clipped_fraction=float(change.clipped_fraction),
            reachable_share=reachable,
            feasible=no_dose or bool(feasible(file.share, requested, share)),
            placebo_factor=float(change.factor) if treatment.kind == "redistribute" else math.nan,
            placebo_change_ratio=float(change.change_ratio),
            alignment=file.alignment,
        )


def _placebo_seed(scene: MapFiles, params: VariantParams) -> int | None:
    """Return a seed that no other scene has; None where the placebo does not draw."""
    if params.placebo != "redistribute":
        return None
    return int(digest(str(params.seed), scene.video_id, str(scene.scene_number))[:15], 16)
