"""Stage scene_cuts: one upright image for every shot of every video, and when the shot is shown."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pipeline.ground.artefacts import CUTS, CUTS_CSV, refused_by
from pipeline.ground.errors import InputError
from pipeline.ground.files import digest
from pipeline.ground.outs import StageOuts
from pipeline.ground.workspace import Workspace
from pipeline.ingest.inputs import by_video, content_digests, input_path, list_files
from pipeline.ingest.items import Plan, Table, in_parallel, make_items, refusals, refusals_table
from pipeline.ingest.made import Item, Made
from pipeline.ingest.take_over import copy_items, find_scene_files
from pipeline.scenes.cuts import CutScene, read_cuts, write_cuts
from pipeline.scenes.names import normal_id
from pipeline.stages.scene_cuts.params import SceneCutsParams
from pipeline.video.containers import OTHER_VIDEO_SUFFIXES, VIDEO_SUFFIXES
from schemas.rejected_scenes import Reason, Rejection
from schemas.scenes import Cut

LOG = logging.getLogger(__name__)

REFUSED = refused_by("scene_cuts")


def main(workspace: Workspace) -> None:
    """Cut what is new or changed; write the scene images, scenes.csv and what was refused."""
    params = SceneCutsParams.load(workspace)
    plan = {"videos": plan_videos, "folder": plan_folder}[params.source](workspace, params)
    table = Table(CUTS_CSV, _write_table, (__name__,))
    with StageOuts(workspace, params.name) as outs:
        made = make_items(outs, plan, [table, refusals_table(REFUSED, plan)], Cut)
    scenes = _scenes(made)
    _tell_notes(made)
    LOG.info(
        "scene_cuts: %d scenes of %d videos, %d refused (%s)",
        len(scenes),
        len({scene.video_id for scene in scenes}),
        len(refusals(plan, made)),
        REFUSED,
    )


def _write_table(path: Path, made: Sequence[Made]) -> None:
    write_cuts(path, _scenes(made))


def _scenes(made: Sequence[Made]) -> list[CutScene]:
    return [CutScene(*row) for result in made for row in result.rows]


def plan_videos(workspace: Workspace, params: SceneCutsParams) -> Plan:
    """Plan one item per video: it is cut again when its content or a parameter changes.

    Raises:
        InputError: there is no such folder, or nothing in it.
    """
    from pipeline.stages.scene_cuts.cutting import cut_video

    paths, refused = list_files(workspace, input_path(workspace, params))
    named = [path for path in paths if path.suffix.lower() in VIDEO_SUFFIXES]
    others = [path for path in paths if path.suffix.lower() in OTHER_VIDEO_SUFFIXES]
    for path in others:
        found = f"{path.suffix}, expected {', '.join(VIDEO_SUFFIXES)}"
        other = (normal_id(path.stem), None, workspace.relative(path))
        refused.append(Rejection(*other, Reason.VIDEO_UNREADABLE, found))
    _tell_of_files_beside(workspace, sorted({*paths}.difference(named, others)))
    videos, unusable = by_video(workspace, named)
    refused += unusable
    if not videos and not refused:
        raise InputError(f"{params.name}.input: {params.input} holds no videos. Put yours there.")
    settings = params.model_dump_json(exclude={"source", "input"})
    digests = content_digests(list(videos.values()))
    items = [
        Item(video_id, digest(settings, content), path, workspace.relative(path))
        for (video_id, path), content in zip(videos.items(), digests, strict=True)
    ]
    work = partial(cut_video, out=CUTS, params=params)
    make = in_parallel(work, workspace, params.name, "video")
    return Plan(items, make, (cut_video.__module__,), refused)


def _tell_of_files_beside(workspace: Workspace, beside: Sequence[Path]) -> None:
    """Say once what lies beside the videos: downloaders leave pictures, texts and sound there."""
    if beside:
        first = workspace.relative(beside[0])
        LOG.warning("not used, as they are no videos: %d files (first: %s)", len(beside), first)


def _tell_notes(made: Sequence[Made]) -> None:
    by_note: dict[str, list[str]] = {}
    for result in made:
        for note in result.notes:
            by_note.setdefault(note, []).append(result.item)
    for note, videos in by_note.items():
        LOG.warning("%d videos (first: %s) have %s", len(videos), videos[0], note)


def plan_folder(workspace: Workspace, params: SceneCutsParams) -> Plan:
    """Plan one item per image; times come from the folder's own scenes.csv, where it has one.

    Raises:
        InputError: there is no such folder, nothing in it, or its scenes.csv breaks the contract.
    """
    table = workspace.path(params.input) / Path(CUTS_CSV).name
    files, refused = find_scene_files(workspace, params, CUTS, aside=table.name)
    times = {scene.name: scene for scene in read_cuts(table)} if table.is_file() else {}
    items = []
    for item in copy_items(workspace, files):
        known = times.pop(item.task.name, None)
        span = (known.start_s, known.end_s, known.image_time_s) if known else (None, None, None)
        inputs = digest(item.inputs, repr(span))
        items.append(item._replace(inputs=inputs, task=(item.task, span)))
    for name in times:
        found = f"a row of {table.name} without an image"
        missing = (name.video_id, name.scene_number, workspace.relative(table))
        refused.append(Rejection(*missing, Reason.MISSING_SCENE_IMAGE, found))
    from pipeline.stages.scene_cuts.imported import take_over_cut

    make = in_parallel(take_over_cut, workspace, params.name, "image")
    return Plan(items, make, (take_over_cut.__module__,), refused)
