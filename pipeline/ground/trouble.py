"""What the file system refuses, in words: a full disk, missing rights, a folder for a file."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.ground.database import is_damage
from pipeline.ground.errors import BusyError, GazeshiftError, InputError, StorageError
from pipeline.ground.files import as_os_error
from pipeline.ground.workspace import Workspace

_RIGHTS = {errno.EACCES, errno.EPERM}
_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO} | _RIGHTS
_WRONG_KIND = {errno.EISDIR, errno.ENOTDIR, errno.EEXIST}
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
    except sqlite3.DatabaseError as error:
        raise _of_database(error, workspace) from error
    except Exception as error:
        os_error = as_os_error(error)
        named = os_error and _of_files(os_error)
        if named is None:
            raise
        raise named from error


def _of_files(error: OSError) -> GazeshiftError | None:
    # Of a rename or a link the second name is what could not be written.
    where, what = error.filename2 or error.filename, error.strerror or str(error)
    there = _nearest(where) if isinstance(where, str | os.PathLike) else None
    if error.errno in _WRONG_KIND and there is not None:
        kind, other = ("folder", "file") if there.is_dir() else ("file", "folder")
        return InputError(
            f"{there} is a {kind}, but a {other} belongs there. Move it away, {_GO_ON}"
        )
    if error.errno in _RIGHTS and there is not None and not _is_readable(there):
        return InputError(f"cannot read {there}: {what}. Make it readable (chmod u+rX), {_GO_ON}")
    if error.errno in _UNWRITABLE:
        return _unwritable(where, what)
    return None


def _of_database(error: sqlite3.DatabaseError, workspace: Workspace) -> GazeshiftError:
    if is_damage(error):
        return InputError(
            f"a database in {workspace.state} is damaged: {error}. Delete that folder, {_GO_ON}"
        )
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return BusyError(
            f"another process uses a database in {workspace.state}: {error}. Wait for it, {_GO_ON}"
        )
    return _unwritable(workspace.state, str(error))


def _unwritable(where: object, what: str) -> StorageError:
    return StorageError(
        f"cannot write {where or 'an output'}: {what}. Free some space or make the folder "
        f"writable, {_GO_ON}"
    )


def _nearest(where: str | os.PathLike[str]) -> Path:
    """Return a path, or the nearest one above it that is there."""
    path = Path(where).absolute()
    return next(one for one in (path, *path.parents) if os.path.lexists(one))


def _is_readable(path: Path) -> bool:
    return os.access(path, os.R_OK | os.X_OK if path.is_dir() else os.R_OK)
