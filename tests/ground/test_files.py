"""Files come whole or not at all, as links where there can be any."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from pipeline.ground.files import file_digest, is_left_over, link_or_copy, move, replacing


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.jpg"
    path.write_bytes(b"a map")
    return path


def failing(code: int):
    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


def test_a_link_takes_the_place_of_what_is_there(source: Path) -> None:
    target = source.with_name("target.jpg")
    target.write_bytes(b"an older map")
    link_or_copy(source, target)
    assert os.path.samefile(source, target)


@pytest.mark.parametrize(
    "code", [errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP], ids=errno.errorcode.get
)
def test_where_no_link_can_be_there_is_a_copy(source: Path, code: int, monkeypatch) -> None:
    monkeypatch.setattr(os, "link", failing(code))
    target = source.parent / "folder/target.jpg"
    link_or_copy(source, target)
    assert target.read_bytes() == b"a map"
    assert not os.path.samefile(source, target)


def test_a_copy_that_breaks_off_leaves_the_older_file(source: Path, monkeypatch) -> None:
    def half(_: Path, target: Path) -> None:
        target.write_bytes(b"a m")
        failing(errno.ENOSPC)()

    target = source.with_name("target.jpg")
    target.write_bytes(b"an older map")
    monkeypatch.setattr(os, "link", failing(errno.EXDEV))
    monkeypatch.setattr(shutil, "copyfile", half)
    with pytest.raises(OSError, match="No space left"):
        link_or_copy(source, target)
    assert target.read_bytes() == b"an older map"
    assert sorted(path.name for path in source.parent.iterdir()) == ["source.jpg", "target.jpg"]


def test_only_what_a_kill_leaves_is_left_over(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.b.csv") as temporary:
        assert is_left_over(temporary.name)
        temporary.touch()
    for name in ("a.b.csv", ".notes.2024.part", ".a.part", ".7.part", "a.csv.7.gazeshift-part"):
        assert not is_left_over(name)


def test_a_move_to_a_full_disk_leaves_all_as_it_was(source: Path, monkeypatch) -> None:
    rename = os.replace

    def to_another_disk(old: Path, new: Path) -> None:
        failing(errno.EXDEV)() if Path(old) == source else rename(old, new)

    def half(_: Path, target: Path, **__: object) -> None:
        target.write_bytes(b"a m")
        failing(errno.ENOSPC)()

    target = source.parent / "folder/target.jpg"
    monkeypatch.setattr(os, "replace", to_another_disk)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copy2", half)
        with pytest.raises(OSError, match="No space left"):
            move(source, target)
    assert source.read_bytes() == b"a map"
    assert list(target.parent.iterdir()) == []
    move(source, target)
    assert (target.read_bytes(), source.exists()) == (b"a map", False)


@pytest.mark.parametrize("path", ["/dev/zero", "pipe"])
def test_a_device_or_a_pipe_has_no_content(tmp_path: Path, path: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no file: a pipe"):
        file_digest(tmp_path / path)
