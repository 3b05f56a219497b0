"""Writing files so that a killed process leaves no half file, and telling files apart."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

JUNK = {".DS_Store", "Thumbs.db", "desktop.ini"}
"""What file managers leave in folders."""

# Why a path is refused.
NO_FILE = "no file: a pipe, a socket or a device"
NO_UTF_8 = "the path is not UTF-8, so that no table can hold it"
# As `replacing` names it: {name} and the process.
_TEMPORARY = re.compile(r"\..+\.\d+\.gazeshift-part", re.DOTALL)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it takes the name `path` if the block succeeds."""
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.gazeshift-part")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        told = as_os_error(error, path)
        if told is None or told is error:
            raise
        raise told from error


def as_os_error(error: BaseException, path: Path | None = None) -> OSError | None:
    """Return what the operating system said, with the file's name; None where it did not.

    safetensors tells it in the text of its errors, PyTorch fails once more as it closes the file.

    Args:
        error: any.
        path: what was written, where the error does not name it.
    """
    if isinstance(error, RuntimeError) and isinstance(error.__context__, OSError):
        error = error.__context__
    if isinstance(error, OSError):
        number = error.errno
        if error.filename is not None or number is None:
            return error
    # By its name: to import safetensors takes longer than most commands.
    elif type(error).__name__ == "SafetensorError" and (
        told := re.search(r"\(os error (\d+)\)", str(error))
    ):
        number = int(told[1])
    else:
        return None
    return OSError(number, os.strerror(number), path and str(path))


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with Unix line ends, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def refuse_no_file(path: Path) -> None:
    """Refuse what is no file and leads to none, without opening it.

    Raises:
        OSError: as to open a file would, where it is missing or a folder; of a pipe or a device,
            which nobody must wait for, with ENXIO.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.ENXIO, NO_FILE, str(path))


def refuse_other_kinds(path: Path) -> None:
    """Refuse, as `refuse_no_file`, what stands where a file is to be written."""
    if os.path.lexists(path):
        refuse_no_file(path)


def open_file(path: Path) -> BufferedReader:
    """Open a file to read its bytes.

    Raises:
        OSError: it is no file (see `refuse_no_file`), or may not be read.
    """
    refuse_no_file(path)
    return path.open("rb")


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """Return the text of a file, as `open_file` opens it."""
    with open_file(path) as file:
        return file.read().decode(encoding)


def digest(*parts: bytes | str) -> str:
    """Return a short hash of the parts; the borders between them count."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        state.update(len(content).to_bytes(8, "little"))
        state.update(content)
    return state.hexdigest()


def file_digest(path: Path) -> str:
    """Return the hash of a file's content."""
    with open_file(path) as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def md5(path: Path) -> str:
    """Return the hash that DVC knows a file's content by."""
    with open_file(path) as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def tree_digest(folder: Path, paths: Iterable[Path]) -> str:
    """Return the hash of files below a folder: their names, relative to it, and their contents."""
    ordered = sorted(paths)
    names = [path.relative_to(folder).as_posix() for path in ordered]
    return digest(*names, *map(file_digest, ordered))


def link_or_copy(source: Path, target: Path) -> None:
    """Make `target` a hard link to `source`, or a copy where there can be none.

    File systems without links, another disk, and the limit of links to one file are such cases.
    """
    make_folder(target.parent)
    try:
        os.link(source, target)
    except FileExistsError:
        target.unlink()
        link_or_copy(source, target)
    except OSError:
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)


def move(source: Path, target: Path) -> None:
    """Move a file, or a link as such, to its place: whole or not at all, also to another disk."""
    make_folder(target.parent)
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with replacing(target) as temporary:
            shutil.copy2(source, temporary, follow_symlinks=False)
        source.unlink()


def is_left_over(name: str) -> bool:
    """Tell by a file's name whether a file manager, or a process that was killed, left it."""
    return name in JUNK or _TEMPORARY.fullmatch(name) is not None


def entries_below(folder: Path, enters: Callable[[str], bool]) -> Iterator[os.DirEntry[str]]:
    """Yield what lies below a folder at any depth, but for folders; links are not followed.

    Args:
        folder: where to look.
        enters: tells by its name whether a folder is looked into.

    Raises:
        OSError: a folder cannot be listed.
    """
    waiting: list[str] = [str(folder)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    yield entry
                elif enters(entry.name):
                    waiting.append(entry.path)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it; one question to the file system where it is there."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)


def printable(path: str) -> str:
    """Return a path with its bytes that are no UTF-8 as escapes: one that is all UTF-8 as it is."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def is_special(path: Path | str) -> bool:
    """Tell whether it is there and no file or folder: a pipe, a socket or a device; links count.

    To open a pipe is to wait for whoever writes to it.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def leaves(path: Path, folder: Path) -> bool:
    """Tell whether `path`, its links followed, lies outside `folder`."""
    # Unlike Path.resolve(), this takes a link to itself for what it is: a place inside.
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
