"""The variants' tables, `schemas.variant_scenes`: writing and reading them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.ground.tables import read_table, write_rows
from pipeline.heatmaps.levels import measure_levels
from pipeline.heatmaps.rendering import MapFiles
from pipeline.pictures.reading import read_grey
from pipeline.pictures.resizing import resize
from pipeline.scenes.masks import keyword_mask
from pipeline.scenes.table import Keywords, mask_paths
from schemas.variant_scenes import VARIANT_COLUMNS, VARIANT_SCENES_TABLE, Planned

if TYPE_CHECKING:
    import pandas as pd


def scenes_of(table: pd.DataFrame, root: Path, keywords: Keywords) -> list[MapFiles]:
    """Return rows of the scene table as scenes, in order.

    Args:
        table: of one video, sorted.
        root: what relative paths are relative to.
        keywords: `variant.keywords`.
    """
    return [
        MapFiles(
            row["video_id"],
            row["scene_number"],
            root / row["attention_heatmap_path"],
            tuple(root / path for path in mask_paths(row, keywords)),
        )
        for row in table.to_dict("records")
    ]


class SourceRows:
    """The rows of one video as text, turned into it once for all variants."""

    def __init__(self, table: pd.DataFrame) -> None:
        text = table.to_csv(index=False, float_format="%.9g")
        self.header, *self.rows = csv.reader(StringIO(text, newline=""))

    def write_variant(
        self, path: Path, variant: str, maps: Sequence[str], measured: Sequence[Planned]
    ) -> None:
        """Write `{variant}_scenes.csv`; undefined values are blank.

        Args:
            path: to write.
            variant: its name.
            maps: path of each scene's map, as the table is to show it.
            measured: of each scene.
        """
        rows = []
        for source, map_path, one in zip(self.rows, maps, measured, strict=True):
            ours = {"modified_attention_heatmap_path": map_path, "variant": variant}
            ours |= one._asdict()
            rows.append([*source, *(ours[name] for name in VARIANT_COLUMNS)])
        write_rows(path, [*self.header, *VARIANT_COLUMNS], rows)


def read_variant_table(path: Path) -> pd.DataFrame:
    """Read what `SourceRows.write_variant` wrote."""
    return read_table(path, VARIANT_SCENES_TABLE.dtypes)


def measured_files(
    table: pd.DataFrame, root: Path, keywords: Keywords, image_size: tuple[int, int]
) -> tuple[list[float], list[float]]:
    """Return the alignment score and the attention share of each map of a variant, from its file.

    Raises:
        ImageRefused: a file is unreadable.
        FileNotFoundError: a file is missing.
    """
    alignments, shares = [], []
    paths = table["modified_attention_heatmap_path"]
    for scene, path in zip(scenes_of(table, root, keywords), paths, strict=True):
        levels = resize(read_grey(root / path), image_size)
        alignment, share = measure_levels(levels, keyword_mask(scene.masks, image_size))
        alignments.append(alignment)
        shares.append(share)
    return alignments, shares
