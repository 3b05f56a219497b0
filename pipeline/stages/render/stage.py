"""Stage `render`: the edits put back into the videos, one file per video and arm.

`reports/render/videos.csv` has one row per file: `schemas/videos.py` names its columns.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.ground.artefacts import RENDERED, VIDEO_FIGURES, rendered_video
from pipeline.ground.code import Key, summary_key
from pipeline.ground.errors import InputError
from pipeline.ground.outs import StageOuts
from pipeline.ground.parallel import each
from pipeline.ground.params import ComputeParams
from pipeline.ground.tables import write_rows
from pipeline.ground.workspace import Workspace
from pipeline.stages.render.params import RenderParams
from pipeline.stages.render.plan import Planner, VideoPlan, known_videos
from pipeline.stages.render.tasks import VideoTask
from pipeline.stages.render.video import render_video
from schemas.videos import VIDEOS_TABLE

LOG = logging.getLogger(__name__)

_SUMMARY = "summary"
_MAKERS = (render_video.__module__,)


def main(workspace: Workspace) -> None:
    """Render every arm of the chosen videos.

    Raises:
        InputError: a table is missing, or some files cannot be made: all others are.
    """
    params = RenderParams.load(workspace)
    compute = ComputeParams.load(workspace)
    sources = known_videos(workspace)
    plans = [] if sources is None else list(Planner(workspace, params).plans(sources))
    keys = {
        _item(plan.task.video_id, arm): Key(inputs, _MAKERS)
        for plan in plans
        for arm, inputs in plan.inputs.items()
    }
    failures = [found for plan in plans for found in plan.missing]
    keys |= {_SUMMARY: summary_key(keys, (__name__,))}
    with StageOuts(workspace, params.name) as outs:
        todo = outs.begin(keys, dict.fromkeys(keys.keys() - {_SUMMARY}, dict[str, Any]))
        tasks = list(_tasks(plans, todo, outs.staging / RENDERED))
        notes: dict[str, list[str]] = {}
        for made in each(render_video, tasks, compute, params.name, unit="video"):
            for arm, figures in made.rows.items():
                file = rendered_video(arm, made.video_id)
                row = {"video_id": made.video_id, "variant": arm, "file": file, **figures}
                outs.accept(_item(made.video_id, arm), [file], row)
            failures += made.failures
            for note in made.notes:
                notes.setdefault(note, []).append(made.video_id)
        for note, videos in notes.items():
            LOG.warning("%d videos (first: %s) have %s", len(videos), min(videos), note)
        _refuse(failures)
        if _SUMMARY in todo:
            rows = (row for item, row in outs.results() if item != _SUMMARY)
            _write_figures(outs.staging / VIDEO_FIGURES, rows)
            outs.accept(_SUMMARY, [VIDEO_FIGURES])
    files, new = len(keys) - 1, len(todo - {_SUMMARY})
    LOG.info("render: %d files of %d videos, %d of them made in this run.", files, len(plans), new)


def _item(video_id: str, arm: str) -> str:
    return f"video {video_id} {arm}"


def _tasks(plans: Iterable[VideoPlan], todo: set[str], folder: Path) -> Iterator[VideoTask]:
    """Yield the videos that have something to be made, with no more arms than that."""
    for plan in plans:
        arms = {
            arm: edits
            for arm, edits in plan.task.arms.items()
            if _item(plan.task.video_id, arm) in todo
        }
        if arms:
            yield plan.task._replace(arms=arms, folder=folder)


def _refuse(failures: list[str]) -> None:
    for failure in failures:
        LOG.warning("render: not made: %s", failure)
    if failures:
        more = f" and {len(failures) - 1} more" if len(failures) > 1 else ""
        raise InputError(
            f"{min(failures)}{more}. Videos, cuts and edits do not belong together: run "
            "`dvc repro edit`, which takes up what has changed, then this again. The files of all "
            "other videos are kept."
        )


def _write_figures(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    header = list(VIDEOS_TABLE.columns)
    write_rows(path, header, ([row.get(name) for name in header] for row in rows))
