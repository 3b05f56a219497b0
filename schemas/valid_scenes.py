"""`data/valid_scenes.csv`: the scenes that every later stage works on."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pandera.pandas as pa

_FIRST = {
    "video_id": "The video; text, whatever it looks like.",
    "scene_number": "The scene, as in its files' names.",
    "keyword": "The advertised product: the video's first keyword.",
    "scene_image_path": "The scene's image, RGB.",
    "keyword_mask_path": "Where the product is: grey, over half is product.",
    "attention_heatmap_path": "Where viewers look: grey, 0 nowhere, 255 most.",
    "filename": "The image's file name.",
}

FIRST_COLUMNS = tuple(_FIRST)
"""The columns that every scene table begins with; the others may be absent."""

COLUMNS = (
    *FIRST_COLUMNS,
    "width",
    "height",
    "mask_coverage",
    "alignment_score",
    "attention_share",
    "split",
    "heatmap_source",
    "extra_keywords",
    "extra_mask_paths",
    "digest",
)
"""All columns, in order. Figures are at `image_size`; the share is blank where undefined."""

_NAME = r"(?:^|.*[/\\])(?P<video_id>[^/\\]+)-Scene-(?P<scene>\d{3,})-\d{2,}\.(?:jpe?g|png)$"
_PATHS = ("scene_image_path", "keyword_mask_path", "attention_heatmap_path")
# Figures are written with nine digits.
_ROUNDING = 1e-6


def _named_after_its_scene(column: str) -> pa.Check:
    def agrees(table: pd.DataFrame) -> pd.Series:
        parts = table[column].astype("str").str.extract(_NAME, flags=2)
        same_number = pd.to_numeric(parts["scene"]).eq(table["scene_number"])
        return parts["video_id"].eq(table["video_id"]) & same_number

    return pa.Check(agrees, error=f"{column} must name the row's video_id and scene_number")


def _filename_of_image(table: pd.DataFrame) -> pd.Series:
    return (
        table["scene_image_path"]
        .str.replace("\\", "/")
        .str.split("/")
        .str[-1]
        .eq(table["filename"])
    )


def _sorted(table: pd.DataFrame) -> bool:
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


def _length(text: str) -> int:
    """Return the length of a JSON array of texts, -1 for anything else."""
    try:
        values = json.loads(text)
    except (TypeError, ValueError):
        return -1
    return len(values) if isinstance(values, list) else -1


def _schema(complete: bool) -> pa.DataFrameSchema:
    def column(dtype: str, check: pa.Check, meaning: str, nullable: bool = False) -> pa.Column:
        return pa.Column(
            dtype, check, coerce=True, required=complete, nullable=nullable, description=meaning
        )

    def one_of(*values: str, meaning: str) -> pa.Column:
        check = pa.Check.isin(values, error=f"must be one of {', '.join(values)}")
        return column("str", check, meaning)

    not_blank = pa.Check(lambda text: text.str.strip() != "", error="must not be blank")
    pixels = pa.Check.gt(0, error="must be a number of pixels")
    fraction = pa.Check.in_range(0, 1, error="must be in [0, 1]")
    inside = pa.Check(lambda share: (share > 0) & (share < 1), error="must be in (0, 1)")
    array = pa.Check(lambda text: text.map(_length) >= 0, error="must be a JSON array")
    in_order = [pa.Check(_sorted, error="rows must be sorted by video and scene number")]
    return pa.DataFrameSchema(
        {
            **{
                name: pa.Column("str", not_blank, description=meaning)
                for name, meaning in _FIRST.items()
            },
            "scene_number": pa.Column(
                "int64",
                pa.Check.ge(0, error="must be 0 or more"),
                coerce=True,
                description=_FIRST["scene_number"],
            ),
            "width": column("int64", pixels, "Width of the image, in pixels."),
            "height": column("int64", pixels, "Height of the image, in pixels."),
            "mask_coverage": column("float64", inside, "Mean of the mask."),
            "alignment_score": column("float64", fraction, "Mean of mask × heatmap."),
            "attention_share": column(
                "float64",
                fraction,
                "Sum of mask × heatmap over sum of heatmap; blank where that is 0.",
                nullable=True,
            ),
            "split": one_of(
                "train",
                "val",
                "test",
                meaning="The video's part: by a hash of its id, 70 / 10 / 20 %.",
            ),
            "heatmap_source": one_of(
                "recorded",
                "predicted",
                "imported",
                meaning="Who says where viewers look: an eye tracker, a model, or a file of yours.",
            ),
            "extra_keywords": column("str", array, "Further products that the scene shows."),
            "extra_mask_paths": column("str", array, "Their masks, in the same order."),
            "digest": column("str", not_blank, "Hash of the contents of the scene's files."),
        },
        checks=[
            *(_named_after_its_scene(name) for name in (*_PATHS, "filename")),
            pa.Check(_filename_of_image, error="filename must be that of scene_image_path"),
            pa.Check(_score_within_mask, error="alignment_score cannot exceed mask_coverage"),
            pa.Check(_one_split_per_video, error="a video must lie in one split"),
            pa.Check(_masks_match_keywords, error="extra_mask_paths must match extra_keywords"),
            *(in_order if complete else ()),
        ],
        unique=["video_id", "scene_number"],
        ordered=complete,
        name="valid_scenes.csv",
    )


SCENE_TABLE = _schema(complete=False)
"""Any scene table that the public API takes: the first columns will do, in any order of rows."""

VALID_SCENES_TABLE = _schema(complete=True)
"""What the validate stage writes: all columns, in order, rows sorted."""


def read_text(path: Path) -> pd.DataFrame:
    """Read a scene table for one of the schemas above, which convert the numbers in it.

    Only blank figures are missing values: "NA" may be a keyword.
    """
    table = pd.read_csv(
        path,
        dtype="str",
        encoding="utf-8-sig",
        keep_default_na=False,
        na_values={"attention_share": [""]},
    )
    return table.rename(columns=str.strip)


def read_valid_scenes(path: Path | str) -> pd.DataFrame:
    """Read and check a scene table, ours or your own; return it sorted by video and scene.

    Your own may hold the first seven columns only, and absolute paths.

    Raises:
        pandera.errors.SchemaErrors: it breaks `SCENE_TABLE`; the error lists all failures.
    """
    table = SCENE_TABLE.validate(read_text(Path(path)), lazy=True)
    return table.sort_values(["video_id", "scene_number"], kind="stable", ignore_index=True)
