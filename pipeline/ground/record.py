"""What is known of a stage's outs: the items that were made, from what, by which code; their files.

The record is a database of the workspace. What it says at the end of a run is an out as well,
`reports/records/{stage}.jsonl`: so whoever pulls a stage's outs, or checks out those of an older
commit, gets what is known of them too, and this record takes it over.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, Self

from pydantic import TypeAdapter

from pipeline.ground.artefacts import record_of
from pipeline.ground.code import Key, code_digest, maker_file, versions
from pipeline.ground.damage import SIGNS
from pipeline.ground.database import open_database
from pipeline.ground.files import digest, file_digest, open_file, replacing
from pipeline.ground.workspace import Workspace

LOG = logging.getLogger(__name__)

_TABLES = """
CREATE TABLE IF NOT EXISTS items (
    item TEXT PRIMARY KEY, inputs TEXT NOT NULL, code TEXT NOT NULL, environment TEXT NOT NULL,
    result TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, item TEXT NOT NULL, size INTEGER, mtime_ns INTEGER, digest TEXT);
CREATE INDEX IF NOT EXISTS files_of_item ON files (item);
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, content TEXT NOT NULL);
"""
_DAMAGED = (*SIGNS, StopIteration, sqlite3.ProgrammingError, sqlite3.IntegrityError)
_CODE = "code"
# Notes: the digest of the out that this record wrote or took over; {environment: versions}; what
# was vouched for, and what is to be from the next run on.
_SHARED, _ENVIRONMENTS, _VOUCHED, _PENDING = "shared", "environments", "vouched", "pending"


class _Pending(NamedTuple):
    """What is vouched for: the digest of the present code, and those of the older ones."""

    pin: str
    codes: list[str]


_NOTES: Mapping[str, TypeAdapter[Any]] = {
    _SHARED: TypeAdapter(str),
    _ENVIRONMENTS: TypeAdapter(dict[str, dict[str, str]]),
    _VOUCHED: TypeAdapter(list[dict[str, Any]]),
    _PENDING: TypeAdapter(_Pending | None),
}


class File(NamedTuple):
    """A file as it was written."""

    size: int
    mtime_ns: int
    digest: str


class Record:
    """The record of one stage, in the workspace's database or another; a context manager."""

    def __init__(
        self, workspace: Workspace, stage: str, db: sqlite3.Connection | None = None
    ) -> None:
        self.workspace = workspace
        self.stage = stage
        self.db = db or open_database(database(workspace, stage), _TABLES)
        self._forget_damaged_notes()
        self._take_over()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.db.close()

    def add(self, item: str, key: Key, files: Mapping[str, File], result: Any) -> None:
        """Record an item as made, with its files by their path; JSON must hold the result."""
        made_with = json.dumps(versions(*key.makers), sort_keys=True)
        environment = digest(made_with)[:8]
        environments = self._note(_ENVIRONMENTS, {})
        with self.db:
            if environment not in environments:
                self._set_note(_ENVIRONMENTS, environments | {environment: json.loads(made_with)})
            self._put(item, (key.inputs, key.code, environment, json.dumps(result)), files)

    def _put(self, item: str, made: tuple[str, str, str, str], files: Mapping[str, File]) -> None:
        self.db.execute("DELETE FROM files WHERE item = ?", (item,))
        rows = [(path, item, *file) for path, file in files.items()]
        self.db.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", rows)
        self.db.execute("INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?, ?)", (item, *made))

    def share(self, keys: Iterable[Key]) -> None:
        """Write what is recorded to the stage's out.

        Args:
            keys: of all items.
        """
        path = self.workspace.path(record_of(self.stage))
        with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as out:
            used = {name for (name,) in self.db.execute("SELECT DISTINCT environment FROM items")}
            known = self._note(_ENVIRONMENTS, {})
            head = {name: known.get(name, {}) for name in sorted(used)}
            code = [[*makers, code_digest(*makers)] for makers in sorted({k.makers for k in keys})]
            head = {_CODE: code, _VOUCHED: self._note(_VOUCHED, []), _ENVIRONMENTS: head}
            out.write(json.dumps(head) + "\n")
            for line in self._lines():
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
        with self.db:
            self._set_note(_SHARED, file_digest(path))

    def _lines(self) -> Iterator[dict[str, Any]]:
        of_item = "SELECT path, digest FROM files WHERE item = ? ORDER BY path"
        for item, inputs, code, environment, result in self.db.execute(
            "SELECT * FROM items ORDER BY item"
        ):
            yield {
                "item": item,
                "inputs": inputs,
                "code": code,
                "environment": environment,
                "result": json.loads(result),
                "files": dict(self.db.execute(of_item, (item,)).fetchall()),
            }

    def _take_over(self) -> None:
        """Take over what the stage's out says, unless this record has written it.

        An item counts if all its files are there as the out says. What lies here from an unfinished
        run stays known, so that it may be deleted.
        """
        path = self.workspace.path(record_of(self.stage))
        if not path.is_file() or (found := file_digest(path)) == self._note(_SHARED, ""):
            return
        try:
            with path.open(encoding="utf-8") as lines, self.db:
                head = _checked(json.loads(next(lines)))
                environments = self._note(_ENVIRONMENTS, {}) | head[_ENVIRONMENTS]
                self._set_note(_ENVIRONMENTS, environments)
                self._set_note(_VOUCHED, list(head[_VOUCHED]))
                for line in map(json.loads, lines):
                    files = self._as_written(line["files"])
                    if files is not None and environments[line["environment"]]:
                        made = (line["inputs"], line["code"], line["environment"])
                        self._put(line["item"], (*made, json.dumps(line["result"])), files)
                self._set_note(_SHARED, found)
        except _DAMAGED as error:
            LOG.warning("%s is damaged (%r): what it says is not known.", path, error)

    def _as_written(self, digests: Mapping[str, str]) -> dict[str, File] | None:
        """Return files that have these contents; None where one is another or is missing."""
        files = {}
        for name, expected in digests.items():
            path = self.workspace.path(name)
            if os.path.islink(path) or not os.path.isfile(path) or file_digest(path) != expected:
                return None
            status = path.stat()
            files[name] = File(status.st_size, status.st_mtime_ns, expected)
        return files

    def vouch(self) -> int:
        """Note that the present code makes what all items' files hold; return how many there are.

        The next run re-records them with it, and says so in the record. The note is void once any
        of the stage's code changes again.
        """
        codes = [code for (code,) in self.db.execute("SELECT DISTINCT code FROM items")]
        with self.db:
            self._set_note(_PENDING, {"pin": self._stage_code(), "codes": codes})
        return int(self.db.execute("SELECT count(*) FROM items").fetchone()[0])

    def heed_vouching(self, keys: Mapping[str, Key]) -> None:
        """Re-record the present code for items of a plan that somebody has vouched for."""
        pending = self._note(_PENDING, None)
        if not pending:
            return
        changed = []
        if pending["pin"] == self._stage_code():
            rows = self.db.execute("SELECT item, inputs, code FROM items").fetchall()
            changed = [
                (key.code, item)
                for item, inputs, code in rows
                if (key := keys.get(item))
                and key.inputs == inputs
                and code in pending["codes"]
                and code != key.code
            ]
        with self.db:
            self.db.executemany("UPDATE items SET code = ? WHERE item = ?", changed)
            self._set_note(_PENDING, None)
            if changed:
                told = {"on": date.today().isoformat(), "items": len(changed)}
                told |= {"from": pending["codes"], "to": sorted({code for code, _ in changed})}
                self._set_note(_VOUCHED, [*self._note(_VOUCHED, []), told])

    def _stage_code(self) -> str:
        """Return the digest of all of the stage's code: what runs it, and what made its items."""
        made_by = {maker for *makers, _ in _made_by(self.workspace, self.stage) for maker in makers}
        there = sorted(maker for maker in made_by if maker_file(maker))
        entries = (f"pipeline.stages.{self.stage}.stage", f"demo.{self.stage}")
        return code_digest(*filter(maker_file, entries), *there)

    def damaged(self, results: Mapping[str, Any]) -> set[str]:
        """Return the recorded items whose result is no JSON, or of another type than they have.

        Args:
            results: {item: type of its result}; any does for other items.
        """
        kinds = {kind: TypeAdapter(kind) for kind in {Any, *results.values()}}
        found = set()
        for item, result in self.db.execute("SELECT item, result FROM items"):
            try:
                kinds[results.get(item, Any)].validate_json(result, strict=True)
            except SIGNS:
                found.add(item)
        return found

    def _forget_damaged_notes(self) -> None:
        """Forget all notes where one is damaged: the out's are taken over again."""
        try:
            for name, content in self.db.execute("SELECT name, content FROM notes"):
                _NOTES[name].validate_python(json.loads(content))
        except SIGNS as error:
            LOG.warning("the notes of %s's record are damaged (%r): begun anew.", self.stage, error)
            with self.db:
                self.db.execute("DELETE FROM notes")

    def _note(self, name: str, default: Any) -> Any:
        row = self.db.execute("SELECT content FROM notes WHERE name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row else default

    def _set_note(self, name: str, content: Any) -> None:
        row = (name, json.dumps(content))
        self.db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", row)


def database(workspace: Workspace, stage: str) -> Path:
    """Return where a stage's record lies."""
    return workspace.state / "records" / f"{stage}.sqlite"


def copied(workspace: Workspace, stage: str) -> Record:
    """Return a copy of a stage's record in memory: of one that nothing may be written to.

    It is read as it lies, without a lock: on a shared file system another machine's process may be
    at work with it.
    """
    memory, path = sqlite3.connect(":memory:"), database(workspace, stage)
    if path.is_file():
        with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as source:
            source.backup(memory)
    memory.executescript(_TABLES)
    return Record(workspace, stage, memory)


def current(keys: Mapping[str, Key], db: sqlite3.Connection) -> set[str]:
    """Return the items of a plan that were made from the same inputs, by the same code."""
    return {
        item
        for item, inputs, code in db.execute("SELECT item, inputs, code FROM items")
        if (key := keys.get(item)) and (key.inputs, key.code) == (inputs, code)
    }


def computed_with(workspace: Workspace, stage: str) -> Iterable[Mapping[str, str]]:
    """Return the versions of libraries that the items of a stage's outs were computed with."""
    return list(_head(workspace, stage).get(_ENVIRONMENTS, {}).values())


def is_of_present_code(workspace: Workspace, stage: str) -> bool:
    """Return whether the stage's record says that the present code made its outs."""
    made_by = _made_by(workspace, stage)
    try:
        return bool(made_by) and all(code == code_digest(*makers) for *makers, code in made_by)
    except ValueError:
        return False


def _made_by(workspace: Workspace, stage: str) -> list[list[str]]:
    """Return the makers of a stage's items, each list with the digest of their code at its end."""
    return list(_head(workspace, stage).get(_CODE, []))


def _head(workspace: Workspace, stage: str) -> dict[str, Any]:
    try:
        with open_file(workspace.path(record_of(stage))) as lines:
            return _checked(json.loads(next(lines)))
    except (OSError, *_DAMAGED):
        return {}


def _checked(head: Any) -> dict[str, Any]:
    """Return the first line of a record's out, which says by what code and libraries it was made.

    Raises:
        Exception: one of `_DAMAGED`, where it is something else.
    """
    for *makers, code in head.get(_CODE, []):
        if not all(isinstance(part, str) for part in (*makers, code)):
            raise TypeError(f"{_CODE} must be names")
    for libraries in head.get(_ENVIRONMENTS, {}).values():
        if not all(name and isinstance(name, str) for part in libraries.items() for name in part):
            raise TypeError(f"{_ENVIRONMENTS} must be names with their versions")
    return dict(head)
