"""Appends lines to a file that stays readable after a crash: each line is there as a whole, or not at all."""

from __future__ import annotations

import errno
import os

from operant.files.atomic import disk_error


def open_lines(path: str | os.PathLike[str], *, create: bool = True) -> int:
    """Opens a file to append lines to it and to read it; a missing one is created. Child processes do not inherit it.

    Raises:
        OSError: the file cannot be opened.
    """
    # Windows would make two bytes of each line's end without O_BINARY, which other systems do not have.
    flags = os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0)
    return os.open(path, flags | os.O_CREAT if create else flags, 0o644)


def contents(file: int) -> bytes:
    """Returns all bytes of an open file; the next line is appended at its end all the same."""
    os.lseek(file, 0, os.SEEK_SET)
    parts = []
    while part := os.read(file, 1 << 20):
        parts.append(part)
    return b"".join(parts)


def whole_lines(file: int) -> list[bytes]:
    """Returns the lines of an open file, with their ends, but for a last line that a crash has torn."""
    lines = contents(file).splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        lines.pop()
    return lines


def append_line(file: int, path: str | os.PathLike[str], line: str, *, is_regular: bool = True) -> None:
    """Appends a line to the file open as `file` with O_APPEND; `path` names it in errors.

    The operating system gets the line at once, so a killed process loses no line that has been appended.

    Raises:
        OSError: the line cannot be written; a regular file is as it was.
    """
    data = line.encode() + b"\n"
    try:
        written = os.write(file, data)
    except OSError as problem:
        raise disk_error("write", path, problem) from None
    if written != len(data):  # the disk became full within the line
        if is_regular:
            os.ftruncate(file, os.fstat(file).st_size - written)
        raise disk_error("write", path, OSError(errno.ENOSPC, "short write"))
