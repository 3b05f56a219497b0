"""What the file system refuses is named, each with its own remedy; outs may lie on another disk."""

import errno
import os
import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import torch
from ingest_inputs import write_video
from scene_trees import write_scene_tree, write_validate_inputs

from pipeline.editing.cache import TensorCache
from pipeline.ground.artefacts import OUTS
from pipeline.ground.code import Key
from pipeline.ground.database import open_database
from pipeline.ground.errors import InputError, StorageError
from pipeline.ground.files import write_text
from pipeline.ground.outs import StageOuts
from pipeline.ground.trouble import naming_trouble
from pipeline.ground.workspace import Workspace
from pipeline.learning.fitting import StreamedCheckpoints
from pipeline.learning.shards import write_shard

KEYS = {"a": Key("1", ("pipeline.ground.files",))}
VALUES = {"values": torch.zeros(100_000)}


@contextmanager
def full_disk() -> Iterator[None]:
    """No file may grow over 10 kB, as if the disk were full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: TensorCache(path, 1).put("key", VALUES),
        lambda path: write_shard(path, VALUES["values"], torch.zeros(9)),
        lambda path: StreamedCheckpoints().save_checkpoint(VALUES, path),
        lambda path: write_text(path, "x" * 100_000),
    ],
    ids=["edits", "shards", "checkpoints", "texts"],
)
def test_a_full_disk_is_named_with_the_file_whatever_writes(
    workspace: Workspace, write: Callable[[Path], None]
) -> None:
    path = workspace.path("place")
    message = rf"cannot write {path}\S*: File too large.*Free some space"
    with pytest.raises(StorageError, match=message), naming_trouble(workspace), full_disk():
        write(path)
    assert not list(workspace.root.rglob("*-part"))


def make_unreadable(path: Path, patch: pytest.MonkeyPatch) -> None:
    """Take away the right to read; root, who may read everything, is told what others are told."""
    path.chmod(0)
    if not os.access(path, os.R_OK):
        return
    told, opened, listed = os.access, Path.open, os.scandir

    def refused(name: object) -> None:
        if Path(str(name)) == path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    def refuse_open(name: Path, *arguments, **options):
        refused(name)
        return opened(name, *arguments, **options)

    def refuse_list(name):
        refused(name)
        return listed(name)

    patch.setattr(Path, "open", refuse_open)
    patch.setattr(os, "scandir", refuse_list)
    patch.setattr(os, "access", lambda name, mode: Path(name) != path and told(name, mode))


@pytest.mark.parametrize("name", ["data/videos", "data/videos/deep", "data/videos/deep/v.mp4"])
def test_an_unreadable_video_is_to_be_made_readable(
    workspace: Workspace, name: str, gazeshift, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_video(workspace.path("data/videos/deep/v.mp4"), [5])
    with monkeypatch.context() as patch:
        make_unreadable(workspace.path(name), patch)
        status, _, said = gazeshift("scene_cuts")
    workspace.path(name).chmod(0o755)
    assert status == 1
    assert f"cannot read {workspace.path(name)}: Permission denied. Make it readable" in said
    assert "folder writable" not in said


def test_an_unreadable_table_is_to_be_made_readable(
    workspace: Workspace, gazeshift, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_scene_tree(workspace.root, {"v": 1})
    with monkeypatch.context() as patch:
        make_unreadable(workspace.path("data/valid_scenes.csv"), patch)
        status, _, said = gazeshift("variant")
    assert status == 1
    assert "data/valid_scenes.csv: Permission denied. Make it readable" in said


def make(workspace: Workspace) -> set[str]:
    with StageOuts(workspace, "variant") as outs:
        todo = outs.begin(KEYS)
        for item in todo:
            write_text(outs.staging / "out/deep/a.txt", "made")
            outs.accept(item, ["out/deep/a.txt"])
    return todo


def test_an_out_that_is_a_link_to_another_disk_works(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OUTS, "variant", ("out",))
    disk = tmp_path / "disk"
    disk.mkdir()
    workspace.path("out").symlink_to(disk)
    rename = os.replace

    def rename_on_one_disk(source: Path, target: Path) -> None:
        if workspace.path("out") in Path(target).parents and "staging" in Path(source).parts:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(source), None, str(target))
        rename(source, target)

    monkeypatch.setattr(os, "replace", rename_on_one_disk)
    # What a killed copy leaves is no user's.
    write_text(disk / "deep/.a.txt.77.gazeshift-part", "ma")
    assert make(workspace) == {"a"}
    assert [path.name for path in disk.rglob("*") if path.is_file()] == ["a.txt"]
    assert make(workspace) == set()
    assert workspace.path("out").is_symlink()


def test_a_folder_for_an_input_file_is_named(workspace: Workspace) -> None:
    workspace.path("table.csv").mkdir()
    with (
        pytest.raises(InputError, match=r"table\.csv is a folder, but a file belongs there"),
        naming_trouble(workspace),
    ):
        workspace.path("table.csv").read_bytes()


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_loop(path: Path) -> None:
    path.symlink_to(path.name)


def a_link_to_nothing(path: Path) -> None:
    path.symlink_to("gone")


KINDS = {
    a_pipe: "is no file: a pipe, a socket or a device. Move it away",
    a_loop: "is a link back to itself. Move it away",
    a_link_to_nothing: "is a link to gone, where nothing is. Move it away",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "place",
    [
        "params.yaml",
        "data/keywords.csv",
        "keyword_masks",
        ".gazeshift",
        ".gazeshift/locks/validate.lock",
        ".gazeshift/records/validate.sqlite",
        ".gazeshift/measurements.sqlite",
        "reports/records/validate.jsonl",
        "reports/validation/summary.json",
        "reports/validation/data_docs",
    ],
)
def test_what_is_neither_file_nor_folder_is_named_and_not_waited_for(
    workspace: Workspace, kind: Callable[[Path], None], place: str, gazeshift
) -> None:
    write_validate_inputs(workspace.root, {"v": 1})
    path = workspace.path(place)
    if path.is_dir():
        path.rename(path.with_name("aside"))
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    kind(path)
    status, _, said = gazeshift("validate")
    assert status == 1
    # Of a folder for which there is a pipe, it is a file that is told.
    named = f"{path} is a file, but" if kind is a_pipe and not path.suffix else KINDS[kind]
    assert f"{path} " in said
    assert named in said or KINDS[kind] in said
    assert "Free some space" not in said


def test_a_name_that_is_too_long_is_told_by_its_length(workspace: Workspace, gazeshift) -> None:
    write_text(workspace.path("params.yaml"), f"scene_cuts: {{input: {'a' * 5000}}}")
    status, _, said = gazeshift("scene_cuts")
    assert status == 1
    assert "can hold no path of 5000 letters (aaaa" in said
    assert len(said) < 500


def sql_error(statement: str, before: str = "") -> sqlite3.Error:
    """Return what SQLite says to a statement."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(before)
        with pytest.raises(sqlite3.Error) as said:
            db.execute(statement)
    return said.value


