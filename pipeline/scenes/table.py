"""The scene table, `schemas.valid_scenes`: reading it, its videos, a scene's masks."""

from __future__ import annotations

import json
import logging
from collections.abc import Container, Iterable, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.ground.errors import InputError, UnknownVideoError
from pipeline.ground.places import WITHOUT_PRODUCT
from pipeline.ground.tables import read_table
from pipeline.scenes.names import check_video_id, parse_scene_name
from schemas.valid_scenes import COLUMNS, FIRST_COLUMNS, SCENE_TABLE

if TYPE_CHECKING:
    import pandas as pd

LOG = logging.getLogger(__name__)

Keywords = Literal["first", "union"] | int


class VideoRuns(NamedTuple):
    """The videos of a scene table that is sorted by video and scene."""

    ids: NDArray[np.object_]
    starts: NDArray[np.intp]
    """Position of each one's first row."""
    lengths: NDArray[np.intp]
    """Scenes of each."""


def read_scenes(
    path: Path, columns: Sequence[str] | None = None, *, complete: bool = True
) -> pd.DataFrame:
    """Read these columns of a scene table, as far as it has them, sorted by video and scene.

    A complete one has all columns that the validate stage writes, as the stages after it need; else
    the first seven will do.

    Raises:
        InputError: there is no such file, it is no table, a column is missing, a cell of the first
            seven is blank, or an id may not become a path.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such scene table. Run `gazeshift validate` first.")
    try:
        table = read_table(path, SCENE_TABLE.dtypes, columns)
    except ValueError as error:
        raise InputError(f"{path} is no scene table: {error}. Run `gazeshift validate`.") from error
    needed = COLUMNS if complete else FIRST_COLUMNS
    missing = [name for name in needed if name not in table]
    if missing:
        raise InputError(
            f"{path}: the column {missing[0]!r} is missing; needed here are {', '.join(needed)}. "
            "Run `gazeshift validate`: it writes them all."
        )
    for name in FIRST_COLUMNS:
        if (blank := table[name].isna()).any():
            line = int(blank.to_numpy().argmax()) + 2
            raise InputError(f"{path}: {name} is blank in line {line}. Run `gazeshift validate`.")
    for video_id in table["video_id"].unique():
        check_video_id(video_id)
    return table.sort_values(["video_id", "scene_number"], kind="stable", ignore_index=True)


def read_whole_videos(path: Path, *, complete: bool = True) -> pd.DataFrame:
    """Read a scene table and, from beside it, the scenes of its videos that show no product.

    Raises:
        InputError: as `read_scenes`, of either table.
    """
    import pandas as pd

    scenes = read_scenes(path, complete=complete)
    beside = path.with_name(Path(WITHOUT_PRODUCT).name)
    if not beside.is_file():
        return scenes
    try:
        others = read_table(beside, SCENE_TABLE.dtypes, COLUMNS)
        others = others[others["video_id"].isin(scenes["video_id"])]
    except (ValueError, KeyError) as error:
        raise InputError(
            f"{beside} is no table of scenes without product: {error}. Run `gazeshift validate`."
        ) from error
    if others.empty:
        return scenes
    whole = pd.concat([scenes, others.reindex(columns=scenes.columns)], ignore_index=True)
    return whole.sort_values(["video_id", "scene_number"], kind="stable", ignore_index=True)


def video_runs(table: pd.DataFrame) -> VideoRuns:
    """Return where the videos of a sorted scene table lie."""
    ids = table["video_id"]
    starts = np.flatnonzero(ids.ne(ids.shift()).to_numpy())
    lengths = np.diff(starts, append=len(table))
    return VideoRuns(ids.iloc[starts].to_numpy(object), starts, lengths)


def as_video_ids(video_ids: Iterable[str | int], known: Container[str]) -> list[str]:
    """Return the ids as texts; what the table lacks is left out, and said.

    Raises:
        UnknownVideoError: an id is neither a text nor a whole number, or the table has none of
            them.
    """
    if isinstance(video_ids, str):
        raise UnknownVideoError(f"video ids must be a list, found the text {video_ids!r}.")
    wanted = [as_video_id(video_id) for video_id in video_ids]
    missing = [video_id for video_id in wanted if video_id not in known]
    if missing:
        found = f"the scene table has no scenes of {len(missing)} of {len(wanted)} videos"
        if len(missing) == len(wanted):
            raise UnknownVideoError(f"{found}, such as {missing[0]!r}. Check how ids were read.")
        LOG.warning("%s, such as %r", found, missing[0])
    return [video_id for video_id in wanted if video_id in known]


def as_video_id(video_id: str | int) -> str:
    """Return an id as text.

    Raises:
        UnknownVideoError: it is neither a text nor a whole number.
    """
    if isinstance(video_id, bool) or not isinstance(video_id, str | Integral):
        raise UnknownVideoError(
            f"a video id is a text or a whole number, found {video_id!r}. A float has lost the "
            "last of 19 digits: read the column with dtype=str."
        )
    return str(video_id)


def mask_paths(row: Mapping[Any, Any] | pd.Series, keywords: Keywords) -> tuple[str, ...]:
    """Return the masks of the chosen keywords; none where the scene does not show them."""
    first, extra = row["keyword_mask_path"], json.loads(row.get("extra_mask_paths") or "[]")
    if not isinstance(first, str):  # Blank: the scene does not show the product.
        return ()
    if keywords == "first":
        return (first,)
    if keywords == "union":
        return (first, *extra)
    numbered = ((parse_scene_name(Path(path).name).keyword_index, path) for path in extra)
    chosen = {0: first, **dict(numbered)}.get(keywords)
    return (chosen,) if chosen else ()
