"""Checks that no other user can have written a file, or can write to a folder."""

from __future__ import annotations

import os
from pathlib import Path


def is_own_file(path: Path) -> bool:
    """Returns True for a regular file, not a link, of this user, to which no other may write."""
    try:
        check_private(path)
    except OSError:
        return False
    return path.is_file() and not path.is_symlink()


def check_private(path: Path) -> None:
    """Raises a PermissionError, whose text says why, if another user owns `path` or may write to it.

    Where the system has no owners and modes (Windows), every path passes: folders of a user are private there.
    """
    if not hasattr(os, "geteuid"):
        return
    status = path.stat()
    if status.st_uid != os.geteuid():
        raise PermissionError(f"{path} belongs to another user, number {status.st_uid}")
    if status.st_mode & 0o022:
        raise PermissionError(f"other users may write to {path}: `chmod go-w {path}` forbids it")
