"""One video: its variants' maps and tables, its statistics, and, for a sample, its pictures."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.ground.files import write_text
from pipeline.heatmaps.params import VariantParams
from pipeline.heatmaps.recipes import recipes
from pipeline.heatmaps.rendering import MapFiles, render_scene, scenes_of
from pipeline.heatmaps.variant_tables import SourceRows
from pipeline.pictures.reading import ImageRefused
from pipeline.stages.variant.statistics import describe, known
from schemas.variant_scenes import Planned

if TYPE_CHECKING:
    import pandas as pd


class VideoTask(NamedTuple):
    """All that a worker needs to know about one video."""

    table: pd.DataFrame
    """The video's rows of the scene table, sorted."""
    root: Path
    """What the table's relative paths are relative to."""
    folder: Path
    """Where `{video_id}/…` is written."""
    shown_as: str
    """What the folder is called in the tables."""
    params: VariantParams
    image_size: tuple[int, int]
    draw: Callable[[VideoTask, VariantsOfVideo], list[str]] | None = None
    """Writes the video's pictures, if it is to have any, and returns their names."""

    @property
    def video_id(self) -> str:
        """The video's id."""
        return str(self.table["video_id"].iloc[0])


class VariantsOfVideo(NamedTuple):
    """What was made of one video, by variant. Paths are relative to the task's folder."""

    measured: dict[str, list[Planned]]
    maps: dict[str, list[str]]
    tables: dict[str, str]

    @property
    def files(self) -> list[str]:
        """All files."""
        maps = [path for paths in self.maps.values() for path in paths]
        return [*maps, *self.tables.values()]


class SceneFailed(Exception):
    """A scene's files cannot be read, though the scene table calls it valid."""

    def __init__(self, scene: MapFiles, found: str) -> None:
        super().__init__(f"{scene.video_id} scene {scene.scene_number}: {found}")


class VideoMade(NamedTuple):
    """What came of a task; paths are relative to its folder, and to that of the pictures."""

    video_id: str
    files: list[str]
    pictures: list[str]
    summary: dict[str, Any]
    failure: str = ""


def make_video(task: VideoTask) -> VideoMade:
    """Make all variants of one video in a worker process."""
    try:
        made = make_variants(task, task.params.variants)
        files = [*made.files, write_statistics(task, made)]
        pictures = task.draw(task, made) if task.draw else []
    except (SceneFailed, ImageRefused, FileNotFoundError) as error:
        return VideoMade(task.video_id, [], [], {}, str(error))
    return VideoMade(task.video_id, files, pictures, summary_of_video(task, made))


def make_variants(task: VideoTask, variants: Collection[str]) -> VariantsOfVideo:
    """Write the maps and tables of these variants of a video.

    Raises:
        SceneFailed: a heatmap or mask is missing or unreadable.
    """
    video = task.video_id
    scenes = scenes_of(task.table, task.root, task.params.keywords)
    names = [f"{Path(name).stem}.{task.params.format}" for name in task.table["filename"]]
    maps = {
        variant: [f"{video}/{variant}/attention_heatmap/{name}" for name in names]
        for variant in variants
    }
    plan = recipes(task.params, len(scenes))
    measured: dict[str, list[Planned]] = {variant: [] for variant in variants}
    for position, scene in enumerate(scenes):
        targets = {variant: task.folder / maps[variant][position] for variant in variants}
        try:
            rows = render_scene(scene, position, plan, targets, task.params, task.image_size)
        except (ImageRefused, FileNotFoundError) as error:
            raise SceneFailed(scene, str(error)) from error
        for variant, row in rows.items():
            measured[variant].append(row)
    tables = {variant: f"{video}/{variant}_scenes.csv" for variant in variants}
    source = SourceRows(task.table)
    for variant, path in tables.items():
        shown = [f"{task.shown_as}/{path}" for path in maps[variant]]
        source.write_variant(task.folder / path, variant, shown, measured[variant])
    return VariantsOfVideo(measured, maps, tables)


def write_statistics(task: VideoTask, made: VariantsOfVideo) -> str:
    """Write the video's `statistics.json`; return its place below the task's folder."""
    statistics = {
        variant: describe([row.alignment for row in rows], [row.planned_share for row in rows])
        for variant, rows in made.measured.items()
    }
    place = f"{task.video_id}/statistics.json"
    write_text(task.folder / place, json.dumps(statistics, indent=1, allow_nan=False) + "\n")
    return place


def summary_of_video(task: VideoTask, made: VariantsOfVideo) -> dict[str, Any]:
    """Return what the corpus's summary needs to know of a video, ready for JSON."""
    return {
        "keyword": str(task.table["keyword"].iloc[0]),
        "scenes": len(task.table),
        "variants": {variant: _row_lists(rows) for variant, rows in made.measured.items()},
    }


def _row_lists(rows: Sequence[Planned]) -> dict[str, list[Any]]:
    return {
        "planned_share": [known(row.planned_share) for row in rows],
        "alignment": [None if math.isnan(row.alignment) else row.alignment for row in rows],
        "placebo_change_ratio": [known(row.placebo_change_ratio) for row in rows],
        # Where no dose is asked for there is nothing to be feasible.
        "feasible": [row.feasible for row in rows if row.alpha != 1],
    }
