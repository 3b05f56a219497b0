"""What there is to render: the chosen videos, their arms, and what each file depends on."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.editing.params import EditParams
from pipeline.ground.artefacts import CUTS, CUTS_CSV, EDITS, RENDERED, SCENES, edited_scene
from pipeline.ground.code import versions
from pipeline.ground.contract import ContractBroken, read_checked
from pipeline.ground.errors import InputError
from pipeline.ground.files import digest, file_digest
from pipeline.ground.params import load_image_size
from pipeline.ground.workspace import Workspace
from pipeline.heatmaps.params import VariantParams
from pipeline.scenes.cuts import CutScene, image_path, read_cuts, scenes_by_video
from pipeline.scenes.table import mask_paths, read_scenes
from pipeline.stages.render.params import RenderParams
from pipeline.stages.render.tasks import SceneEdit, VideoTask
from pipeline.stages.render.video import render_video
from pipeline.stages.scene_cuts.params import SceneCutsParams
from pipeline.video.encoding import Settings
from pipeline.video.sources import source_videos
from schemas.edits import EDITS_TABLE

if TYPE_CHECKING:
    import pandas as pd

LOG = logging.getLogger(__name__)


class VideoPlan(NamedTuple):
    """What is known of one video before it is decoded."""

    task: VideoTask
    inputs: dict[str, str]
    """Of each arm, a digest of all that its file depends on but code."""
    missing: list[str]
    """What cannot be made, and why."""


class Planner:
    """Knows the tables and params; plans the videos one by one."""

    def __init__(self, workspace: Workspace, params: RenderParams) -> None:
        """Read the tables.

        Raises:
            InputError: one is missing or damaged.
        """
        self._workspace = workspace
        self._params = params
        self._cuts = scenes_by_video(read_cuts(workspace.path(CUTS_CSV)))
        # Of what encodes: files of two versions differ where no edit does.
        self._versions = str(versions(render_video.__module__))
        self._settings = Settings(params.crf, params.preset, params.lossless)
        self._feather_px = EditParams.load(workspace).feather_px
        self._image_size = load_image_size(workspace)
        self._keywords = VariantParams.load(workspace).keywords
        self._input = SceneCutsParams.load(workspace).input

    def plans(self, sources: Mapping[str, Path]) -> Iterator[VideoPlan]:
        """Yield the plans of the chosen videos, in the order of `edits.csv`.

        Args:
            sources: {video id: file}.

        Raises:
            InputError: `edits.csv` is missing or damaged, or no video is chosen.
        """
        for video, edits in self._edits().groupby("video_id", sort=False):
            yield self._plan(str(video), edits, sources.get(str(video)))

    def _edits(self) -> pd.DataFrame:
        """Return the rows of `edits.csv` of the chosen videos, with those of their scenes."""
        path = self._workspace.path(EDITS)
        if not path.is_file():
            raise InputError(f"there is no {EDITS}. Run `dvc repro edit` first.")
        try:
            edits = read_checked(path, EDITS_TABLE)
        except ContractBroken as error:
            raise InputError(f"{EDITS}: {error}. Run `dvc repro edit`.") from error
        scenes = read_scenes(self._workspace.path(SCENES))
        edits = edits.merge(scenes, on=["video_id", "scene_number"], suffixes=("", "_of_scene"))
        if self._params.videos != "all":
            edits = edits[edits["split"] == self._params.videos]
        if edits.empty:
            raise InputError(
                f"render.videos is {self._params.videos!r}, but no edited video belongs to that "
                "part. Set it to `all`, or edit.videos to what you want to see."
            )
        return edits

    def _plan(self, video: str, edits: pd.DataFrame, source: Path | None) -> VideoPlan:
        scenes = tuple(self._cuts.get(video, ()))
        task = VideoTask(
            video,
            source or Path(),
            scenes,
            {},
            self._workspace.path(RENDERED),
            self._settings,
            self._feather_px,
            self._image_size,
        )
        if source is None or not scenes:
            place = self._input if source is None else CUTS_CSV
            return VideoPlan(task, {}, [f"{video} is not in {place} any more"])
        common = digest(
            file_digest(source),
            *(repr(tuple(scene)) for scene in scenes),
            repr((self._settings, self._feather_px, self._image_size)),
            self._versions,
        )
        arms: dict[str, dict[int, SceneEdit]] = {}
        plan = VideoPlan(task._replace(arms=arms), {}, [])
        for arm, rows in edits.groupby("variant", sort=False):
            changed = rows[rows["modified"]].to_dict("records")
            try:
                of_arm = {int(row["scene_number"]): self._edit(row, scenes) for row in changed}
                keys = [f"{number} {edit.key()}" for number, edit in of_arm.items()]
            except (OSError, KeyError) as error:
                found = error.args[0] if isinstance(error, KeyError) else error
                plan.missing.append(f"{video}, {arm}: {found}")
                continue
            arms[str(arm)] = of_arm
            plan.inputs[str(arm)] = digest(common, *keys)
        return plan

    def _edit(self, row: Mapping[Any, Any], scenes: Sequence[CutScene]) -> SceneEdit:
        """Return a scene's edit.

        Raises:
            FileNotFoundError: a file is missing.
            KeyError: its scene is not among those that were cut.
        """
        number, root = int(row["scene_number"]), self._workspace
        scene = next((one for one in scenes if one.scene_number == number), None)
        if scene is None:
            raise KeyError(f"scene {number} is not in {CUTS_CSV} any more")
        edited = root.path(edited_scene(row["variant"], row["video_id"], row["filename"]))
        return SceneEdit(
            edited,
            image_path(root.path(CUTS), scene),
            tuple(root.path(path) for path in mask_paths(row, self._keywords)),
            row["redrawn"],
            float(row["mean_abs_change"]),
            digest(file_digest(edited), row["redrawn"]),
        )


def known_videos(workspace: Workspace) -> dict[str, Path] | None:
    """Return {video id: file}; None, and say so, where scenes were not cut from videos here.

    Raises:
        InputError: there is no such folder.
    """
    cuts = SceneCutsParams.load(workspace)
    if cuts.source == "videos":
        return source_videos(workspace)
    LOG.warning(
        "render: no video is made, as the scenes were not cut here (scene_cuts.source: %s). "
        "For videos, put yours below data/videos, and set scene_cuts.source: videos and "
        "scene_cuts.input: data/videos",
        cuts.source,
    )
    return None
