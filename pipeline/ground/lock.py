"""One run of a stage at a time in a workspace."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pipeline.ground.errors import BusyError, StorageError
from pipeline.ground.files import make_folder, refuse_other_kinds
from pipeline.ground.workspace import Workspace

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


@contextmanager
def stage_lock(workspace: Workspace, stage: str) -> Iterator[None]:
    """Keep a stage of this workspace for this process.

    The operating system holds the lock and lets go of it when the process ends, however it ends;
    the file that stays only says who it was. Processes that this one forks do not hold it. Within
    one process it excludes nobody: a second `lockf` succeeds, and whichever ends first unlocks.

    Raises:
        BusyError: another process is at work with the stage.
        StorageError: the file system has no locks.
    """
    path = workspace.state / "locks" / f"{stage}.lock"
    make_folder(path.parent)
    refuse_other_kinds(path)
    with path.open("a+b", buffering=0) as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                raise StorageError(
                    f"{path}: this file system has no locks ({error.strerror}). Put "
                    f"{workspace.state.name} on a local disk (a link to a folder there will do), "
                    "then run the same command again. Nothing has been changed."
                ) from error
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            file.seek(0)
            holder = file.read().decode(errors="replace")
            raise BusyError(
                f"{stage}: {holder if holder.isprintable() and holder else 'another process'} is "
                f"at work with this stage in {workspace.root}. Wait until it has ended, or stop "
                "it, then run the same command again. Nothing has been changed."
            ) from error
        # A full disk is said where the work is written.
        with suppress(OSError):
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}".encode())
        yield