@pytest.mark.parametrize(
    "error",
    [
        KeyError("ours"),
        ValueError("a.csv: No space left on device (os error 28)"),
        InputError("data/x (os error 28).csv is refused: its name has blanks."),
        sql_error("SELECT * FROM nowhere"),
        sql_error("SELECT ?"),
        sql_error("INSERT INTO t VALUES (NULL)", "CREATE TABLE t (x NOT NULL);"),
    ],
    ids=["key", "text", "refusal", "table", "binding", "constraint"],
)
def test_what_is_no_matter_of_the_disk_stays_as_it_is(
    workspace: Workspace, error: Exception
) -> None:
    with pytest.raises(type(error)) as said, naming_trouble(workspace):
        raise error
    assert said.value is error


def test_what_is_not_there_is_no_trouble_of_the_disk(workspace: Workspace) -> None:
    with pytest.raises(FileNotFoundError), naming_trouble(workspace):
        workspace.path("no/such").read_bytes()


def test_the_damaged_one_of_the_databases_is_named(workspace: Workspace) -> None:
    for name in "abc":
        open_database(workspace.state / f"records/{name}.sqlite", "CREATE TABLE t (x);").close()
    damaged = workspace.state / "records/b.sqlite"
    damaged.write_bytes(b"no database" * 999)
    with (
        pytest.raises(InputError, match=rf"^{damaged} is a damaged database.*Move that file away"),
        naming_trouble(workspace),
        closing(sqlite3.connect(damaged)) as db,
    ):
        db.execute("SELECT * FROM t")
