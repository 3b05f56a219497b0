"""Databases of the workspace's state, which hold nothing that cannot be had again."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from pipeline.ground.files import make_folder, refuse_other_kinds

LOG = logging.getLogger(__name__)

# Of SQLite: a page that is no such, no database.
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class _Damaged(sqlite3.DatabaseError):
    """It opens, but what it holds cannot be used."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def primary_code(error: sqlite3.DatabaseError) -> int:
    """Return SQLite's code of an error, without what extends it; 0 where it gave none."""
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)) & 0xFF


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Tell whether the file is at fault, not its disk, who else uses it, or SQL of ours."""
    return primary_code(error) in _DAMAGED


def open_database(path: Path, tables: str) -> sqlite3.Connection:
    """Open a database with these tables; one that is damaged, or has other columns, is set aside.

    It then is begun anew, and the older one kept beside it as `*.damaged`. Further tables, as of
    SQLite's ANALYZE, do not matter.

    A kill loses nothing that was committed; only a power cut can, and then its work is done again.
    """
    make_folder(path.parent)
    refuse_other_kinds(path)
    try:
        return _opened(path, tables)
    except sqlite3.DatabaseError as error:
        # An index of ours on a column that another version's table lacks is SQL that fails.
        if not (is_damage(error) or primary_code(error) == sqlite3.SQLITE_ERROR):
            raise
        aside = f"{path.name}.damaged"
        LOG.warning(
            "%s is damaged, or another version wrote it (%s): begun anew; it is kept as %s.",
            path,
            error,
            aside,
        )
    for suffix in ("", "-wal", "-shm"):
        path.with_name(aside + suffix).unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(path.with_name(aside + suffix))
    return _opened(path, tables)


def _opened(path: Path, tables: str) -> sqlite3.Connection:
    db = sqlite3.connect(path)
    try:
        db.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; {tables}")
        if (found := db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise _Damaged(found)
        with closing(sqlite3.connect(":memory:")) as expected:
            expected.executescript(tables)
            if not _columns(expected).items() <= _columns(db).items():
                raise _Damaged("it has other columns")
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db


def _columns(db: sqlite3.Connection) -> dict[str, list[str]]:
    """Return {table: columns, in order}."""
    tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    columns = "SELECT name FROM pragma_table_info(?) ORDER BY cid"
    return {name: [column for (column,) in db.execute(columns, (name,))] for (name,) in tables}
