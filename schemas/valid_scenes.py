"""`data/valid_scenes.csv`: the scenes that every later stage works on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from schemas.columns import Column, Rule, Table, columns_of

if TYPE_CHECKING:
    import pandas as pd

Split = Literal["train", "val", "test"]

_NAME = r"(?:^|.*[/\\])(?P<video_id>[^/\\]+)-Scene-(?P<scene>\d{3,})-\d{2,}\.(?:jpe?g|png)$"
_PATHS = ("scene_image_path", "keyword_mask_path", "attention_heatmap_path")
# Figures are written with nine digits.
_ROUNDING = 1e-6


def _length(text: str) -> int:
    """Return the length of a JSON array of texts, -1 for anything else."""
    try:
        values = json.loads(text)
    except (TypeError, ValueError):
        return -1
    return len(values) if isinstance(values, list) else -1


_NOT_BLANK = Rule("must not be blank", lambda text: text.str.strip() != "")
_NUMBER = Rule("must be 0 or more", lambda number: number >= 0)
_PIXELS = Rule("must be a number of pixels", lambda pixels: pixels > 0)
_INSIDE = Rule("must be in (0, 1)", lambda share: (share > 0) & (share < 1))
_FRACTION = Rule("must be in [0, 1]", lambda share: share.between(0, 1))
_ARRAY = Rule("must be a JSON array", lambda text: text.map(_length) >= 0)


class ValidScene(NamedTuple):
    """A row. Figures are at `image_size`; the share is None where undefined."""

    video_id: Annotated[str, Column("The video; text, whatever it looks like.", _NOT_BLANK)]
    scene_number: Annotated[int, Column("The scene, as in its files' names.", _NUMBER)]
    keyword: Annotated[
        str, Column("The advertised product: the video's first keyword.", _NOT_BLANK)
    ]
    scene_image_path: Annotated[str, Column("The scene's image, RGB.", _NOT_BLANK)]
    keyword_mask_path: Annotated[
        str, Column("Where the product is: grey, over half is product.", _NOT_BLANK)
    ]
    attention_heatmap_path: Annotated[
        str, Column("Where viewers look: grey, 0 nowhere, 255 most.", _NOT_BLANK)
    ]
    filename: Annotated[str, Column("The image's file name.", _NOT_BLANK)]
    width: Annotated[int, Column("Width of the image, in pixels.", _PIXELS)]
    height: Annotated[int, Column("Height of the image, in pixels.", _PIXELS)]
    mask_coverage: Annotated[float, Column("Mean of the mask.", _INSIDE)]
    alignment_score: Annotated[float, Column("Mean of mask × heatmap.", _FRACTION)]
    attention_share: Annotated[
        float | None,
        Column("Sum of mask × heatmap over sum of heatmap; blank where that is 0.", _FRACTION),
    ]
    split: Annotated[Split, Column("The video's part: by a hash of its id, 70 / 10 / 20 %.")]
    heatmap_source: Annotated[
        Literal["recorded", "predicted", "imported"],
        Column("Who says where viewers look: an eye tracker, a model, or a file of yours."),
    ]
    extra_keywords: Annotated[str, Column("Further products that the scene shows.", _ARRAY)]
    extra_mask_paths: Annotated[str, Column("Their masks, in the same order.", _ARRAY)]
    digest: Annotated[str, Column("Hash of the contents of the scene's files.", _NOT_BLANK)]


COLUMNS = ValidScene._fields
"""All columns, in order. Figures are at `image_size`; the share is blank where undefined."""

FIRST_COLUMNS = COLUMNS[:7]
"""The columns that every scene table begins with; the others may be absent."""


def _named_after_its_scene(column: str) -> Rule:
    def agrees(table: pd.DataFrame) -> pd.Series:
        parts = table[column].astype("str").str.extract(_NAME, flags=2)
        same_number = parts["scene"].astype("float64").eq(table["scene_number"])
        return parts["video_id"].eq(table["video_id"]) & same_number

    return Rule(f"{column} must name the row's video_id and scene_number", agrees)


def _filename_of_image(table: pd.DataFrame) -> pd.Series:
    names = table["scene_image_path"].str.extract(r"([^/\\]*)$", expand=False)
    return names.eq(table["filename"])


def _sorted(table: pd.DataFrame) -> bool:
    import pandas as pd

    order = pd.MultiIndex.from_frame(table[["video_id", "scene_number"]])
    return bool(order.is_monotonic_increasing)


def _score_within_mask(table: pd.DataFrame) -> pd.Series | bool:
    if not {"alignment_score", "mask_coverage"} <= set(table.columns):
        return True
    return table["alignment_score"] <= table["mask_coverage"] + _ROUNDING


def _one_split_per_video(table: pd.DataFrame) -> pd.Series | bool:
    if "split" not in table:
        return True
    return table.groupby("video_id")["split"].transform("nunique").eq(1)


def _masks_match_keywords(table: pd.DataFrame) -> pd.Series | bool:
    if not {"extra_keywords", "extra_mask_paths"} <= set(table.columns):
        return True
    return table["extra_keywords"].map(_length) == table["extra_mask_paths"].map(_length)


_RULES = (
    *(_named_after_its_scene(name) for name in (*_PATHS, "filename")),
    Rule("filename must be that of scene_image_path", _filename_of_image),
    Rule("alignment_score cannot exceed mask_coverage", _score_within_mask),
    Rule("a video must lie in one split", _one_split_per_video),
    Rule("extra_mask_paths must match extra_keywords", _masks_match_keywords),
)
_COLUMNS = columns_of(ValidScene)

SCENE_TABLE = Table(
    "valid_scenes.csv",
    {name: one._replace(required=name in FIRST_COLUMNS) for name, one in _COLUMNS.items()},
    _RULES,
    unique=("video_id", "scene_number"),
)
"""Any scene table that the public API takes: the first columns will do, in any order of rows."""

VALID_SCENES_TABLE = Table(
    "valid_scenes.csv",
    _COLUMNS,
    (*_RULES, Rule("rows must be sorted by video and scene number", _sorted)),
    unique=("video_id", "scene_number"),
    ordered=True,
)
"""What the validate stage writes: all columns, in order, rows sorted."""


def read_valid_scenes(path: Path | str) -> pd.DataFrame:
    """Read and check a scene table, ours or your own; return it sorted by video and scene.

    Your own may hold the first seven columns only, and absolute paths.

    Raises:
        pandera.errors.SchemaErrors: it breaks `SCENE_TABLE`; the error lists all failures.
    """
    table = SCENE_TABLE.read(path)
    return table.sort_values(["video_id", "scene_number"], kind="stable", ignore_index=True)
