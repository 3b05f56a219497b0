"""The three trees of files, joined into scenes by what the names say."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from pipeline.ground.artefacts import CUTS, HEATMAPS, MASKS
from pipeline.ground.errors import InputError
from pipeline.ground.files import JUNK, NO_FILE, NO_UTF_8, entries_below, leaves, printable
from pipeline.ground.workspace import Workspace
from pipeline.scenes.names import BadVideoId, SceneName, parse_scene_name
from schemas.rejected_scenes import Reason, Rejection

Role = Literal["image", "mask", "heatmap"]
SceneKey = tuple[str, int]

TREES: Mapping[Role, str] = {"image": CUTS, "mask": MASKS, "heatmap": HEATMAPS}
"""Where the scenes' files lie, as a rule."""

_TABLE = "scenes.csv"


class SceneFile(NamedTuple):
    """A file; its stamp changes when it is written, replaced or moved."""

    path: str
    """Relative to the data root."""
    stamp: str


@dataclass(slots=True)
class SceneFiles:
    """The files of one scene, as far as they are there."""

    image: SceneFile | None = None
    mask: SceneFile | None = None
    heatmap: SceneFile | None = None
    further_masks: dict[int, SceneFile] = field(default_factory=dict)
    """Of the video's keywords 1, 2, …: {keyword index: file}."""
    refusals: list[Rejection] = field(default_factory=list)
    """Links and second files, which rule the scene out."""
    unusable: set[Role] = field(default_factory=set)
    """What is there in name only: a link that is refused, and said so in `refusals`."""

    def add(self, role: Role, keyword_index: int, file: SceneFile) -> SceneFile:
        """Put the file in its place; return the file that was there first."""
        if keyword_index:
            return self.further_masks.setdefault(keyword_index, file)
        first = getattr(self, role) or file
        setattr(self, role, first)
        return first

    def leave_out(self, role: Role, name: SceneName, refusal: Rejection) -> None:
        """Refuse the scene for a file that is there and that nobody may read."""
        self.refusals.append(refusal)
        if not name.keyword_index:
            self.unusable.add(role)

    @property
    def all(self) -> list[SceneFile]:
        """Image, mask, heatmap, then the masks of further keywords, as far as they are there."""
        return [file for file in self._places if file]

    @property
    def paths(self) -> tuple[str, ...]:
        """Their paths in that order, "" for an image, mask or heatmap that is not there."""
        return tuple(file.path if file else "" for file in self._places)

    @property
    def _places(self) -> list[SceneFile | None]:
        further = [self.further_masks[index] for index in sorted(self.further_masks)]
        return [self.image, self.mask, self.heatmap, *further]


class SceneTrees(NamedTuple):
    """All scenes that any of the trees has a file of, and the files that belong to none."""

    scenes: dict[SceneKey, SceneFiles]
    strays: list[Rejection]
    folders: Mapping[Role, str]


def scan_trees(workspace: Workspace, folders: Mapping[Role, str] = TREES) -> SceneTrees:
    """Walk the trees, at any depth; hidden files and `scenes.csv` are left aside.

    A folder that is not there holds nothing.
    """
    trees = SceneTrees({}, [], folders)
    for role, folder in folders.items():
        for entry in sorted(_walk(workspace.path(folder)), key=lambda entry: entry.path):
            _add(trees, role, workspace, entry)
    return trees


def _walk(folder: Path) -> Iterator[os.DirEntry[str]]:
    if not os.path.lexists(folder):
        return
    # A link to a folder is looked at as a whole: what it holds may be outside.
    for entry in entries_below(folder, lambda name: not _is_left_aside(name)):
        if not _is_left_aside(entry.name):
            yield entry


def _is_left_aside(name: str) -> bool:
    return name.startswith(".") or name in JUNK or name == _TABLE


def _add(trees: SceneTrees, role: Role, workspace: Workspace, entry: os.DirEntry[str]) -> None:
    file = workspace.relative(Path(entry.path))
    linked = entry.is_symlink()
    if (shown := printable(file)) != file:
        trees.strays.append(Rejection.of(("", None), shown, Reason.NAME_DOES_NOT_PARSE, NO_UTF_8))
        return
    try:
        name = parse_scene_name(entry.name)
        if name.keyword_index and role != "mask":
            raise InputError(f"file name {entry.name!r}: '.k{name.keyword_index}' is for masks")
    except InputError as error:
        bad_id = isinstance(error, BadVideoId)
        reason = Reason.BAD_VIDEO_ID if bad_id else Reason.NAME_DOES_NOT_PARSE
        if linked and leaves(Path(entry.path), workspace.root):
            reason = Reason.OUTSIDE_DATA_FOLDER
        trees.strays.append(Rejection.of(("", None), file, reason, str(error)))
        return
    key = name.key
    scene = trees.scenes.setdefault(key, SceneFiles())
    # Links within the data root are fine: DVC itself can be told to make them.
    if linked and leaves(Path(entry.path), workspace.root):
        found = f"a link to {os.readlink(entry.path)}"
        scene.leave_out(role, name, Rejection.of(key, file, Reason.OUTSIDE_DATA_FOLDER, found))
        return
    try:
        status = entry.stat()
    except OSError as error:
        where = f", a link to {os.readlink(entry.path)}" if linked else ""
        found = f"{error.strerror}{where}"
        scene.leave_out(role, name, Rejection.of(key, file, Reason.UNREADABLE_IMAGE, found))
        return
    if not stat.S_ISREG(status.st_mode):
        refusal = Rejection.of(key, file, Reason.OUTSIDE_DATA_FOLDER, NO_FILE)
        scene.leave_out(role, name, refusal)
        return
    stamp = f"{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}:{status.st_ino}"
    first = scene.add(role, name.keyword_index, SceneFile(file, stamp))
    if first.path != file:
        found = f"{first.path} is the same scene"
        scene.refusals.append(Rejection.of(key, file, Reason.DUPLICATE_SCENE, found))
