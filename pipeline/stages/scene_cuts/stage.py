"""Stage scene_cuts: one upright image for every shot of every video, and when the shot is shown."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline.ground.artefacts import CUTS, CUTS_TABLE, refused_by
from pipeline.ground.errors import InputError
from pipeline.ground.files import digest, write_bytes
from pipeline.ground.outs import StageOuts
from pipeline.ground.workspace import Workspace
from pipeline.ingest.inputs import (
    IngestParams,
    by_video,
    content_digests,
    input_path,
    list_files,
)
from pipeline.ingest.items import (
    Item,
    Made,
    Plan,
    add_rejections,
    add_table,
    in_parallel,
    make_items,
)
from pipeline.ingest.take_over import copy_items, copy_scene_file, find_scene_files
from pipeline.pictures.reading import ImageRefused, encode, read_size
from pipeline.scenes.cuts import Scene, read_scenes, write_scenes
from pipeline.scenes.names import SceneName
from schemas.rejected_scenes import Reason, Rejection

LOG = logging.getLogger(__name__)

CODE_VERSION = "1"
REFUSED = refused_by("scene_cuts")

# One family of containers, each of which states the length of every track: that is how a
# truncated file is told from a short one.
VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov")


class SceneCutsParams(IngestParams):
    """Where scene images come from, and how videos are cut."""

    name: ClassVar[str] = "scene_cuts"

    source: Literal["videos", "folder"] = "videos"
    """`videos`: cut them; `folder`: take over cuts that exist already."""
    input: str = "data/videos"
    """Folder of {video_id}.mp4, or of {video_id}/{video_id}-Scene-001-01.jpg."""
    detector: Literal["adaptive", "content", "threshold", "hash", "histogram"] = "adaptive"
    """PySceneDetect's detector of that name; `threshold` finds fades, the others cuts."""
    threshold: float | None = Field(None, gt=0)
    """On the detector's own scale (adaptive 3, content 27, threshold 12); null is its default."""
    min_content: float | None = Field(None, ge=0, le=255)
    """Adaptive only: least change of content that can be a cut; null is its default, 15."""
    min_scene_s: float = Field(0.5, ge=0, le=60)
    """Shortest scene in seconds; cuts that follow sooner are not made."""
    image_at: float = Field(0.5, ge=0, lt=1)
    """Which frame becomes the scene's image, as a fraction of its time: 0.5 is the middle."""
    jpeg_quality: int = Field(95, ge=50, le=100)
    """Of the images that are cut from videos; images that are taken over stay as they are."""

    @model_validator(mode="after")
    def _min_content_has_its_detector(self) -> Self:
        if self.min_content is not None and self.detector != "adaptive":
            raise ValueError(f"min_content is for detector adaptive, found {self.detector}")
        return self


def main(workspace: Workspace) -> None:
    """Cut what is new or changed; write the scene images, scenes.csv and what was refused."""
    params = SceneCutsParams.load(workspace)
    plan = {"videos": plan_videos, "folder": plan_folder}[params.source](workspace, params)
    with StageOuts(workspace, params.name) as outs:
        made = make_items(outs, plan, tables=(CUTS_TABLE, REFUSED))
        scenes = [Scene(*row) for result in made for row in result.rows]
        add_table(outs, CUTS_TABLE, lambda path: write_scenes(path, scenes))
        refused = add_rejections(outs, REFUSED, plan, made)
    videos = len({scene.video_id for scene in scenes})
    LOG.info(
        "scene_cuts: %d scenes of %d videos, %d refused (%s)", len(scenes), videos, refused, REFUSED
    )


