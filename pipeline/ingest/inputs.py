"""The one input of an ingest stage: a folder of the user's files, which is only ever read."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from pydantic import Field, field_validator

from pipeline.ground.errors import InputError
from pipeline.ground.files import (
    NO_FILE,
    NO_UTF_8,
    entries_below,
    file_digest,
    is_special,
    leaves,
    printable,
)
from pipeline.ground.params import Section
from pipeline.ground.workspace import Workspace
from pipeline.scenes.names import check_video_id, parse_scene_name
from schemas.rejected_scenes import Reason, Rejection

LOG = logging.getLogger(__name__)


class IngestParams(Section):
    """What the sections of all ingest stages hold."""

    input: str = Field(min_length=1)
    """Where the source lies, relative to the data root; it is only read."""

    @field_validator("input")
    @classmethod
    def _inside_the_root(cls, value: str) -> str:
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError("must be a path below the data root; move or mount the files there")
        return path.as_posix()


def input_path(workspace: Workspace, params: IngestParams) -> Path:
    """Return the absolute path of the stage's input.

    Raises:
        InputError: it is not there.
    """
    path = workspace.path(params.input)
    if not path.exists():
        raise InputError(
            f"{params.name}.input: there is no {params.input}. Put the files there (for the demo: "
            f"dvc pull), or set {params.name}.source and {params.name}.input in params.yaml."
        )
    return path


def list_files(workspace: Workspace, folder: Path) -> tuple[list[Path], list[Rejection]]:
    """Return all files at any depth, sorted by path, without hidden ones; and what is refused.

    A mounted disk's own `lost+found`, which only root may read, is as hidden.
    Refused are links that leave the folder, pipes and devices, and names that are no UTF-8.

    Raises:
        InputError: `folder` is no folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} must be a folder, found a file. Name the folder that holds it.")
    files: list[Path] = []
    outside: list[Rejection] = []
    for entry in entries_below(folder, lambda n: not n.startswith(".") and n != "lost+found"):
        path = Path(entry.path)
        if entry.is_dir() and (entry.name.startswith(".") or entry.name == "lost+found"):
            continue
        if printable(str(path)) != str(path):
            outside.append(_unprintable(workspace, path))
        elif entry.is_symlink() and (leaves(path, folder) or not path.exists()):
            outside.append(_outside(workspace, path, f"a link to {os.readlink(path)}"))
        elif is_special(path):
            outside.append(_outside(workspace, path, NO_FILE))
        elif not entry.is_dir() and not entry.name.startswith("."):
            files.append(path)
    return sorted(files), outside


def _unprintable(workspace: Workspace, path: Path) -> Rejection:
    file = printable(workspace.relative(path))
    return Rejection.of(("", None), file, Reason.NAME_DOES_NOT_PARSE, NO_UTF_8)


def _outside(workspace: Workspace, path: Path, found: str) -> Rejection:
    file = workspace.relative(path)
    try:
        name = parse_scene_name(path.name)
    except InputError:
        return Rejection.of((path.stem, None), file, Reason.OUTSIDE_DATA_FOLDER, found)
    return Rejection.of(name.key, file, Reason.OUTSIDE_DATA_FOLDER, found)


def by_video(
    workspace: Workspace, files: Iterable[Path]
) -> tuple[dict[str, Path], list[Rejection]]:
    """Return the files named `{video_id}.ext` by their id, and those that cannot be taken."""
    found: dict[str, Path] = {}
    refused: list[Rejection] = []
    for path in files:
        file = workspace.relative(path)
        try:
            first = found.setdefault(check_video_id(path.stem), path)
        except InputError as error:
            refused.append(Rejection.of((path.stem, None), file, Reason.BAD_VIDEO_ID, str(error)))
            continue
        if first is not path:
            why = f"{workspace.relative(first)} has the same id"
            video_id = check_video_id(path.stem)
            refused.append(Rejection.of((video_id, None), file, Reason.DUPLICATE_SCENE, why))
    return found, refused


def warn_of_orphans(workspace: Workspace, files: Mapping[str, Path], videos: Iterable[str]) -> None:
    """Say which files belong to no video that was cut: nothing is refused, nothing is used."""
    orphans = sorted(set(files) - set(videos))
    if orphans:
        LOG.warning(
            "not used, as they belong to no video that was cut into scenes: %d files (first: %s)",
            len(orphans),
            workspace.relative(files[orphans[0]]),
        )


def content_digests(paths: Sequence[Path]) -> list[str]:
    """Return the hash of each file's content; reading and hashing leave the interpreter's lock."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(file_digest, paths))
