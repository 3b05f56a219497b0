"""What is decided about a scene before its files are opened, and its row in the table after."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from pipeline.ground.artefacts import KEYWORDS, refused_by, stage_of
from pipeline.ground.workspace import Workspace
from pipeline.scenes.keywords import KeywordTable
from pipeline.scenes.names import SceneName, parse_scene_name
from pipeline.scenes.refusals import read_rejections
from pipeline.scenes.split import split_of
from pipeline.stages.validate.measure import SceneFigures
from pipeline.stages.validate.measurements import Result
from pipeline.stages.validate.trees import TREES, Role, SceneFiles, SceneKey
from schemas.rejected_scenes import Reason, Rejection
from schemas.valid_scenes import ValidScene

INGEST_REPORTS: Mapping[Role, str] = {
    "image": refused_by("scene_cuts"),
    "mask": refused_by("keyword_masks"),
    "heatmap": refused_by("attention_heatmap"),
}
"""What the ingest stages refused, by the kind of file that is missing for it."""

_MISSING: Mapping[Role, Reason] = {
    "image": Reason.MISSING_SCENE_IMAGE,
    "mask": Reason.MISSING_MASK,
    "heatmap": Reason.MISSING_HEATMAP,
}
_SUFFIXES: Mapping[Role, str] = {"image": "jpg", "mask": "png", "heatmap": "jpg"}


class IngestRefusals:
    """What the ingest stages refused: scenes, whole videos, and files that name no scene."""

    def __init__(self, reports: Mapping[Role, Iterable[Rejection]]) -> None:
        self.by_scene: dict[Role, dict[SceneKey, Rejection]] = {}
        self.of_videos: dict[Role, dict[str, Rejection]] = {}
        self.of_files: list[Rejection] = []
        for role, rejections in reports.items():
            by_scene = self.by_scene.setdefault(role, {})
            of_videos = self.of_videos.setdefault(role, {})
            for rejection in rejections:
                if rejection.scene_number is not None:
                    by_scene.setdefault((rejection.video_id, rejection.scene_number), rejection)
                elif rejection.video_id:
                    of_videos.setdefault(rejection.video_id, rejection)
                else:
                    self.of_files.append(rejection)

    @classmethod
    def read(cls, workspace: Workspace) -> IngestRefusals:
        """Read the reports that are there.

        Raises:
            InputError: one of them is not what the stage wrote.
        """
        reports: dict[Role, list[Rejection]] = {}
        for role, file in INGEST_REPORTS.items():
            path = workspace.path(file)
            reports[role] = read_rejections(path, stage_of(file)) if path.is_file() else []
        return cls(reports)

    def why_missing(self, role: Role, key: SceneKey) -> Rejection | None:
        """Return why the stage made no such file for a scene, None if it does not say."""
        refusal = self.by_scene[role].get(key) or self.of_videos[role].get(key[0])
        # That a second copy of a video was refused says nothing about the scenes of the first.
        if refusal is None or refusal.reason is Reason.DUPLICATE_SCENE:
            return None
        return refusal._replace(video_id=key[0], scene_number=key[1])

    def without_files(self, scenes: Iterable[SceneKey]) -> Iterator[list[Rejection]]:
        """Yield the refusals of each scene, video and file that no tree has anything of."""
        absent: dict[SceneKey, list[Rejection]] = {}
        present = set(scenes)
        for by_scene in self.by_scene.values():
            for key, rejection in by_scene.items():
                if key not in present:
                    absent.setdefault(key, []).append(rejection)
        yield from absent.values()
        videos = {video_id for video_id, _ in (*present, *absent)}
        unknown: dict[str, list[Rejection]] = {}
        for of_videos in self.of_videos.values():
            for video_id, rejection in of_videos.items():
                if video_id not in videos:
                    unknown.setdefault(video_id, []).append(rejection)
        yield from unknown.values()
        yield from ([rejection] for rejection in self.of_files)


class Rules:
    """The rules that need no pixels."""

    def __init__(self, keywords: KeywordTable, ingest: IngestRefusals) -> None:
        self._keywords = keywords.keywords
        self._ingest = ingest
        self._refused = {one.video_id: one for one in keywords.rejections}
        unusable = [one for one in keywords.rejections if one.reason is Reason.BAD_VIDEO_ID]
        self._hint = (
            f"; but {len(unusable)} rows are unusable, {unusable[0].found}" if unusable else ""
        )

    def refusals(self, key: SceneKey, files: SceneFiles) -> list[Rejection]:
        """Return the rules that a scene breaks as can be told before its files are opened.

        In this order: links and doubles, its image, the video's keyword, its mask, its heatmap.
        """
        found = [
            *files.refusals,
            self._missing("image", key, files),
            self._keyword(key),
            self._missing("mask", key, files),
            self._missing("heatmap", key, files),
        ]
        # A keyword that is refused is also why there is no mask: said once.
        unlike = {(one.file, one.reason): one for one in reversed(found) if one}
        return list(reversed(unlike.values()))

    def _missing(self, role: Role, key: SceneKey, files: SceneFiles) -> Rejection | None:
        if getattr(files, role) or role in files.unusable:
            return None
        if refusal := self._ingest.why_missing(role, key):
            return refusal
        file = f"{TREES[role]}/{SceneName(*key).relative(_SUFFIXES[role])}"
        return Rejection.of(key, file, _MISSING[role], "no such file")

    def _keyword(self, key: SceneKey) -> Rejection | None:
        if refused := self._refused.get(key[0]):
            return Rejection.of(key, KEYWORDS, refused.reason, refused.found)
        if key[0] in self._keywords:
            return None
        found = f"no row for this video{self._hint}"
        return Rejection.of(key, KEYWORDS, Reason.KEYWORD_MISSING, found)

    def leave_aside_unused(self, key: SceneKey, files: SceneFiles) -> None:
        """Leave aside masks of further keywords that the video does not have (any more)."""
        keywords = self._keywords.get(key[0], ())
        for index in list(files.further_masks):
            if index >= len(keywords) or not keywords[index]:
                del files.further_masks[index]

    def row(self, key: SceneKey, files: SceneFiles, result: Result) -> ValidScene:
        """Return a sound scene's row."""
        figures = result.outcome
        assert isinstance(figures, SceneFigures)
        keywords = self._keywords[key[0]]
        image, mask, heatmap, *_ = paths = files.paths
        shown = [paths[position] for position in figures.shown]
        indices = [parse_scene_name(path.rpartition("/")[2]).keyword_index for path in shown]
        return ValidScene(
            *key,
            keyword=keywords[0],
            scene_image_path=image,
            keyword_mask_path=mask,
            attention_heatmap_path=heatmap,
            filename=image.rpartition("/")[2],
            width=figures.width,
            height=figures.height,
            mask_coverage=figures.mask_coverage,
            alignment_score=figures.alignment_score,
            attention_share=figures.attention_share,
            split=split_of(key[0]),
            heatmap_source=figures.heatmap_source,
            extra_keywords=json.dumps([keywords[index] for index in indices], ensure_ascii=False),
            extra_mask_paths=json.dumps(shown),
            digest=result.digest,
        )
