"""The work on one video: all its arms at once, in one pass over its frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from pipeline.pictures.reading import Pixels, read_rgb
from pipeline.scenes.cuts import CutScene
from pipeline.stages.render.measures import Tally
from pipeline.stages.render.scene import SOURCE, SceneRenderer, Timed
from pipeline.stages.render.tasks import EditMissing, SceneEdit, VideoTask
from pipeline.video.decoding import (
    Frame,
    Video,
    VideoUnreadable,
    display_matrix,
    open_video,
)
from pipeline.video.encoding import Format, SegmentEncoder, SoundRefused, Writers
from pipeline.video.planes import Colours, in_planes, planes_of
from pipeline.video.shots import ROUNDED, scene_at

# Mean difference, in levels, of a frame and the JPEG that was made of it: of one that has changed
# it is 20 and more.
_ALIKE = 8.0


TRACKS = (
    "more than one track of pictures: the one that was cut is rendered, the others are left out"
)
"""Said of a video."""
SOUND = "sound in a codec that cannot be told, as phones' spatial sound: that track is left out"
"""Likewise."""


class SourceChanged(Exception):
    """A video is not the one that was cut into scenes; the text says what was found."""


class VideoMade(NamedTuple):
    """What came of a task."""

    video_id: str
    rows: dict[str, dict[str, Any]]
    """Of each arm that was made, its figures by their columns."""
    failures: list[str]
    """What cannot be made, and why."""
    notes: list[str]
    """What a person should know of it though nothing fails."""


def render_video(task: VideoTask) -> VideoMade:
    """Render all arms of one video in a worker process; what fails leaves the rest."""
    arms, failures = _usable(task)
    if not arms:
        return VideoMade(task.video_id, {}, failures, [])
    try:
        with open_video(task.source) as video:
            rows = _rendered(video, task._replace(arms=arms))
            notes = [TRACKS] * (video.tracks > 1) + [SOUND] * video.has_unknown_sound
    except (
        VideoUnreadable, SoundRefused, SourceChanged, EditMissing, FileNotFoundError
    ) as error:  # fmt: skip
        return VideoMade(task.video_id, {}, [*failures, f"{task.video_id}: {error}"], [])
    return VideoMade(task.video_id, rows, failures, notes)


def _usable(task: VideoTask) -> tuple[dict[str, Mapping[int, SceneEdit]], list[str]]:
    """Return the arms whose edits can be used, and why the others cannot."""
    arms, failures = {}, []
    wrong: dict[str, str] = {}
    good: set[str] = set()
    for arm, edits in task.arms.items():
        for number, edit in edits.items():
            if edit.content not in good | wrong.keys():
                try:
                    edit.change()
                    good.add(edit.content)
                except EditMissing as error:
                    wrong[edit.content] = str(error)
            if edit.content in wrong:
                said = wrong[edit.content]
                failures.append(f"{task.video_id}, {arm}, scene {number}: {said}")
                break
        else:
            arms[arm] = edits
    return arms, failures


class _Seen(NamedTuple):
    """A decoded frame, and how long it is shown in units of the time base."""

    frame: Frame
    duration: int


class _Shots:
    """A video's frames, scene by scene as they were cut; each is decoded once, in its turn."""

    def __init__(self, video: Video, scenes: Sequence[CutScene]) -> None:
        self._video = video
        self._scenes = scenes
        self.count = 0
        self.end = Fraction(0)

    def __iter__(self) -> Iterator[tuple[CutScene, Iterator[_Seen]]]:
        return groupby(self._frames(), self._scene)

    def _scene(self, seen: _Seen) -> CutScene:
        return scene_at(self._scenes, seen.frame.start)

    def _frames(self) -> Iterator[_Seen]:
        """Yield the frames; the last one is shown until the track ends."""
        before: Frame | None = None
        for frame in self._video.frames():
            if before is not None:
                if frame.start == before.start:
                    raise VideoUnreadable(f"two frames at {float(frame.start):.3f} s")
                yield self._seen(before, frame.start)
            before = frame
        if before is not None:
            self.end = self._video.end(before.start)
            yield self._seen(before, self.end)

    def _seen(self, frame: Frame, until: Fraction) -> _Seen:
        self.count += 1
        duration = round((until - frame.start) / self._video.time_base)
        return _Seen(frame, max(duration, 1))


