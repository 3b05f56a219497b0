"""The pictures of one video, from its files: shares over its course, and a sheet of its scenes."""

from __future__ import annotations

from pathlib import Path

from pipeline.figures.contact_sheet import Strip, Tile, draw_contact_sheet, percent
from pipeline.figures.share_plot import draw_shares
from pipeline.heatmaps.rendering import MapFiles, scenes_of
from pipeline.pictures.reading import read_grey, read_rgb
from pipeline.scenes.masks import keyword_mask
from pipeline.stages.variant.video import VariantsOfVideo, VideoTask
from schemas.variant_scenes import Planned

MAX_STRIPS = 12
"""Scenes on a sheet; of longer videos, as many at even distances."""


def draw_pictures(task: VideoTask, made: VariantsOfVideo, folder: Path) -> list[str]:
    """Draw both pictures of a video into `folder`; return their file names.

    Raises:
        ImageRefused: a scene's image breaks the contract.
        OSError: a file is missing, or cannot be written.
    """
    scenes = scenes_of(task.table, task.root, task.params.keywords)
    keyword = task.table["keyword"].iloc[0]
    plot, sheet = f"{task.video_id}-shares.png", f"{task.video_id}-scenes.png"
    draw_shares(
        folder / plot,
        f"Attention on “{keyword}” in video {task.video_id}, by variant",
        [scene.scene_number for scene in scenes],
        {variant: [row.planned_share for row in rows] for variant, rows in made.measured.items()},
    )
    shown = min(len(scenes), MAX_STRIPS)
    positions = [index * len(scenes) // shown for index in range(shown)]
    draw_contact_sheet(
        folder / sheet,
        f"Video {task.video_id}, keyword “{keyword}”: {shown} of {len(scenes)} scenes. "
        "Below each map: the keyword's share of attention and the one asked for (! not feasible).",
        [_strip(task, made, scenes[position], position) for position in positions],
    )
    return [plot, sheet]


def _strip(task: VideoTask, made: VariantsOfVideo, scene: MapFiles, position: int) -> Strip:
    row = task.table.iloc[position]
    return Strip(
        name=f"scene {scene.scene_number}",
        image=read_rgb(task.root / row["scene_image_path"]),
        mask=keyword_mask(scene.masks, task.image_size),
        heatmap=read_grey(scene.heatmap),
        caption=percent(made.measured["baseline"][position].requested_share),
        tiles={
            variant: Tile(
                read_grey(task.folder / made.maps[variant][position]), _caption(rows[position])
            )
            for variant, rows in made.measured.items()
        },
    )


def _caption(row: Planned) -> str:
    if not row.modified:
        return f"{percent(row.planned_share)}  unchanged"
    reached = "" if row.feasible else " !"
    return f"{percent(row.planned_share)}  asked {percent(row.requested_share)}{reached}"
