"""The videos of a workspace: size as displayed, and length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path

from pipeline.gaze.checks import Clip
from pipeline.ground.artefacts import CUTS_CSV
from pipeline.ground.errors import InputError
from pipeline.ground.workspace import Workspace
from pipeline.ingest.inputs import by_video, list_files
from pipeline.scenes.cuts import read_cuts, scenes_by_video
from pipeline.stages.scene_cuts.cutting import VIDEO_SUFFIXES
from pipeline.stages.scene_cuts.decoding import VideoUnreadable, open_video
from pipeline.stages.scene_cuts.params import SceneCutsParams


class _Clips(Mapping[str, Clip]):
    """Opens a video only when it is asked for."""

    def __init__(self, known: dict[str, Clip], videos: dict[str, Path]) -> None:
        self._known, self._videos = known, videos

    def __getitem__(self, video_id: str) -> Clip:
        if video_id not in self._known:
            self._known[video_id] = _probe(self._videos[video_id])
        return self._known[video_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known | self._videos)

    def __len__(self) -> int:
        return len(self._known | self._videos)

    def __contains__(self, video_id: object) -> bool:
        return video_id in self._known or video_id in self._videos


def video_files(workspace: Workspace) -> dict[str, Path]:
    """Return the videos that stage scene_cuts reads, by id."""
    params = SceneCutsParams.load(workspace)
    folder = workspace.path(params.input)
    if params.source != "videos" or not folder.is_dir():
        return {}
    files, _ = list_files(workspace, folder)
    videos, _ = by_video(workspace, (f for f in files if f.suffix.lower() in VIDEO_SUFFIXES))
    return videos


def known_clips(workspace: Workspace) -> Mapping[str, Clip]:
    """Return all videos by id: from the scenes, where they are cut, else from the files.

    Raises:
        InputError: there is none; one that is asked for cannot be decoded.
    """
    cuts = workspace.path(CUTS_CSV)
    scenes = scenes_by_video(read_cuts(cuts)) if cuts.is_file() else {}
    known = {
        video_id: Clip(of_video[0].width, of_video[0].height, of_video[-1].end_s)
        for video_id, of_video in scenes.items()
    }
    clips = _Clips(known, video_files(workspace))
    if not clips:
        place = SceneCutsParams.load(workspace).input
        raise InputError(
            f"{place} holds no videos, whose sizes and lengths fixations are checked against. Put "
            "the videos there first."
        )
    return clips


def _probe(path: Path) -> Clip:
    try:
        with open_video(path) as video:
            first = next(video.frames())
            height, width = video.upright_rgb(first).shape[:2]
            return Clip(width, height, float(video.end(Fraction(0))))
    except VideoUnreadable as error:
        raise InputError(f"{path}: {error}. Check that it plays, or remove it.") from error
