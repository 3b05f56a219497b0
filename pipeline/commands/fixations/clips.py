"""The videos of a workspace: size as displayed, length, and one frame of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple

from pipeline.gaze.checks import Clip
from pipeline.ground.artefacts import CUTS, CUTS_CSV
from pipeline.ground.errors import InputError
from pipeline.ground.workspace import Workspace
from pipeline.ingest.inputs import by_video, list_files
from pipeline.pictures.reading import Pixels, read_rgb_at
from pipeline.pictures.resizing import resize
from pipeline.scenes.cuts import image_path, read_cuts, scenes_by_video
from pipeline.stages.scene_cuts.params import SceneCutsParams
from pipeline.video.decoding import VIDEO_SUFFIXES, VideoUnreadable, open_video


class Frame(NamedTuple):
    """A frame, H×W×3 RGB, and when it is shown, in seconds."""

    picture: Pixels
    time_s: float


class Videos(Mapping[str, Clip]):
    """The videos by id: from the scenes, where they are cut, else from the files.

    A file is opened when it is asked for; one that does not play raises InputError.
    """

    def __init__(self, workspace: Workspace) -> None:
        cuts, params = workspace.path(CUTS_CSV), SceneCutsParams.load(workspace)
        self._cuts = workspace.path(CUTS)
        self._scenes = scenes_by_video(read_cuts(cuts)) if cuts.is_file() else {}
        self._clips = {
            video_id: Clip(scenes[0].width, scenes[0].height, scenes[-1].end_s)
            for video_id, scenes in self._scenes.items()
        }
        folder = workspace.path(params.input)
        files = list_files(workspace, folder)[0] if folder.is_dir() else []
        named = (file for file in files if file.suffix.lower() in VIDEO_SUFFIXES)
        self._files = by_video(workspace, named)[0]

    def __getitem__(self, video_id: str) -> Clip:
        if video_id not in self._clips:
            path = self._files[video_id]
            try:
                with open_video(path) as video:
                    height, width = video.upright_rgb(next(video.frames())).shape[:2]
                    end_s = float(video.end(Fraction(0)))
            except VideoUnreadable as error:
                raise InputError(f"{path}: {error}. Check that it plays.") from error
            self._clips[video_id] = Clip(width, height, end_s)
        return self._clips[video_id]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._clips, **self._files})

    def __len__(self) -> int:
        return len({**self._clips, **self._files})

    def __contains__(self, video_id: object) -> bool:
        return video_id in self._clips or video_id in self._files

    def frame(self, video_id: str, size: tuple[int, int]) -> Frame | None:
        """Return the image of the middle scene, or the middle frame, at a size (height, width).

        None where the scenes' times are unknown and there is no video.
        """
        timed = [one for one in self._scenes.get(video_id, []) if one.image_time_s is not None]
        if timed:
            scene = timed[len(timed) // 2]
            image = image_path(self._cuts, scene)
            return Frame(read_rgb_at(image, size), scene.image_time_s or 0.0)
        if video_id not in self._files:
            return None
        with open_video(self._files[video_id]) as video:
            middle = video.end(Fraction(0)) / 2
            for shown in video.frames():
                frame = shown
                if frame.start >= middle:
                    break
            return Frame(resize(video.upright_rgb(frame), size), float(frame.start))
