"""Checks that a process is alive, even if its number has been reused by another process."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any


def started(pid: int) -> str | None:
    """Returns a mark of the process's start time, in the system's units.

    None means that the process has ended, or that the system does not tell.
    """
    if hasattr(ctypes, "windll"):
        return _windows_started(pid)
    fields = _stat(pid)
    return None if fields is None or fields[0] in "ZX" else fields[19]


def is_alive(pid: int, mark: str | None) -> bool:
    """Returns True if the process `pid` runs and has the start mark `mark` of `started` (None: any)."""
    if hasattr(ctypes, "windll") or Path("/proc/self/stat").exists():
        found = started(pid)
        return found is not None and mark in (None, found)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _windows_started(pid: int) -> str | None:
    """Returns the time of creation of a process that runs, in units of 100 ns since 1601."""
    kernel: Any = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore]
    kernel.OpenProcess.restype = ctypes.c_void_p
    query, synchronize, runs = 0x1000, 0x100000, 0x102
    handle = ctypes.c_void_p(kernel.OpenProcess(query | synchronize, False, pid))
    if not handle:
        return None
    times = [ctypes.c_uint64() for _ in range(4)]  # created, ended, in the kernel, in the program
    try:
        alive = kernel.WaitForSingleObject(handle, 0) == runs
        told = kernel.GetProcessTimes(handle, *map(ctypes.byref, times))
        return str(times[0].value) if alive and told else None
    finally:
        kernel.CloseHandle(handle)


def _stat(pid: int) -> list[str] | None:
    """Returns the fields of /proc/PID/stat after the name, which may hold spaces; the state comes first."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return None