def plan_videos(workspace: Workspace, params: SceneCutsParams) -> Plan:
    """Plan one item per video: it is cut again when its content or a parameter changes.

    Raises:
        InputError: there is no such folder, or nothing in it.
    """
    paths, refused = list_files(workspace, input_path(workspace, params))
    videos, unusable = by_video(workspace, paths)
    refused += unusable
    if not videos and not refused:
        raise InputError(f"{params.name}.input: {params.input} holds no videos. Put yours there.")
    settings = params.model_dump_json(exclude={"source", "input"})
    digests = content_digests(list(videos.values()))
    items = [
        Item(video_id, digest(CODE_VERSION, settings, content), (path, workspace.relative(path)))
        for (video_id, path), content in zip(videos.items(), digests, strict=True)
    ]
    work = partial(cut_video, params=params)
    return Plan(items, in_parallel(work, workspace, params.name, "video"), refused)


def cut_video(item: Item, staging: Path, params: SceneCutsParams) -> Made:
    """Write the image of every shot of one video; the rows are scenes."""
    from pipeline.stages.scene_cuts.decoding import VideoUnreadable, open_video
    from pipeline.stages.scene_cuts.shots import find_shots, make_detector

    path, file = item.task
    files: list[str] = []
    scenes: list[Scene] = []
    try:
        if path.suffix.lower() not in VIDEO_SUFFIXES:
            raise VideoUnreadable(f"{path.suffix or 'no suffix'}, expected .mp4, .m4v or .mov")
        with open_video(path) as video:
            detector = make_detector(
                params.detector, params.threshold, params.min_content, params.min_scene_s
            )
            shots = find_shots(video, detector, params.image_at)
            pictures = video.pictures_at([shot.image_time for shot in shots])
            for number, (shot, picture) in enumerate(zip(shots, pictures, strict=True), start=1):
                files.append(f"{CUTS}/{SceneName(item.name, number).relative('jpg')}")
                write_bytes(staging / files[-1], encode(picture, "jpg", params.jpeg_quality))
                height, width = picture.shape[:2]
                times = (float(shot.start), float(shot.end), float(shot.image_time))
                scenes.append(Scene(item.name, number, *times, width, height))
    except VideoUnreadable as error:
        reason = Reason.VIDEO_UNREADABLE
        return Made(item.name, rejections=[Rejection(item.name, None, file, reason, str(error))])
    return Made(item.name, files, rows=scenes)


def plan_folder(workspace: Workspace, params: SceneCutsParams) -> Plan:
    """Plan one item per image; times come from the folder's own scenes.csv, where it has one.

    Raises:
        InputError: there is no such folder, nothing in it, or its scenes.csv breaks the contract.
    """
    table = workspace.path(params.input) / Path(CUTS_TABLE).name
    files, refused = find_scene_files(workspace, params, CUTS, aside=table.name)
    times = {scene.name: scene for scene in read_scenes(table)} if table.is_file() else {}
    items = []
    for item in copy_items(workspace, files):
        known = times.pop(item.task.name, None)
        span = (known.start_s, known.end_s, known.image_time_s) if known else (None, None, None)
        key = digest(CODE_VERSION, item.key, repr(span))
        items.append(Item(item.name, key, (item.task, span, workspace.relative(item.task.path))))
    for name in times:
        found = f"a row of {table.name} without an image"
        missing = (name.video_id, name.scene_number, workspace.relative(table))
        refused.append(Rejection(*missing, Reason.MISSING_SCENE_IMAGE, found))
    return Plan(items, in_parallel(take_over_cut, workspace, params.name, "image"), refused)


def take_over_cut(item: Item, staging: Path) -> Made:
    """Copy one image; the row is its scene."""
    cut, span, file = item.task
    try:
        height, width = read_size(cut.path)
    except ImageRefused as error:
        scene = (cut.name.video_id, cut.name.scene_number)
        return Made(item.name, rejections=[Rejection(*scene, file, error.reason, error.found)])
    copied = copy_scene_file(item._replace(task=cut), staging)
    start_s, end_s, image_time_s = span
    row = Scene(
        cut.name.video_id, cut.name.scene_number, start_s, end_s, image_time_s, width, height
    )
    return copied._replace(rows=[row])
