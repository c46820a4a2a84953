"""Whether a process is still there, also after its number has gone to another one."""

from __future__ import annotations

import os
from pathlib import Path


def started(pid: int) -> str | None:
    """A mark of when the process started, in units of its own; None where the system does not tell, or it is gone."""
    fields = _stat(pid)
    return None if fields is None or fields[0] in "ZX" else fields[19]


def is_alive(pid: int, mark: str | None) -> bool:
    """Whether the process `pid` runs, and is the one of which `started` gave `mark` (None: any)."""
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
    """The fields of /proc/PID/stat after the name, which may itself hold spaces: the state is first."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return None