def _rendered(video: Video, task: VideoTask) -> dict[str, dict[str, Any]]:
    """Render the arms; return their figures."""
    form = _format(video)
    arms = list(task.arms)
    tallies = {arm: Tally() for arm in arms}
    shots = _Shots(video, task.scenes)
    files = [task.path(arm) for arm in arms]
    with Writers(files, task.source, form, task.settings) as writers:
        for scene, shot in shots:
            edits = {
                arm: edit
                for arm in arms
                if (edit := task.arms[arm].get(scene.scene_number)) is not None
            }
            sharing: dict[str, list[int]] = {}
            for number, arm in enumerate(arms):
                content = edits[arm].content if arm in edits else SOURCE
                sharing.setdefault(content, []).append(number)
            write = partial(_write, writers, sharing)
            if edits:
                distinct = {edit.content: edit for edit in edits.values()}
                renderer = SceneRenderer(distinct, form, task)
                renderer.run(_to_carry(video, shot, scene, distinct), write)
                for arm, edit in edits.items():
                    tallies[arm].add(renderer.tallies[edit.content])
            else:
                encoder = SegmentEncoder(form, task.settings)
                for seen in shot:
                    write(SOURCE, encoder, encoder.encode(*_timed(seen)[:3]))
                write(SOURCE, encoder, encoder.finish())
    _refuse_other_length(shots.end, task.scenes)
    return {arm: {"frames": shots.count, **tally.row()} for arm, tally in tallies.items()}


def _format(video: Video) -> Format:
    """Return what the files take over from their source.

    Raises:
        VideoUnreadable: it has no frames.
    """
    first = next(video.frames()).picture
    planes = in_planes(first)
    size, colours = (planes.height, planes.width), Colours.of(planes)
    rate, aspect = video.frame_rate, video.pixel_aspect
    return Format(size, video.time_base, rate, aspect, display_matrix(first), colours)


def _write(
    writers: Writers,
    sharing: Mapping[str, Sequence[int]],
    content: str,
    encoder: SegmentEncoder,
    packets: Sequence[Any],
) -> None:
    """Write packets to the files that share them; none do where all arms modify the scene."""
    if content in sharing:
        writers.write(sharing[content], packets, encoder.header)


def _timed(seen: _Seen, anchor: bool = False) -> Timed:
    picture = seen.frame.picture
    assert picture.pts is not None, "frames() refuses frames without a time"
    return Timed(planes_of(in_planes(picture)), picture.pts, seen.duration, anchor)


def _to_carry(
    video: Video, shot: Iterator[_Seen], scene: CutScene, edits: Mapping[str, SceneEdit]
) -> Iterator[Timed]:
    """Yield a scene's frames, one of them as its anchor.

    Raises:
        SourceChanged: none is at the image's time, or it does not look like the image.
    """
    time = Fraction(scene.image_time_s or 0)
    found = False
    for seen in shot:
        is_anchor = abs(seen.frame.start - time) <= ROUNDED
        if is_anchor:
            found = True
            _refuse_unlike(video.upright_rgb(seen.frame), scene, next(iter(edits.values())))
        yield _timed(seen, is_anchor)
    if not found:
        raise SourceChanged(
            f"scene {scene.scene_number}: no frame begins at {scene.image_time_s:g} s, where "
            "scenes.csv has its image"
        )


def _refuse_unlike(frame: Pixels, scene: CutScene, edit: SceneEdit) -> None:
    image = read_rgb(edit.image)
    if frame.shape != image.shape:
        found = (
            f"has {frame.shape[1]}x{frame.shape[0]} pixels, its image {scene.width}x{scene.height}"
        )
    elif (off := float(np.abs(frame.astype(np.int16) - image).mean())) > _ALIKE:
        found = f"is not its image: they differ by {off:.0f} levels in the mean"
    else:
        return
    raise SourceChanged(
        f"scene {scene.scene_number}: the frame at {scene.image_time_s:g} s {found}"
    )


def _refuse_other_length(end: Fraction, scenes: Sequence[CutScene]) -> None:
    """Refuse a video that ends elsewhere than its last scene did.

    Raises:
        SourceChanged: it does.
    """
    known = scenes[-1].end_s
    if known is not None and abs(float(end) - known) > float(ROUNDED):
        raise SourceChanged(f"it ends at {float(end):.3f} s, scenes.csv says {known:.3f} s")
