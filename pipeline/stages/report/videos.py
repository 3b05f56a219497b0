"""One video of the page: its scenes, what every variant asked and got, and their pictures."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.ground.artefacts import edited_scene, variant_table
from pipeline.heatmaps.rendering import scenes_of
from pipeline.heatmaps.variant_tables import read_variant_table
from pipeline.pictures.reading import ImageRefused
from pipeline.scenes.masks import keyword_mask
from pipeline.scenes.table import Keywords
from pipeline.stages.report.pictures import (
    THUMBNAIL_WIDTH,
    Gallery,
    heatmap_picture,
    outline,
    scene_picture,
)
from pipeline.stages.report.rendered import played
from schemas.keywords import is_doubtful

if TYPE_CHECKING:
    import pandas as pd

_OUTLINE_WIDTH = 360
_SCENE_COLUMNS = {
    "scene_number": "number",
    "width": "width",
    "height": "height",
    "mask_coverage": "coverage",
    "alignment_score": "alignment",
    "attention_share": "share",
    "heatmap_source": "source",
}
_ASKED = ("alpha", "region", "modified", "requested_share", "planned_share", "feasible")
_EDITED = ("filename", "strength", "reached", "guide_dose", "guide_achieved")
_JUDGED = ("share", "original_share", "judge_dose", "ssim")


class VideoTask(NamedTuple):
    """What a worker needs to draw one video; the tables hold its rows only."""

    video_id: str
    root: Path
    table: pd.DataFrame
    """Its scenes."""
    times: pd.DataFrame
    """`scene_number`, `start_s`, `end_s`, where the cuts have times."""
    variants: tuple[str, ...]
    edits: pd.DataFrame
    """Of `edits.csv`; empty where nothing was redrawn."""
    judged: pd.DataFrame
    """Of the evaluation's scenes.csv, arm `variants`; empty where nothing was judged."""
    rendered: pd.DataFrame
    """Of `videos.csv`; empty where nothing was rendered."""
    keywords: Keywords
    width: int
    """Of the scenes' pictures, in pixels."""


class DrawnVideo(NamedTuple):
    """One video as the page holds it."""

    video_id: str
    summary: dict[str, Any]
    """Its entry in the page's list."""
    block: dict[str, Any]
    """`scenes`, `pictures` that they refer to by place, and what is `played`."""
    failure: str = ""


def draw_video(task: VideoTask) -> DrawnVideo:
    """Draw a video in a worker process; what is wrong with a file is the result's `failure`."""
    try:
        return _draw(task)
    except ImageRefused as error:
        return DrawnVideo(task.video_id, {}, {}, f"video {task.video_id}: {error}")
    except FileNotFoundError as error:
        return DrawnVideo(task.video_id, {}, {}, f"{error.filename} is missing")


def _draw(task: VideoTask) -> DrawnVideo:
    gallery = Gallery()
    picture = partial(scene_picture, width=task.width)
    scenes = _records(task.table, _SCENE_COLUMNS)
    times = {row["scene_number"]: row for row in _records(task.times)}
    asked = {variant: _asked(task, variant) for variant in task.variants}
    edits = _by_scene_and_variant(task.edits, _EDITED)
    judged = _by_scene_and_variant(task.judged, _JUDGED)
    places = task.table[["scene_image_path", "attention_heatmap_path"]].itertuples(index=False)
    paths = scenes_of(task.table, task.root, task.keywords)
    for scene, (image, heatmap), files in zip(scenes, places, paths, strict=True):
        number = scene["number"]
        time = times.get(number, {})
        height = max(1, round(_OUTLINE_WIDTH * scene["height"] / scene["width"]))
        scene |= {
            "start": time.get("start_s"),
            "end": time.get("end_s"),
            "image": gallery.add(task.root / image, picture),
            "heatmap": gallery.add(task.root / heatmap, heatmap_picture),
            "outline": outline(keyword_mask(files.masks, (height, _OUTLINE_WIDTH))),
            "box": [_OUTLINE_WIDTH, height],
            "variants": {},
        }
        for variant, rows in asked.items():
            found = rows[number]
            path = found.pop("modified_attention_heatmap_path")
            found["heatmap"] = gallery.add(task.root / path, heatmap_picture)
            if (number, variant) in edits:
                found |= edits[number, variant]
                edited = task.root / edited_scene(variant, task.video_id, found.pop("filename"))
                found["image"] = (
                    gallery.add(edited, picture) if found["modified"] else scene["image"]
                )
            if (number, variant) in judged:
                found["judged"] = judged[number, variant]
            scene["variants"][variant] = found
    block = {
        "scenes": scenes,
        "pictures": gallery.pictures,
        "played": played(_records(task.rendered), scenes, list(times.values())),
    }
    return DrawnVideo(task.video_id, _summary(task), block)


def _asked(task: VideoTask, variant: str) -> dict[int, dict[str, Any]]:
    """Return, by scene number, what the variant asks and where its map is."""
    path = task.root / variant_table(task.video_id, variant)
    columns = ["scene_number", *_ASKED, "modified_attention_heatmap_path"]
    rows = _records(read_variant_table(path)[columns])
    return {row.pop("scene_number"): row for row in rows}


def _by_scene_and_variant(
    table: pd.DataFrame, columns: Sequence[str]
) -> dict[tuple[int, str], dict[str, Any]]:
    rows = _records(table.reindex(columns=["scene_number", "variant", *columns]))
    return {(row.pop("scene_number"), row.pop("variant")): row for row in rows}


def _summary(task: VideoTask) -> dict[str, Any]:
    first = task.table.iloc[0]
    thumbnail = scene_picture(task.root / first["scene_image_path"], THUMBNAIL_WIDTH)
    return {
        "id": task.video_id,
        "keyword": first["keyword"],
        "split": first.get("split", ""),
        "scenes": len(task.table),
        "edited": not task.edits.empty,
        "rendered": not task.rendered.empty,
        "keyword_doubtful": is_doubtful(first["keyword"]),
        "thumbnail": base64.b64encode(thumbnail).decode(),
    }


def _records(table: pd.DataFrame, names: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Return the rows with blanks as None, numbers at six digits after the point."""
    if names:
        table = table[[name for name in names if name in table]].rename(columns=dict(names))
    rows: list[dict[str, Any]] = json.loads(table.to_json(orient="records", double_precision=6))
    return rows
