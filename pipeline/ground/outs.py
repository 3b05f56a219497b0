"""The outs of a stage: exactly the files of this run's plan, each remade only when its key changed.

DVC would empty a stage's outs before each run, which loses what a long stage had finished when it
was killed, and whatever a user had put there. So our outs are `persist: true` and kept here:

* work is divided into *items* (a video, a scene), each with a key that names all it depends on: its
  inputs and the code that makes it;
* finished files wait in a staging folder; they are recorded with their hash, then renamed into
  place, so that a killed run leaves neither a half file nor one that it does not know;
* a file is deleted or replaced only if the record, or DVC's cache, says that it can be made again.
  Any other file is the user's: the stage refuses to run and names the remedy.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any, Self

from pipeline.ground.artefacts import IMPORT, OUTS, record_of
from pipeline.ground.code import Key
from pipeline.ground.damage import SIGNS
from pipeline.ground.errors import InputError, ParamsError, UserFilesError, first_line
from pipeline.ground.files import (
    entries_below,
    file_digest,
    is_left_over,
    make_folder,
    md5,
    move,
    read_text,
    refuse_other_kinds,
)
from pipeline.ground.lock import stage_lock
from pipeline.ground.params import read_params
from pipeline.ground.record import File, Record, copied, current
from pipeline.ground.workspace import STATE, Workspace
from pipeline.ground.yaml_text import load_yaml

# Temporary tables, which take less memory than sets of 1,400,000 paths.
_STOCK = """
CREATE TEMP TABLE present (path TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE kept (item TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_BROKEN_ITEMS = "SELECT item FROM files WHERE path NOT IN (SELECT path FROM present)"
_LEFT_OVER = """
SELECT path FROM present JOIN files USING (path) WHERE item NOT IN (SELECT item FROM kept)
"""


class StageOuts:
    """The outs of one stage and the record of what it wrote there; a context manager.

    Its outs are those of `OUTS`, with a suffix a file, else a folder. While it is open, no other
    process can open it.

    Raises:
        BusyError: another process has it open.
        ParamsError: params.yaml tells the stage to read what it writes.
    """

    def __init__(self, workspace: Workspace, stage: str) -> None:
        self.workspace = workspace
        self.stage = stage
        self.outs = OUTS[stage]
        self.staging = _staging(workspace) / stage
        self._plan: dict[str, Key] = {}

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            opened.enter_context(stage_lock(self.workspace, self.stage))
            refuse_own_outs(self.workspace, self.stage)
            _refuse_links(self.staging.parent, self.staging)
            shutil.rmtree(self.staging, ignore_errors=True)
            opened.callback(shutil.rmtree, self.staging, ignore_errors=True)
            self.staging.mkdir(parents=True)
            for out in (*self.outs, record_of(self.stage)):
                _make_room(self.workspace.path(out))
            self._record = opened.enter_context(Record(self.workspace, self.stage))
            self._opened = opened.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._opened:
            if kind is None:
                self._record.share(self._plan.values())

    def begin(self, keys: Mapping[str, Key], results: Mapping[str, Any] | None = None) -> set[str]:
        """Take up the plan {item: key}; return the items that must be made.

        What is left over from other plans is deleted.

        Args:
            keys: the plan.
            results: {item: type of its result}; where the record holds something else, the item
                is made again.

        Raises:
            UserFilesError: an out holds files that neither this stage nor DVC can give back.
        """
        db = self._record.db
        foreign = _take_stock(self.workspace, self.outs, db)
        _refuse(self.workspace, self.stage, foreign)
        self._plan = dict(keys)
        self._record.heed_vouching(keys)
        kept = _kept(keys, db) - self._record.damaged(results or {})
        db.executemany("INSERT INTO kept VALUES (?)", ((item,) for item in kept))
        for path in chain(foreign, (path for (path,) in db.execute(_LEFT_OVER))):
            self.workspace.path(path).unlink()
        with db:
            for table in ("files", "items"):
                db.execute(f"DELETE FROM {table} WHERE item NOT IN (SELECT item FROM kept)")
        self._drop_empty_folders()
        return set(keys) - kept

    def accept(self, item: str, paths: Iterable[str] = (), result: Any = None) -> None:
        """Record an item of the plan as made and move its files from `staging` into place.

        Their paths are relative to the root, and they lie under `staging` at these same paths. The
        result, anything JSON can hold, is what `results` gives back in this and later runs.
        """
        files = {}
        for path in paths:
            staged = self.staging / path
            status = staged.stat()
            files[path] = File(status.st_size, status.st_mtime_ns, file_digest(staged))
        self._record.add(item, self._plan[item], files, result)
        for path in files:
            move(self.staging / path, self.workspace.path(path))

    def staged(self) -> list[str]:
        """Return the paths of all files in the staging folder, relative to it and to the root."""
        files = (path for path in self.staging.rglob("*") if path.is_file())
        return [path.relative_to(self.staging).as_posix() for path in files]

    def results(self) -> Iterator[tuple[str, Any]]:
        """Yield (item, result) of all items of the plan that are made, in the plan's order."""
        for item in self._plan:
            row = self._record.db.execute("SELECT result FROM items WHERE item = ?", (item,))
            for (result,) in row:
                yield item, json.loads(result)

    def _drop_empty_folders(self) -> None:
        for out in self.outs:
            for folder, _, _ in os.walk(self.workspace.path(out), topdown=False):
                if Path(folder) != self.workspace.path(out) and not os.listdir(folder):
                    os.rmdir(folder)


def refuse_own_outs(workspace: Workspace, stage: str) -> None:
    """Refuse an input that lies in an out of its stage or holds one, by itself or by its links.

    A run deletes what its plan no longer has, so it would delete what it is about to read.

    Raises:
        ParamsError: the stage's section of params.yaml names such an input.
    """
    written = (*OUTS[stage], workspace.relative(_staging(workspace)))
    outs = {out: Path(os.path.realpath(workspace.path(out))) for out in written}
    section = read_params(workspace).get(stage)
    for name, value in section.items() if isinstance(section, dict) else ():
        if not isinstance(value, str) or not value:
            continue
        reached = [Path(os.path.realpath(path)) for path in _with_links(workspace.path(value))]
        for out, place in outs.items():
            if any(path.is_relative_to(place) or place.is_relative_to(path) for path in reached):
                raise ParamsError(
                    f"{stage}.{name}: {value} and {out}, which the stage writes, are one place or "
                    "lie in one another, if only by a link, so that a run would delete what it "
                    f"reads. Put the files elsewhere, as below {IMPORT}/, and name that. Nothing "
                    "has been changed."
                )


def _with_links(path: Path) -> Iterator[Path]:
    """Yield a path and, below it where it is a folder, every link."""
    yield path
    entries = entries_below(path, lambda _: True) if path.is_dir() else ()
    yield from (Path(entry.path) for entry in entries if entry.is_symlink())


def _staging(workspace: Workspace) -> Path:
    """Return the folder of all stages' unfinished files, which runs empty."""
    return workspace.state / "staging"


def _refuse_links(*folders: Path) -> None:
    """Refuse to empty a folder of the state that is a link to who knows where."""
    for folder in folders:
        if folder.is_symlink():
            raise UserFilesError(
                f"{folder} is a link to {os.readlink(folder)}, and a run would empty what it leads "
                "to. Delete the link; to keep the state on another disk, make its parent "
                f"{STATE} one. Nothing has been changed."
            )


def _make_room(out: Path) -> None:
    """Make an out's folder; find out before the work whether a file or folder is in the way."""
    make_folder(out.parent if out.suffix else out)
    if out.suffix:
        refuse_other_kinds(out)


def foreign_files(workspace: Workspace, stage: str) -> list[str]:
    """Return the files in a stage's outs that neither the stage nor DVC can give back, sorted."""
    with Record(workspace, stage) as record:
        foreign = _take_stock(workspace, OUTS[stage], record.db)
    return sorted(foreign - _in_dvc_cache(workspace, stage, foreign))


def is_made(workspace: Workspace, stage: str, keys: Mapping[str, Key]) -> bool:
    """Return whether a run with the plan {item: key} would find everything made."""
    try:
        with copied(workspace, stage) as record:
            _take_stock(workspace, OUTS[stage], record.db)
            record.heed_vouching(keys)
            return _kept(keys, record.db) == set(keys)
    except sqlite3.DatabaseError:
        return False


def _kept(keys: Mapping[str, Key], db: sqlite3.Connection) -> set[str]:
    """Return the items of a plan that are made, and no file of theirs has changed."""
    return current(keys, db) - {item for (item,) in db.execute(_BROKEN_ITEMS)}


def _take_stock(workspace: Workspace, outs: tuple[str, ...], db: sqlite3.Connection) -> set[str]:
    """Note which files in the outs are as this stage wrote them; return the paths of the others."""
    db.executescript(_STOCK)
    foreign: set[str] = set()
    for path in _walk(workspace, outs):
        select = "SELECT size, mtime_ns, digest FROM files WHERE path = ?"
        try:
            known = db.execute(select, (path,)).fetchone()
        except UnicodeEncodeError:  # a name that is no UTF-8, so no stage's
            known = None
        if _unchanged(workspace.path(path), File(*known) if known else None):
            db.execute("INSERT INTO present VALUES (?)", (path,))
        else:
            foreign.add(path)
    # Ends the transaction that the first INSERT began, before its snapshot of the record is old.
    db.commit()
    return foreign


def _unchanged(path: Path, file: File | None) -> bool:
    status = path.lstat()
    if file is None or not stat.S_ISREG(status.st_mode):
        return False
    if (status.st_size, status.st_mtime_ns) == (file.size, file.mtime_ns):
        return True
    return status.st_size == file.size and file_digest(path) == file.digest


def _walk(workspace: Workspace, outs: tuple[str, ...]) -> Iterator[str]:
    for out in outs:
        start = workspace.path(out)
        # A link to a folder, as on another disk, is that folder.
        if os.path.lexists(start) and not start.is_dir():
            yield out
        for folder, subfolders, names in os.walk(start):
            links = [name for name in subfolders if os.path.islink(os.path.join(folder, name))]
            for name in names + links:
                path = Path(folder, name)
                if is_left_over(name):
                    path.unlink()
                else:
                    yield workspace.relative(path)


def _refuse(workspace: Workspace, stage: str, foreign: set[str]) -> None:
    lost = sorted(foreign - _in_dvc_cache(workspace, stage, foreign))
    if lost:
        more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        if workspace.path(lost[0]).is_symlink():
            raise UserFilesError(
                f"{stage}: {lost[0]} is a link, and a run would put a file in its place. Put the "
                "file that it leads to there, or delete it: only a whole folder of outs may be a "
                "link, to another disk. Nothing has been changed."
            )
        raise UserFilesError(
            f"{stage}: {lost[0]}{more} was not made by this stage, and a run would delete it. "
            f"Run `gazeshift adopt {stage}`: it moves such files to data/import/, and says how to "
            "use them. If it is damaged or not wanted, delete it. Nothing has been changed."
        )


def _in_dvc_cache(workspace: Workspace, stage: str, paths: set[str]) -> set[str]:
    """Return those of `paths` that are as dvc.lock says, with their content in DVC's cache."""
    lock = workspace.path("dvc.lock")
    if not paths or not os.path.lexists(lock):
        return set()
    try:
        entry = (load_yaml(read_text(lock)).get("stages") or {}).get(stage) or {}
        outs = {out["path"]: str(out["md5"]) for out in entry.get("outs", ())}
    except SIGNS as error:
        raise InputError(
            f"{lock} is no file as DVC writes it, or has the marks of a merge: "
            f"{first_line(error)}. Take one side's back from git (`git checkout HEAD dvc.lock`), "
            "then `dvc repro`."
        ) from error
    objects = _dvc_cache(workspace)
    locked: dict[str, str] = {}
    for out, content in outs.items():
        locked[out] = content
        if content.endswith(".dir"):
            locked |= _listed(objects / content[:2] / content[2:], out)
    return {
        path
        for path in paths
        if (known := locked.get(path))
        and os.path.isfile(objects / known[:2] / known[2:])
        and os.path.isfile(workspace.path(path))
        and md5(workspace.path(path)) == known
    }


def _listed(listing: Path, out: str) -> dict[str, str]:
    """Return {path: md5} of a folder in DVC's cache; none where its listing is lost or damaged."""
    try:
        files = json.loads(read_text(listing))
        return {f"{out}/{file['relpath']}": str(file["md5"]) for file in files}
    except (OSError, *SIGNS):
        return {}


def _dvc_cache(workspace: Workspace) -> Path:
    command = [sys.executable, "-m", "dvc", "cache", "dir"]
    answer = subprocess.run(command, cwd=workspace.root, capture_output=True, text=True)
    return Path(workspace.root, answer.stdout.strip() or ".dvc/cache") / "files" / "md5"
