"""What the file system refuses, in words: a full disk, missing rights, a folder for a file."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.ground.database import is_damage, primary_code
from pipeline.ground.errors import BusyError, GazeshiftError, InputError, StorageError
from pipeline.ground.files import NO_FILE, as_os_error, is_special

if TYPE_CHECKING:
    from pipeline.ground.workspace import Workspace

_RIGHTS = {errno.EACCES, errno.EPERM}
_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO} | _RIGHTS
# ENOENT where a link leads nowhere; ENXIO also of `open_file`, which opens no pipe.
_WRONG_KIND = {errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ELOOP, errno.ENXIO, errno.ENOENT}
_SHOWN = 60
_DISK = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}
_GO_ON = "then run the same command again: what was finished is kept."


@contextmanager
def naming_trouble(workspace: Workspace) -> Iterator[None]:
    """Name what the file system or a database of the workspace's state refuses, and the remedy.

    Raises:
        StorageError: the disk is full or nothing may be written.
        InputError: a file may not be read, or is of another kind than is expected.
        BusyError: another process holds the database.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, sqlite3.DatabaseError):
            named = _of_database(error, workspace)
        else:
            named = file_trouble(told) if (told := as_os_error(error)) else None
        if named is None:
            raise
        raise named from error


def file_trouble(error: OSError) -> GazeshiftError | None:
    """Return what to say of an error of the file system; None where it tells of no such trouble."""
    # Of a rename or a link the second name is what could not be written.
    where, what = error.filename2 or error.filename, error.strerror or str(error)
    there = _nearest(where) if isinstance(where, str | os.PathLike) else None
    if error.errno == errno.ENAMETOOLONG and there is not None:
        name = os.path.relpath(os.fspath(where), there)
        shown = f"{name[:_SHOWN]}…" if len(name) > _SHOWN else name
        return InputError(
            f"{there} can hold no path of {len(name)} letters ({shown}): {what}. Give it a "
            f"shorter one, {_GO_ON}"
        )
    if error.errno in _WRONG_KIND and there is not None and (found := _wrong_kind(there, error)):
        return InputError(f"{there} is {found}. Move it away, {_GO_ON}")
    if error.errno in _RIGHTS and there is not None and not _is_readable(there):
        return InputError(f"cannot read {there}: {what}. Make it readable (chmod u+rX), {_GO_ON}")
    if error.errno in _UNWRITABLE:
        return _unwritable(where, what)
    return None


def _of_database(error: sqlite3.DatabaseError, workspace: Workspace) -> GazeshiftError | None:
    """Return what to say; None where SQL of ours is at fault."""
    if is_damage(error):
        return InputError(
            f"{_damaged(workspace.state)} is a damaged database: {error}. Move that file away, "
            f"{_GO_ON}"
        )
    code = primary_code(error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return BusyError(
            f"another process uses a database in {workspace.state}: {error}. Wait for it, {_GO_ON}"
        )
    return _unwritable(workspace.state, str(error)) if code in _DISK else None


def _damaged(state: Path) -> Path:
    """Return which database is damaged; where SQLite finds no fault now, the pattern of all."""
    for path in sorted([*state.glob("*.sqlite"), *state.glob("records/*.sqlite")]):
        if not path.is_file():
            continue
        try:
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
                if db.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok":
                    return path
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                return path
    return state / "**/*.sqlite"


def _unwritable(where: object, what: str) -> StorageError:
    return StorageError(
        f"cannot write {where or 'an output'}: {what}. Free some space or make the folder "
        f"writable, {_GO_ON}"
    )


def _nearest(where: str | os.PathLike[str]) -> Path:
    """Return a path, or the nearest one above it that is there."""
    path = Path(where).absolute()
    return next(one for one in (path, *path.parents) if os.path.lexists(one))


def _wrong_kind(there: Path, error: OSError) -> str | None:
    """Return what is there instead of what belongs there; None where nothing is in the way."""
    if is_special(there):
        return NO_FILE
    try:
        os.stat(there)
    # It was found, so it is a link.
    except OSError as lost:
        circle = lost.errno == errno.ELOOP
        return (
            f"a link {'back to itself' if circle else f'to {os.readlink(there)}, where nothing is'}"
        )
    if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENXIO):
        return None
    kind, other = ("folder", "file") if there.is_dir() else ("file", "folder")
    return f"a {kind}, but a {other} belongs there"


def _is_readable(path: Path) -> bool:
    return os.access(path, os.R_OK | os.X_OK if path.is_dir() else os.R_OK)
