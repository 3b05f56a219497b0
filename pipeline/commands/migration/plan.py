"""What V2's and V3's files become: each with its target in `data/import/`, or why it has none."""

from __future__ import annotations

import filecmp
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from pipeline.ground.artefacts import IMPORT
from pipeline.ground.errors import InputError
from pipeline.ground.workspace import Workspace
from pipeline.ingest.inputs import list_files
from pipeline.scenes.names import SceneName, check_video_id, parse_scene_name

TREES = {
    "video_scene_cuts": ("screenshots_tiktok", "video_scene_cuts"),
    "keyword_masks": ("keyword_masks",),
    "attention_heatmap": ("attention_heatmap", "attention_heatmaps"),
}
"""Their folders, below OLD or OLD/data, by the folder of `data/import/` that they become."""

_ROOT = "Name the root of the V2 or V3 project."

_NUMBER_ALONE = re.compile(
    r"scene_(?P<scene>\d{1,15})\.(?P<suffix>png|jpg|jpeg)", re.IGNORECASE | re.ASCII
)
_NO_IMAGE_NUMBER = re.compile(
    r"(?P<video_id>.+)-Scene-(?P<scene>\d{1,15})\.(?P<suffix>png|jpg|jpeg)",
    re.IGNORECASE | re.ASCII,
)


class Action(StrEnum):
    """What a migration does about a file."""

    COPY = "copy"
    DONE = "there already"
    TAKEN = "not overwritten"
    LEFT = "left out"


class Move(NamedTuple):
    """One file of the old project."""

    action: Action
    tree: str
    source: Path
    target: str
    """Relative to the data root; empty for a file that is left out."""
    why: str = ""


def plan_migration(workspace: Workspace, old: Path) -> list[Move]:
    """Return what is to be done about each file of the old trees; nothing is written.

    Raises:
        InputError: `old` is no folder, or holds none of the trees.
    """
    if not old.is_dir():
        raise InputError(f"--from {old}: there is no such folder. {_ROOT}")
    folders = {
        folder: tree
        for tree, names in TREES.items()
        for name in names
        for folder in (old / "data" / name, old / name)
        if folder.is_dir()
    }
    if not folders:
        raise InputError(
            f"--from {old}: none of the folders is there (data/screenshots_tiktok, "
            f"data/video_scene_cuts, keyword_masks, attention_heatmap). {_ROOT}"
        )
    moves: list[Move] = []
    for tree in TREES:
        present = _present(workspace.path(f"{IMPORT}/{tree}"))
        named: dict[SceneName, Path] = {}
        for folder in (folder for folder, into in folders.items() if into == tree):
            moves += _of_folder(workspace, folder, tree, present, named)
    return moves


def scenes_without_mates(moves: list[Move]) -> dict[str, list[str]]:
    """Return, of each tree that came with others, the scenes that it lacks and they have."""
    scenes: dict[str, set[str]] = {}
    for move in moves:
        if move.action is not Action.LEFT:
            scenes.setdefault(move.tree, set()).add(Path(move.target).stem)
    every = set().union(*scenes.values())
    return {tree: sorted(every - has) for tree, has in scenes.items() if every - has}


def old_scene_name(path: Path) -> SceneName:
    """Return whose file this is: `{video_id}/scene_{x}.png`, or our names with or without `-01`.

    Raises:
        InputError: the name has neither form, or names another video than its folder.
    """
    video_id = path.parent.name
    if match := _NUMBER_ALONE.fullmatch(path.name):
        return SceneName(check_video_id(video_id), int(match["scene"]))
    if match := _NO_IMAGE_NUMBER.fullmatch(path.name):
        name = SceneName(check_video_id(match["video_id"]), int(match["scene"]))
    else:
        try:
            name = parse_scene_name(path.name)
        except InputError as error:
            raise InputError(
                "its name is none of scene_7.png, {video_id}-Scene-007.jpg and "
                "{video_id}-Scene-007-01.jpg"
            ) from error
    if name.video_id != video_id:
        raise InputError(f"it names video {name.video_id!r} but lies in the folder {video_id!r}")
    return name


def _of_folder(
    workspace: Workspace,
    folder: Path,
    tree: str,
    taken: dict[SceneName, Path],
    named: dict[SceneName, Path],
) -> Iterator[Move]:
    """Yield the moves of one folder.

    `taken` has the scenes' files in `data/import/` so far, `named` those of folders before it.
    """
    files, links = list_files(Workspace(folder), folder)
    for link in links:
        yield Move(Action.LEFT, tree, folder / link.file, "", link.found)
    ours: dict[SceneName, Path] = {}
    for path in sorted(files, key=lambda path: ("-Scene-" not in path.name, path)):
        try:
            name = old_scene_name(path)
        except InputError as error:
            yield Move(Action.LEFT, tree, path, "", str(error))
            continue
        first = named.setdefault(name, path)
        if first is path:
            ours[name] = path
            continue
        shown = first.name if first.parent == path.parent else first
        alike = filecmp.cmp(first, path, shallow=False)
        why = f"{shown} is the same scene{'' if alike else ', with other content'}"
        yield Move(Action.LEFT, tree, path, "", why)
    for name, path in sorted(ours.items()):
        yield _move(workspace, tree, name, path, taken)


def _move(
    workspace: Workspace, tree: str, name: SceneName, path: Path, taken: dict[SceneName, Path]
) -> Move:
    suffix = "png" if path.suffix.lower() == ".png" else "jpg"
    target = f"{IMPORT}/{tree}/{name.relative(suffix)}"
    present = taken.setdefault(name, workspace.path(target))
    if not os.path.lexists(present):
        return Move(Action.COPY, tree, path, target)
    if present.is_file() and filecmp.cmp(path, present, shallow=False):
        return Move(Action.DONE, tree, path, target)
    why = f"{workspace.relative(present)} is there with other content"
    return Move(Action.TAKEN, tree, path, target, why)


def _present(folder: Path) -> dict[SceneName, Path]:
    """Return the scene files that lie in `data/import/` already; others are none of ours."""
    found: dict[SceneName, Path] = {}
    for path in sorted(folder.rglob("*")):
        try:
            found.setdefault(parse_scene_name(path.name), path)
        except InputError:
            continue
    return found


def counts(moves: list[Move]) -> Mapping[str, Mapping[Action, int]]:
    """Return {tree: {action: number of files}}, without zeros."""
    found: dict[str, Counter[Action]] = {}
    for move in moves:
        found.setdefault(move.tree, Counter())[move.action] += 1
    return found
