"""`VideoVariantGeneratorV3`: the variants from Python, on the code that the stage runs."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Collection, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from pipeline.ground.artefacts import SCENES, VARIANTS
from pipeline.ground.errors import InputError, UnknownVideoError
from pipeline.ground.files import file_digest
from pipeline.ground.places import root_above
from pipeline.heatmaps.algebra import modify_heatmap
from pipeline.heatmaps.levels import measure_levels
from pipeline.heatmaps.manifest import write_manifest
from pipeline.heatmaps.params import VariantParams
from pipeline.heatmaps.placebo import scale_background
from pipeline.heatmaps.rendering import scenes_of
from pipeline.heatmaps.soft_masks import is_soft, modify_softly
from pipeline.heatmaps.variant_tables import read_variant_table
from pipeline.pictures.reading import ImageRefused, read_grey
from pipeline.pictures.resizing import resize
from pipeline.scenes.corpus import Corpus
from pipeline.scenes.masks import keyword_mask
from pipeline.scenes.table import as_video_id, read_whole_videos
from pipeline.stages.variant.statistics import describe
from pipeline.stages.variant.video import (
    SceneFailed,
    VariantsOfVideo,
    VideoTask,
    make_variants,
    write_statistics,
)

PathLike = str | os.PathLike[str]
Tables = dict[str, pd.DataFrame]


LOG = logging.getLogger(__name__)

_WINDOWS = {"thirds": ("early", "middle", "late"), "halves": ("first_half", "second_half")}


class VideoVariantGeneratorV3:
    """Makes the seven variants of videos of a scene table; other options are the stage's defaults.

    Args:
        valid_scenes_file: the scene table; its first seven columns will do, and its paths may be
            absolute. Scenes that the stage `validate` found to show no product are read from beside
            it and stay unchanged.
        boost_alpha: factor of the four boosts.
        reduction_alpha: factor of the reduction.
        image_size: (height, width) of the maps.
        root: what relative paths in the table are relative to; by default the nearest folder above
            the table that holds a params.yaml, else the current directory.

    Raises:
        InputError: the table is missing or lacks a column.
        ValueError: a factor is negative, NaN or infinite.
    """

    def __init__(
        self,
        valid_scenes_file: PathLike = SCENES,
        boost_alpha: float = 1.5,
        reduction_alpha: float = 0.5,
        image_size: tuple[int, int] = (512, 512),
        root: PathLike | None = None,
    ) -> None:
        self.valid_scenes_file = Path(valid_scenes_file)
        self.image_size = image_size
        self.params = VariantParams(alpha=boost_alpha, reduction_alpha=reduction_alpha)
        self.root = Path(root) if root is not None else root_above(self.valid_scenes_file)
        self._scenes = read_whole_videos(self.valid_scenes_file, complete=False)
        self._corpus = Corpus(self._scenes)

    def modify_attention_heatmap(
        self,
        attention_heatmap: ArrayLike,
        keyword_mask: ArrayLike,
        alpha: float,
        modify_keyword_region: bool = True,
    ) -> NDArray[np.float32]:
        """Multiply attention in the keyword region (or the background) by alpha, keeping the total.

        Args:
            attention_heatmap: H×W or ...×H×W, in [0, 1].
            keyword_mask: in [0, 1], of the same shape or H×W.
            alpha: factor, finite and >= 0.
            modify_keyword_region: False multiplies the background instead.

        Raises:
            ValueError: for arguments outside the above.
        """
        if is_soft(keyword_mask):
            mask = np.asarray(keyword_mask, np.float64)
            return modify_softly(
                attention_heatmap, mask if modify_keyword_region else 1 - mask, alpha
            )
        change = modify_heatmap if modify_keyword_region else scale_background
        return change(attention_heatmap, keyword_mask, alpha).heatmap

    @property
    def boost_alpha(self) -> float:
        """Factor of the four boosts."""
        return self.params.alpha

    @property
    def reduction_alpha(self) -> float:
        """Factor of the reduction."""
        return self.params.reduction_alpha

    @property
    def scenes_df(self) -> pd.DataFrame:
        """The scenes of the table's videos, sorted by video and scene; ids are texts."""
        return self._scenes.copy()

    def define_temporal_windows(
        self, scenes_df: pd.DataFrame, window_type: str = "thirds"
    ) -> dict[str, tuple[int, int]]:
        """Return {window: (first position, position after the last)} of a video's scenes.

        Args:
            scenes_df: the video's scenes, in order.
            window_type: "thirds" or "halves"; the remainder goes to the last.

        Raises:
            ValueError: there is no such type.
        """
        if window_type not in _WINDOWS:
            known = " and ".join(map(repr, _WINDOWS))
            raise ValueError(f"there are no windows {window_type!r}; known are {known}")
        names = _WINDOWS[window_type]
        scenes, length = len(scenes_df), len(scenes_df) // len(names)
        ends = [*(length * number for number in range(len(names))), scenes]
        return dict(zip(names, pairwise(ends), strict=True))

    def create_variant_for_video(
        self, video_id: str | int, variant_type: str, output_dir: PathLike
    ) -> pd.DataFrame:
        """Write one variant of a video; return its table.

        Raises:
            UnknownVideoError: a ValueError; the table has no such video.
            InputError: a file of it is missing or cannot be read.
            ValueError: there is no such variant.
        """
        if variant_type not in self.params.variants:
            known = ", ".join(self.params.variants)
            raise ValueError(f"there is no variant {variant_type!r}; known are: {known}")
        task = self._task(video_id, output_dir)
        made = _made(task, [variant_type])
        return read_variant_table(task.folder / made.tables[variant_type])

    def create_all_variants_for_video(
        self, video_id: str | int, output_dir: PathLike = VARIANTS
    ) -> Tables:
        """Write all variants of a video and its statistics.json; return {variant: table}.

        Raises:
            UnknownVideoError: a ValueError; the table has no such video.
            InputError: a file of it is missing or cannot be read.
        """
        task = self._task(video_id, output_dir)
        made = _made(task, self.params.variants)
        write_statistics(task, made)
        return {
            variant: read_variant_table(task.folder / path) for variant, path in made.tables.items()
        }

    def generate_variants_for_all_videos(
        self, output_dir: PathLike = VARIANTS, max_videos: int | None = None
    ) -> dict[str, Tables]:
        """Write all variants of all videos (or the first `max_videos`), and manifest.json.

        A video with a file that is missing or cannot be read is left out, and said.

        Returns:
            {video_id: {variant: table}}.

        Raises:
            InputError: no video could be made.
        """
        made: dict[str, Tables] = {}
        failures = []
        for video in self._corpus.videos[:max_videos]:
            try:
                made[video] = self.create_all_variants_for_video(video, output_dir)
            except InputError as error:
                LOG.error("video %s is left out: %s", video, error)
                failures.append(str(error))
        if failures and not made:
            raise InputError(f"none of {len(failures)} videos could be made: {failures[0]}")
        self.save_variant_manifest(made, Path(output_dir) / "manifest.json")
        return made

    def compute_variant_statistics(
        self, variants: Mapping[str, pd.DataFrame]
    ) -> dict[str, dict[str, Any]]:
        """Return the statistics of a video's variants, measured on the files that were written.

        Args:
            variants: {variant: table}, as `create_all_variants_for_video` returns them.
        """
        return {variant: describe(*self._measured(table)) for variant, table in variants.items()}

    def save_variant_manifest(
        self, all_variants: Mapping[str, Mapping[str, pd.DataFrame]], output_path: PathLike
    ) -> None:
        """Write the manifest of what `generate_variants_for_all_videos` returned."""
        first_tables = {video: next(iter(made.values())) for video, made in all_variants.items()}
        videos = {
            video: {
                "keyword": str(table["keyword"].iloc[0]),
                "scenes": len(table),
                "num_scenes": len(table),
                "variants": list(all_variants[video]),
            }
            for video, table in first_tables.items()
        }
        further = {
            "num_videos": len(videos),
            "num_variants_per_video": len(self.params.variants),
            "variant_types": list(self.params.variants),
            "boost_alpha": self.boost_alpha,
            "reduction_alpha": self.reduction_alpha,
        }
        data_version = file_digest(self.valid_scenes_file)
        path = Path(output_path)
        write_manifest(path, videos, self.params, self.image_size, data_version, further)

    def _measured(self, table: pd.DataFrame) -> tuple[list[float], list[float]]:
        """Return the alignment score and attention share of each map of a variant, by its file."""
        alignments, shares = [], []
        scenes = scenes_of(table, self.root, self.params.keywords)
        for scene, path in zip(scenes, table["modified_attention_heatmap_path"], strict=True):
            levels = resize(read_grey(self.root / path), self.image_size)
            mask = keyword_mask(scene.masks, self.image_size)
            undefined = math.nan, math.nan
            alignment, share = measure_levels(levels, mask) if mask.any() else undefined
            alignments.append(alignment)
            shares.append(share)
        return alignments, shares

    def _task(self, given_id: str | int, output_dir: PathLike) -> VideoTask:
        video_id = as_video_id(given_id)
        if video_id not in self._corpus.videos:
            found = f"{self.valid_scenes_file} has no scenes of a video {video_id!r}."
            raise UnknownVideoError(found)
        folder = Path(output_dir).absolute()
        shown = folder.relative_to(self.root) if folder.is_relative_to(self.root) else folder
        rows = self._corpus.rows(video_id)
        return VideoTask(rows, self.root, folder, shown.as_posix(), self.params, self.image_size)


def _made(task: VideoTask, variants: Collection[str]) -> VariantsOfVideo:
    try:
        return make_variants(task, variants)
    except (SceneFailed, ImageRefused, FileNotFoundError) as error:
        raise InputError(str(error)) from error
