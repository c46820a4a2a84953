"""Results: a file with one line for each trial that has ended, with which a killed study continues."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any

from operant.files.atomic import disk_errors
from operant.files.lines import append_line, open_lines, whole_lines
from operant.files.regular import check_regular


class Results:
    """The results in the file at `path`, one JSON object a line; a new file is created, an existing one continued.

    `rows` has them by key, in the order of the file: dicts of JSON's types. A last line that a crash has torn is
    removed. One process at a time has the file open, where the system has file locks.

    Raises:
        ValueError: the file is not one of results, or another process has it open.
        OSError: the file cannot be opened; the message names it and the remedy.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        self.rows: dict[str, dict[str, Any]] = {}
        with disk_errors("create", self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with disk_errors("open", self.path):
            if self.path.exists():
                check_regular(self.path)
            self._file = open_lines(self.path)
        try:
            self._lock()
            lines = whole_lines(self._file)
            self.rows = _rows(self.path, lines)
            os.ftruncate(self._file, sum(map(len, lines)))
        except BaseException:
            self.close()
            raise

    def add(self, key: str, row: dict[str, Any]) -> None:
        """Appends the result of the trial `key`.

        Raises:
            ValueError: there is one already, or a number is NaN or infinite.
            OSError: the line cannot be written; the file is as it was.
        """
        if key in self.rows:
            raise ValueError(f"{self.path} has a result of {key!r} already")
        append_line(self._file, self.path, json.dumps({"key": key, **row}, allow_nan=False))
        self.rows[key] = row

    def close(self) -> None:
        """Closes the file, so that another process may open it."""
        os.close(self._file)

    def __enter__(self) -> Results:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _lock(self) -> None:
        try:
            import fcntl
        except ImportError:  # Windows
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"{self.path} is in use: wait until the other process has ended") from None
        except OSError:  # a file system without locks
            return


def read_results(path: str | os.PathLike[str]) -> dict[str, dict[str, Any]]:
    """Returns the results in the file at `path` by key, in its order; another process may have it open.

    Raises:
        ValueError: the file is not one of results.
        OSError: the file cannot be read; the message names it and the remedy.
    """
    with disk_errors("read", path):
        check_regular(path)
        file = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        return _rows(Path(path), whole_lines(file))
    finally:
        os.close(file)


def _rows(path: Path, lines: list[bytes]) -> dict[str, dict[str, Any]]:
    rows = {}
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict) or not isinstance(row.get("key"), str):
            raise ValueError(f"{path} is not a file of results: line {number} is no result; choose another folder")
        rows[row.pop("key")] = row
    return rows
