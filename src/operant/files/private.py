"""Checks that no other user can change a file or a folder."""

from __future__ import annotations

import os
from pathlib import Path


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
