"""Writes files atomically, and turns disk errors into messages with a remedy."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

_REMEDIES = {
    errno.ENOSPC: "the disk is full: free some space or choose another folder",
    errno.EDQUOT: "the disk quota is used up: free some space or choose another folder",
    errno.EFBIG: "the file would exceed the size limit (ulimit -f): raise it",
    errno.EROFS: "the file system is read-only: choose another folder",
    errno.EACCES: "permission denied: choose another folder or change its permissions",
    errno.EISDIR: "it is a directory: name a file",
    errno.ENOTDIR: "a part of the path is a file: choose another folder",
    errno.EEXIST: "a file has that name: choose another folder",
    errno.ENOENT: "the folder does not exist: create it first",
}


def disk_error(action: str, path: str | os.PathLike[str], problem: OSError) -> OSError:
    """An OSError with the same errno, whose text is one line with the path and the remedy."""
    number = problem.errno or 0
    remedy = _REMEDIES.get(number, problem.strerror or str(problem))
    if number == errno.ENOENT and Path(path).parent.is_dir():
        remedy = "it does not exist"
    clearer = OSError(f"cannot {action} {os.fspath(path)}: {remedy}")
    clearer.errno = number
    return clearer


@contextlib.contextmanager
def disk_errors(action: str, path: str | os.PathLike[str]) -> Iterator[None]:
    """Replaces an OSError raised in its block by a `disk_error`."""
    try:
        yield
    except OSError as problem:
        raise disk_error(action, path, problem) from None


def write_atomically(path: str | os.PathLike[str], write: bytes | Callable[[BinaryIO], object]) -> None:
    """Replaces the file at `path` atomically: at any time, even after a crash, the file is the old one or the new one.

    `write` is the contents, or a function that writes them to the file it is given: a temporary one in the same folder,
    which is then flushed to the disk and renamed.
    """
    target = Path(path)
    temporary = target.parent / f".{target.name}.{os.getpid()}.tmp"  # `with_name` refuses ".", which is a folder
    with disk_errors("write", target):
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a directory")
        if target.exists() and not target.is_file():  # a device, for example, would be replaced by a file
            raise OSError(errno.EINVAL, "it is not a regular file: choose another name")
        try:
            with open(temporary, "wb") as file:
                if isinstance(write, bytes):
                    file.write(write)
                else:
                    write(file)
                file.flush()
                os.fsync(file.fileno())
            replace(temporary, target)
            _flush_folder(target.parent)
        finally:
            temporary.unlink(missing_ok=True)


OPEN_FILES_ARE_REPLACED = os.name != "nt"
"""True where a file can be replaced while a process has it open; Windows refuses that."""


def replace(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Renames a file to `target`, which it replaces. On Windows it waits a second for a reader to close `target`."""
    for _ in range(0 if OPEN_FILES_ARE_REPLACED else 100):
        try:
            os.replace(source, target)
            return
        except PermissionError:
            time.sleep(0.01)
    os.replace(source, target)


def _flush_folder(folder: Path) -> None:
    """Flushes a folder to the disk: only then does a rename in it survive a power loss. Windows cannot open folders."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
