"""`{variant}_scenes.csv`: the scene table, and beside each scene what its variant asks and has."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.ground.errors import InputError
from pipeline.ground.files import replacing
from pipeline.heatmaps.levels import measure_levels
from pipeline.heatmaps.rendering import Measured, Scene, keyword_mask
from pipeline.pictures.reading import read_grey
from pipeline.pictures.resizing import resize
from pipeline.scenes.names import check_video_ids, parse_scene_name

if TYPE_CHECKING:
    import pandas as pd

Keywords = Literal["first", "union"] | int

_DTYPES = {
    "scene_number": "int64",
    "width": "int64",
    "height": "int64",
    "mask_coverage": "float64",
    "alignment_score": "float64",
    "attention_share": "float64",
    "alpha": "float64",
    "modified": "bool",
    "requested_share": "float64",
    "planned_share": "float64",
    "clipped_fraction": "float64",
    "reachable_share": "float64",
    "feasible": "bool",
    "placebo_factor": "float64",
    "placebo_change_ratio": "float64",
}
_FLOAT = "%.9g"
# The last of the measured values, the alignment score, is for the statistics.
VARIANT_COLUMNS = ("modified_attention_heatmap_path", "variant", *Measured._fields[:-1])
"""What a variant's table holds beyond the scene table's columns."""


class VideoRuns(NamedTuple):
    """The videos of a scene table that is sorted by video and scene.

    Attributes:
        ids: of all videos, in order.
        starts: position of each one's first row.
        lengths: scenes of each.
    """

    ids: NDArray[np.object_]
    starts: NDArray[np.intp]
    lengths: NDArray[np.intp]


def read_scenes(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a scene table alone, see `read_scenes_and_runs`."""
    return read_scenes_and_runs(path, columns)[0]


def read_scenes_and_runs(
    path: Path, columns: Sequence[str] | None = None
) -> tuple[pd.DataFrame, VideoRuns]:
    """Read a scene table, sorted, and where its videos lie; the first seven columns will do.

    Args:
        path: of the table.
        columns: to read, as far as the table has them; all by default.

    Raises:
        InputError: there is no such file, it is no table, a column is missing, a cell of the first
            seven is blank, or an id may not become a path.
    """
    from pipeline.ground.tables import read_table
    from schemas.valid_scenes import FIRST_COLUMNS

    if not path.is_file():
        raise InputError(f"{path}: there is no such scene table. Run `gazeshift validate` first.")
    try:
        table = read_table(path, _DTYPES, columns)
    except ValueError as error:
        raise InputError(f"{path} is no scene table: {error}. Run `gazeshift validate`.") from error
    _require(table, FIRST_COLUMNS, path)
    for name in FIRST_COLUMNS:
        if (blank := table[name].isna()).any():
            line = int(blank.to_numpy().argmax()) + 2
            raise InputError(f"{path}: {name} is blank in line {line}. Run `gazeshift validate`.")
    runs = video_runs(table)
    check_video_ids(runs.ids.tolist())
    if not _in_order(runs, table["scene_number"].to_numpy()):
        table = table.sort_values(["video_id", "scene_number"], kind="stable", ignore_index=True)
        runs = video_runs(table)
    return table, runs


def read_validated_scenes(path: Path) -> pd.DataFrame:
    """Read the table that the validate stage wrote: the stages after it need all its columns.

    Raises:
        InputError: as in `read_scenes`, and where any of validate's columns is missing.
    """
    from schemas.valid_scenes import COLUMNS

    table = read_scenes(path)
    _require(table, COLUMNS, path)
    return table


def _require(table: pd.DataFrame, columns: Sequence[str], path: Path) -> None:
    missing = [name for name in columns if name not in table]
    if missing:
        raise InputError(
            f"{path}: the column {missing[0]!r} is missing; needed here are {', '.join(columns)}. "
            "Run `gazeshift validate`: it writes them all."
        )


def video_runs(table: pd.DataFrame) -> VideoRuns:
    """Return where the videos of a sorted scene table lie."""
    ids = table["video_id"]
    starts = np.flatnonzero(ids.ne(ids.shift()).to_numpy())
    lengths = np.diff(starts, append=len(table))
    return VideoRuns(ids.iloc[starts].to_numpy(object), starts, lengths)


def _in_order(runs: VideoRuns, numbers: NDArray[Any]) -> bool:
    ascends = numbers[1:] >= numbers[:-1]
    ascends[runs.starts[1:] - 1] = True
    return bool(np.all(runs.ids[1:] > runs.ids[:-1]) and ascends.all())


def scenes_of(table: pd.DataFrame, root: Path, keywords: Keywords) -> list[Scene]:
    """Return the rows of one video as scenes, in order.

    Args:
        table: of one video, sorted.
        root: what relative paths are relative to.
        keywords: `variant.keywords`.
    """
    extra = table.get("extra_mask_paths", ["[]"] * len(table))
    rows = zip(
        table["video_id"],
        table["scene_number"],
        table["attention_heatmap_path"],
        table["keyword_mask_path"],
        extra,
        strict=True,
    )
    return [
        Scene(
            video_id,
            number,
            root / heatmap,
            tuple(root / path for path in chosen_masks(mask, json.loads(more), keywords)),
        )
        for video_id, number, heatmap, mask, more in rows
    ]


def chosen_masks(first: str, extra: Sequence[str], keywords: Keywords) -> tuple[str, ...]:
    """Return the masks of the chosen keywords; none where the scene does not show keyword N."""
    if keywords == "first":
        return (first,)
    if keywords == "union":
        return (first, *extra)
    numbered = ((parse_scene_name(Path(path).name).keyword_index, path) for path in extra)
    chosen = {0: first, **dict(numbered)}.get(keywords)
    return (chosen,) if chosen else ()


def map_names(table: pd.DataFrame, suffix: str) -> list[str]:
    """Return the file name of each scene's map: the scene's own, with the maps' file type."""
    return [f"{Path(name).stem}.{suffix}" for name in table["filename"]]


class SourceRows:
    """The rows of one video as text, turned into it once for all variants."""

    def __init__(self, table: pd.DataFrame) -> None:
        text = table.to_csv(index=False, float_format=_FLOAT)
        self.header, *self.rows = csv.reader(StringIO(text, newline=""))

    def write_variant(
        self, path: Path, variant: str, maps: Sequence[str], measured: Sequence[Measured]
    ) -> None:
        """Write `{variant}_scenes.csv`; undefined values are blank.

        Args:
            path: to write.
            variant: its name.
            maps: path of each scene's map, as the table is to show it.
            measured: of each scene.
        """
        with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as f:
            writer = csv.writer(f, lineterminator="\n")
            writer.writerow([*self.header, *VARIANT_COLUMNS])
            for row, map_path, values in zip(self.rows, maps, measured, strict=True):
                shown = [_text(value) for value in values[:-1]]
                writer.writerow([*row, map_path, variant, *shown])


def _text(value: float | bool | str) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else _FLOAT % value
    return str(value)


def read_variant_table(path: Path) -> pd.DataFrame:
    """Read what `SourceRows.write_variant` wrote."""
    from pipeline.ground.tables import read_table

    return read_table(path, _DTYPES)


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
        alignment, share = measure_levels(levels, keyword_mask(scene, image_size))
        alignments.append(alignment)
        shares.append(share)
    return alignments, shares
