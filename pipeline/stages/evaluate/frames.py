"""Frames of the videos that were put together again, as the judge sees them.

The edits were made of one frame of each scene. Whether attention follows in the others, too, is
seen in frames that no edit was made of, with the product's mask carried to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.ground.artefacts import CUTS_CSV, RENDERED, VIDEO_FIGURES, rendered_video
from pipeline.ground.code import Key, versions
from pipeline.ground.contract import ContractBroken, read_checked
from pipeline.ground.errors import InputError
from pipeline.ground.files import digest, file_digest
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import ImageRefused, read_rgb, read_size
from pipeline.scenes.cuts import CutScene, read_cuts, scenes_by_video
from pipeline.scenes.masks import keyword_mask
from pipeline.stages.evaluate.judge import judged_share
from pipeline.video.decoding import VideoUnreadable, open_video
from pipeline.video.sources import source_videos
from pipeline.video.tracking import Mask, Tracked, track
from schemas.edits import VARIANTS_ARM
from schemas.videos import VIDEOS_TABLE

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.attention.models import AttentionModel
    from pipeline.pictures.reading import Pixels

BASELINE, BOOST = "baseline", "full_boost"
SOURCE = "source"
"""What the source is called among the arms of a video."""
STANDING = "standing"
"""What the baseline is called there with the change of `BOOST` where it was made, not carried."""
# Of each scene.
_FRAMES = 6


class RenderedVideo(NamedTuple):
    """A video whose arms are to be judged. Paths are absolute."""

    video_id: str
    source: Path
    scenes: tuple[CutScene, ...]
    """All of it."""
    images: Mapping[int, tuple[Path, tuple[Path, ...]]]
    """Of scenes that some arm modifies, by number: their image and their masks."""
    boosted: Mapping[int, Path]
    """Of scenes that `BOOST` modifies, by number: the edited image."""
    arms: Mapping[str, Path]
    modified: Mapping[str, frozenset[int]]
    """Scenes that an arm modifies, by number."""
    folder: Path
    """On whose disk long scenes wait."""

    def key(self, judge: AttentionModel) -> Key:
        """Return what the measurement depends on.

        Raises:
            InputError: a file is missing.
        """
        pictures = [path for image, masks in self.images.values() for path in (image, *masks)]
        modified = {arm: sorted(scenes) for arm, scenes in self.modified.items()}
        said = repr((self.scenes, list(self.images), list(self.boosted), modified))
        files = (self.source, *self.arms.values(), *pictures, *self.boosted.values())
        try:
            contents = [file_digest(path) for path in files]
        except FileNotFoundError as error:
            raise InputError(f"{error.filename} is missing. Run `dvc repro render`.") from error
        inputs = digest(*contents, said, judge.digest, str(versions(track.__module__)))
        return Key(inputs, (__name__, *judge.makers))


class VideoJob(NamedTuple):
    """A video to be judged."""

    item: str
    video: RenderedVideo
    load_judge: Callable[[], AttentionModel]


class Judged(NamedTuple):
    """What the judge saw of a video (`item`), or why there is nothing."""

    item: str
    rows: list[dict[str, Any]]
    """Of each frame: `scene_number`, `frame`, `time_s` and `shares`, {arm: share}."""
    failure: str = ""


def read_rendered(workspace: Workspace, edits: pd.DataFrame) -> pd.DataFrame:
    """Return the table of `schemas.videos`, of the edits' videos; empty where none was rendered.

    Args:
        workspace: the data root.
        edits: of `edits_to_judge`.

    Raises:
        InputError: it is missing or damaged, or has other videos alone.
    """
    path = workspace.path(VIDEO_FIGURES)
    try:
        table = read_checked(path, VIDEOS_TABLE)
    except (FileNotFoundError, ContractBroken) as error:
        raise InputError(f"{path}: {error}. Run `dvc repro render`.") from error
    own = table[table["video_id"].isin(edits["video_id"])]
    if len(table) and own.empty:
        raise InputError(
            f"{path} has none of the videos that are judged. Set render.videos and evaluate.videos "
            "to the same part of the split."
        )
    return own


def videos_to_judge(
    workspace: Workspace, edits: pd.DataFrame, rendered: pd.DataFrame
) -> list[RenderedVideo]:
    """Return the rendered videos of the edits that are judged.

    Args:
        workspace: the data root.
        edits: of `edits_to_judge`.
        rendered: of `read_rendered`.

    Raises:
        InputError: a source is not there any more.
    """
    if rendered.empty:
        return []
    cuts = scenes_by_video(read_cuts(workspace.path(CUTS_CSV)))
    sources = source_videos(workspace) or {}
    variants = edits[(edits["arm"] == VARIANTS_ARM) & edits["modified"]]
    found = []
    for video_id, rows in variants.groupby("video_id"):
        arms = rendered.loc[rendered["video_id"] == video_id, "variant"].tolist()
        if not arms:
            continue
        if video_id not in sources or video_id not in cuts:
            raise InputError(f"{video_id} is not in data/videos any more. Run `dvc repro render`.")
        images = {
            int(row["scene_number"]): (
                workspace.path(row["original_path"]),
                tuple(workspace.path(path) for path in row["mask_paths"]),
            )
            for row in rows.drop_duplicates("scene_number").to_dict("records")
        }
        boosts = rows[rows["variant"] == BOOST].to_dict("records")
        modified = {
            arm: frozenset(rows.loc[rows["variant"] == arm, "scene_number"].astype(int))
            for arm in arms
        }
        found.append(
            RenderedVideo(
                str(video_id),
                sources[str(video_id)],
                tuple(cuts[str(video_id)]),
                images,
                {int(row["scene_number"]): workspace.path(row["edited_path"]) for row in boosts},
                {arm: workspace.path(rendered_video(arm, str(video_id))) for arm in arms},
                modified,
                workspace.path(RENDERED),
            )
        )
    return found


def judge_video(job: VideoJob) -> Judged:
    """Judge frames of one video in a worker process."""
    try:
        return Judged(job.item, list(_rows(job.video, job.load_judge())))
    except (VideoUnreadable, ImageRefused, FileNotFoundError, InputError) as error:
        return Judged(job.item, [], f"{job.video.video_id}: {error}")


def _rows(video: RenderedVideo, judge: AttentionModel) -> Iterator[dict[str, Any]]:
    tracked = {one.frame: one for one in _tracked(video)}
    changes = {number: _change(video, number) for number in video.boosted}
    shares: dict[str, dict[int, float | None]] = {
        arm: {} for arm in (SOURCE, *video.arms, STANDING)
    }
    known: dict[str, float | None] = {}

    def judged(arm: str, number: int, picture: Pixels) -> None:
        mask = _fitted(tracked[number].mask, (picture.shape[0], picture.shape[1]))
        # Arms that share a scene's packets share its pixels.
        content = digest(picture.tobytes(), mask.tobytes())
        if content not in known:
            known[content] = judged_share(judge, picture, mask)
        shares[arm][number] = known[content]

    for arm, path in {SOURCE: video.source, **video.arms}.items():
        everywhere = arm in (SOURCE, BASELINE)
        chosen = {
            number
            for number, one in tracked.items()
            if everywhere or one.scene_number in video.modified[arm]
        }
        for number, picture in _pictures(path, chosen):
            judged(arm, number, picture)
            change = changes.get(tracked[number].scene_number) if arm == BASELINE else None
            if change is not None and change.shape == picture.shape:
                judged(STANDING, number, np.clip(picture + change, 0, 255).astype(np.uint8))
    for number, one in tracked.items():
        seen = {arm: found[number] for arm, found in shares.items() if number in found}
        place = {"scene_number": one.scene_number, "frame": number, "time_s": one.time_s}
        yield {**place, "shares": seen}


def _fitted(mask: Mask, size: tuple[int, int]) -> Mask:
    """Return the mask of a frame that lost a row or a column: sides of H.264's planes are even."""
    if mask.shape == size:
        return mask
    return cv2.resize(mask.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST) > 0


def _change(video: RenderedVideo, number: int) -> NDArray[np.int16]:
    """Return the boosted image minus the scene's, H×W×3."""
    return read_rgb(video.boosted[number]).astype(np.int16) - read_rgb(video.images[number][0])


def _tracked(video: RenderedVideo) -> list[Tracked]:
    masks = {
        number: keyword_mask(paths, read_size(image))
        for number, (image, paths) in video.images.items()
    }
    with open_video(video.source) as source:
        return list(track(source, video.scenes, masks, _FRAMES, video.folder))


def _pictures(path: Path, numbers: set[int]) -> Iterator[tuple[int, Pixels]]:
    """Yield some frames of a file, by number, as they are displayed."""
    with open_video(path) as video:
        for number, frame in enumerate(video.frames()):
            if number in numbers:
                yield number, video.upright_rgb(frame)
