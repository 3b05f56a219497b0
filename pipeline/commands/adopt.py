"""`gazeshift adopt STAGE`: move own files out of a stage's outs, to where it can read them."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.ground.artefacts import IMPORT, OUTS
from pipeline.ground.errors import UserFilesError
from pipeline.ground.files import move
from pipeline.ground.lock import stage_lock
from pipeline.ground.outs import foreign_files
from pipeline.ground.terminal import say
from pipeline.ground.workspace import Workspace

_READ_FOLDERS = {"scene_cuts", "keyword_masks", "attention_heatmap"}


def main(workspace: Workspace, stage: str) -> int:
    """Move every file of the stage's outs that it did not make to `data/import/`.

    Nothing is overwritten and nothing deleted; a second run goes on where one was cut short.

    Raises:
        UserFilesError: a target exists already.
        BusyError: the stage is running.
    """
    with stage_lock(workspace, stage):
        moves = _move(workspace, stage)
    if not moves:
        say(f"{stage}: its outs hold no files of yours; nothing to move.")
        return 0
    say(f"{stage}: moved {len(moves)} files to {IMPORT}/ (first: {moves[0]}).")
    if stage in _READ_FOLDERS:
        folder = moves[0].parents[-4] if len(moves[0].parents) > 3 else IMPORT
        say(f"To use them, set in params.yaml {stage}.source: folder and {stage}.input: {folder}")
    return 0


def _move(workspace: Workspace, stage: str) -> list[Path]:
    """Move the files; return where they are now, relative to the root."""
    outs = OUTS[stage]
    moves = [(Path(path), _target(path, outs)) for path in foreign_files(workspace, stage)]
    taken = [target for _, target in moves if os.path.lexists(workspace.path(target))]
    if taken:
        raise UserFilesError(
            f"{taken[0]} exists already ({len(taken)} such files), and adopt overwrites nothing. "
            "Move or rename it first. Nothing has been moved."
        )
    for source, target in moves:
        move(workspace.path(source), workspace.path(target))
    return [target for _, target in moves]


def _target(path: str, outs: tuple[str, ...]) -> Path:
    """Return `data/import/{out's own name}/{place in the out}`."""
    out = next(out for out in outs if path == out or path.startswith(f"{out}/"))
    return Path(IMPORT, Path(out).name, Path(path).relative_to(out))
