"""The two kinds of items that know their scenes: a file per video, and an image per scene."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.ground.artefacts import CUTS, CUTS_CSV
from pipeline.ground.files import digest
from pipeline.ground.workspace import Workspace
from pipeline.ingest.inputs import (
    IngestParams,
    by_video,
    content_digests,
    input_path,
    list_files,
    warn_of_orphans,
)
from pipeline.ingest.made import Item
from pipeline.scenes.cuts import CutScene, image_path, read_cuts, scenes_by_video
from schemas.rejected_scenes import Reason, Rejection


class VideoFile(NamedTuple):
    """What is known about all scenes of a video; `file` is its path as tables name it."""

    path: Path
    file: str
    scenes: list[CutScene]

    def refuse_all(self, reason: Reason, found: str) -> list[Rejection]:
        """Return the refusals of all scenes because of this file."""
        return [scene.refusal(reason, self.file, found) for scene in self.scenes]


class SceneImage(NamedTuple):
    """The image of one scene; `file` is its path as tables name it."""

    path: Path
    file: str
    scene: CutScene


def video_items(
    workspace: Workspace, params: IngestParams, suffix: str, missing: Reason, settings: str = ""
) -> tuple[list[Item], list[Rejection]]:
    """Return an item per `{video_id}{suffix}` of the input, its task a `VideoFile`; and refusals.

    The scenes of a video without a file are refused as `missing`; `settings` is a digest of what
    else the results depend on, code left aside.

    Raises:
        InputError: there is no such folder, or scene_cuts has not run.
    """
    videos = scenes_by_video(read_cuts(workspace.path(CUTS_CSV)))
    paths, refused = list_files(workspace, input_path(workspace, params))
    found, unusable = by_video(workspace, (p for p in paths if p.suffix.lower() == suffix))
    refused += unusable
    warn_of_orphans(workspace, found, videos)
    present: list[VideoFile] = []
    for video_id, scenes in videos.items():
        path = found.get(video_id, workspace.path(f"{params.input}/{video_id}{suffix}"))
        file = VideoFile(path, workspace.relative(path), scenes)
        if video_id in found:
            present.append(file)
        else:
            refused += file.refuse_all(missing, "no such file")
    digests = content_digests([file.path for file in present])
    items = [
        Item(file.scenes[0].video_id, digest(settings, content, repr(file.scenes)), file, file.file)
        for file, content in zip(present, digests, strict=True)
    ]
    return items, refused


def scene_items(workspace: Workspace, scenes: Sequence[CutScene], settings: str) -> list[Item]:
    """Return an item per scene, its task a `SceneImage`; the key holds the image's content."""
    paths = [image_path(workspace.path(CUTS), scene) for scene in scenes]
    return [
        Item(
            scene.name.relative(path.suffix.removeprefix(".")),
            digest(settings, content),
            SceneImage(path, file, scene),
            file,
        )
        for scene, path, content in zip(scenes, paths, content_digests(paths), strict=True)
        for file in [workspace.relative(path)]
    ]
