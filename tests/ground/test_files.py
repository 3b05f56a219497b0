"""Files come whole or not at all, as links where there can be any."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from pipeline.ground.files import is_left_over, link_or_copy, replacing


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
    for name in ("a.b.csv", ".annotations-v2.part", ".a.part", ".7.part", "a.csv.7.part"):
        assert not is_left_over(name)
