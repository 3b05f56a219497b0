"""Databases of the workspace's state, which hold nothing that cannot be had again."""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from pipeline.ground.files import make_folder

LOG = logging.getLogger(__name__)

# Of SQLite: wrong tables or columns, a page that is no such, no database.
_DAMAGED = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class _Damaged(sqlite3.DatabaseError):
    """It opens, but what it holds cannot be used."""

    sqlite_errorcode = sqlite3.SQLITE_ERROR


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Tell whether the database is at fault, not the disk that it lies on or who else uses it."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF in _DAMAGED


def open_database(path: Path, tables: str) -> sqlite3.Connection:
    """Open a database with these tables; one that is damaged, or has others, is begun anew.

    A kill loses nothing that was committed; only a power cut can, and then its work is done again.
    """
    make_folder(path.parent)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    try:
        return _opened(path, tables)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        LOG.warning("%s is damaged, or another version wrote it (%s): begun anew.", path, error)
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return _opened(path, tables)


def _opened(path: Path, tables: str) -> sqlite3.Connection:
    db = sqlite3.connect(path)
    try:
        db.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; {tables}")
        if (found := db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise _Damaged(found)
        with closing(sqlite3.connect(":memory:")) as expected:
            expected.executescript(tables)
            if _tables(db) != _tables(expected):
                raise _Damaged("it has other tables or columns")
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db


def _tables(db: sqlite3.Connection) -> set[str]:
    return {sql for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}
