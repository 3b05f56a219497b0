"""The work on one video: its variants' maps and tables, its statistics, and perhaps pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from pipeline.pictures.reading import ImageRefused
from pipeline.stages.variant.video import (
    SceneFailed,
    VariantsOfVideo,
    VideoTask,
    make_variants,
    summary_of_video,
    write_statistics,
)


class Job(NamedTuple):
    """A video, and how it is drawn: a function that writes pictures and returns their paths."""

    task: VideoTask
    draw: Callable[[VideoTask, VariantsOfVideo], list[str]] | None


class VideoMade(NamedTuple):
    """What came of a job; paths are relative to the folder of the task, and of the pictures."""

    video_id: str
    files: list[str]
    pictures: list[str]
    summary: dict[str, Any]
    failure: str = ""


def make(job: Job) -> VideoMade:
    """Make the variants of one video in a worker process."""
    task = job.task
    try:
        made = make_variants(task, task.params.variants)
        files = [*made.files, write_statistics(task, made)]
        pictures = job.draw(task, made) if job.draw else []
    except (SceneFailed, ImageRefused, FileNotFoundError) as error:
        return VideoMade(task.video_id, [], [], {}, str(error))
    return VideoMade(task.video_id, files, pictures, summary_of_video(task, made))
