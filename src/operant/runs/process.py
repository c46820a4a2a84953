"""Checks that a process is alive, even if its number has been reused by another process."""

from __future__ import annotations

import os
from pathlib import Path


def started(pid: int) -> str | None:
    """Returns a mark of the process's start time, in the system's units.

    None means that the process has ended, or that the system does not tell.
    """
    fields = _stat(pid)
    return None if fields is None or fields[0] in "ZX" else fields[19]


def is_alive(pid: int, mark: str | None) -> bool:
    """Returns True if the process `pid` runs and has the start mark `mark` of `started` (None: any)."""
    if Path("/proc/self/stat").exists():
        found = started(pid)
        return found is not None and mark in (None, found)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _stat(pid: int) -> list[str] | None:
    """Returns the fields of /proc/PID/stat after the name, which may hold spaces; the state comes first."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return None
