"""Measuring scenes in parallel, and remembering it: what has not changed is not read again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from pipeline.ground.code import code_digest, versions
from pipeline.ground.damage import SIGNS
from pipeline.ground.database import open_database
from pipeline.ground.files import digest
from pipeline.ground.parallel import each
from pipeline.ground.params import ComputeParams
from pipeline.ground.workspace import Workspace
from pipeline.stages.validate.measure import (
    Measured,
    Outcome,
    SceneFigures,
    Settings,
    Task,
    measure_chunk,
    measure_scene,
)
from pipeline.stages.validate.trees import SceneFiles, SceneKey
from schemas.rejected_scenes import Rejection

_SCENES_PER_CHUNK = 32
_OUTCOMES: Mapping[str, TypeAdapter[Any]] = {
    "figures": TypeAdapter(SceneFigures),
    "refused": TypeAdapter(list[Rejection]),
}
_TABLES = """
CREATE TABLE IF NOT EXISTS version (version TEXT);
CREATE TABLE IF NOT EXISTS scenes (
    video_id TEXT, scene_number INTEGER, stamps TEXT, digest TEXT, outcome TEXT,
    PRIMARY KEY (video_id, scene_number)) WITHOUT ROWID;
"""


class Result(NamedTuple):
    """What is known of a scene: the digest of its files' contents, and what they are."""

    digest: str
    outcome: Outcome


def measure_scenes(
    workspace: Workspace, settings: Settings, scenes: Mapping[SceneKey, SceneFiles]
) -> Iterator[tuple[SceneKey, Result]]:
    """Yield the result of every scene, those first that have not changed since the last time.

    A scene is measured anew when the stamp of a file has changed and its content too.

    Args:
        workspace: the data root.
        settings: what the figures depend on.
        scenes: with their files, as far as they are there.
    """
    with closing(_Memory(workspace, settings, scenes)) as memory:
        tasks = []
        for key, files in scenes.items():
            known = memory.get(key)
            if known and known[0] == _stamps(files):
                yield key, known[1]
            else:
                # What is told of a refusal names its file, which may be another one since.
                sound = known and isinstance(known[1].outcome, SceneFigures)
                tasks.append(Task(*key, files.paths, known[1].digest if known and sound else ""))
        starts = range(0, len(tasks), _SCENES_PER_CHUNK)
        chunks = [(settings, tasks[start : start + _SCENES_PER_CHUNK]) for start in starts]
        compute = ComputeParams.load(workspace)
        for chunk in each(
            measure_chunk, chunks, compute, "validate", f"{_SCENES_PER_CHUNK} scenes"
        ):
            memory.put((measured, _stamps(scenes[measured[:2]])) for measured in chunk)
            for measured in chunk:
                key = measured[:2]
                if measured.outcome is not None:
                    yield key, Result(measured.digest, measured.outcome)
                elif known := memory.get(key):
                    yield key, known[1]


def _stamps(files: SceneFiles) -> str:
    return "|".join(f"{file.path} {file.stamp}" for file in files.all)


class _Memory:
    """The measurements of a data root; those of other scenes or settings are forgotten."""

    def __init__(
        self, workspace: Workspace, settings: Settings, scenes: Iterable[SceneKey]
    ) -> None:
        self._store = open_database(workspace.state / "measurements.sqlite", _TABLES)
        maker = measure_scene.__module__
        made_with = (code_digest(maker), str(versions(maker)), repr(settings[1:]))
        version = digest(*made_with)
        if self._store.execute("SELECT version FROM version").fetchall() != [(version,)]:
            with self._store:
                self._store.execute("DELETE FROM scenes")
                self._store.execute("DELETE FROM version")
                self._store.execute("INSERT INTO version VALUES (?)", (version,))
        known = self._store.execute("SELECT video_id, scene_number FROM scenes").fetchall()
        gone = set(known).difference(scenes)
        with self._store:
            delete = "DELETE FROM scenes WHERE video_id=? AND scene_number=?"
            self._store.executemany(delete, gone)

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def get(self, key: SceneKey) -> tuple[str, Result] | None:
        """Return the stamps under which a scene was measured, and the result."""
        query = "SELECT stamps, digest, outcome FROM scenes WHERE video_id=? AND scene_number=?"
        row = self._store.execute(query, key).fetchone()
        try:
            return (row[0], Result(row[1], _from_json(row[2]))) if row else None
        # Damaged: it is measured again.
        except SIGNS:
            return None

    def put(self, measured: Iterable[tuple[Measured, str]]) -> None:
        """Record scenes with their stamps; without an outcome, the recorded one stays."""
        with self._store:
            for scene, stamps in measured:
                key = (scene.video_id, scene.scene_number)
                if scene.outcome is None:
                    update = "UPDATE scenes SET stamps=? WHERE video_id=? AND scene_number=?"
                    self._store.execute(update, (stamps, *key))
                # A file that could not be read has no digest: the next run tries again.
                elif scene.digest:
                    row = (*key, stamps, scene.digest, _to_json(scene.outcome))
                    self._store.execute("INSERT OR REPLACE INTO scenes VALUES (?,?,?,?,?)", row)


def _to_json(outcome: Outcome) -> str:
    kind = "figures" if isinstance(outcome, SceneFigures) else "refused"
    return json.dumps({kind: outcome})


def _from_json(text: str) -> Outcome:
    ((kind, values),) = json.loads(text).items()
    outcome: Outcome = _OUTCOMES[kind].validate_python(values)
    return outcome
