"""Logger: writes rows of numbers to a CSV file that stays readable after a crash."""

from __future__ import annotations

import csv
import operator
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from operant.files.atomic import OPEN_FILES_ARE_REPLACED, disk_errors, write_atomically
from operant.files.lines import append_line, contents, open_lines, whole_lines
from operant.files.regular import check_regular

Number = Any  # anything that float() accepts: int, float, a NumPy scalar or a tensor of one element


class Logger:
    """Appends rows of numbers to a CSV file.

        with Logger(csv_path="training.csv") as logger:
            logger.log(steps=8192, reward=21.5, length=21.5)

    Each row is passed to the operating system at once and as a whole, so a killed process loses no logged row. An
    existing file is continued, after removing a last line that a crash has torn. A new keyword becomes a column at the
    right end, empty in earlier rows; the file is then rewritten under a temporary name and renamed. A column missing
    from a row stays empty. Several threads may log.

    Raises:
        ValueError: an existing file is not a table of numbers, or shares no column with the first row; or the logger is
            closed.
        OSError: the file cannot be written; the message names it and the remedy. The previous content stays intact.
    """

    def __init__(self, csv_path: str | os.PathLike[str]):
        self.path = os.fspath(csv_path)
        self.columns: list[str] = []
        self._lock = threading.Lock()
        self._continued = False
        with disk_errors("open", self.path):
            self._file: int | None = open_lines(self.path)
        try:
            # A device or a pipe is only written to.
            self._is_regular = stat.S_ISREG(os.fstat(self._file).st_mode)
            if self._is_regular:
                self._continue()
        except BaseException:
            self.close()
            raise

    def log(self, **values: Number) -> None:
        """Appends a row. Keywords are the columns' names, values are real numbers.

        Raises:
            TypeError: a value is not a number.
        """
        self.log_row(values)

    def log_row(self, values: dict[str, Number]) -> None:
        """Appends a row given as a dict; see `log`."""
        if not values:
            raise ValueError("a row needs at least one value, such as log(steps=8192)")
        cells = [repr(value) if type(value) is float else _cell(name, value) for name, value in values.items()]
        with self._lock:
            if self._file is None:
                raise ValueError(f"the logger of {self.path} is closed: open a new one, which continues the file")
            names = list(values)
            if names != self.columns:
                new = [name for name in names if name not in self.columns]
                if new:
                    self._add(new, len(names))
                by_name = dict(zip(names, cells, strict=True))
                cells = [by_name.get(name, "") for name in self.columns]
            self._append(",".join(cells))

    def drop_after(self, column: str, value: float) -> int:
        """Removes the first row whose `column` exceeds `value` and all later rows; returns their number.

        A run that resumes from a checkpoint logs the steps after it again.
        """
        with self._lock:
            if self._file is None or column not in self.columns:
                return 0
            lines = contents(self._file).splitlines(keepends=True)
            place = self.columns.index(column)
            kept = next(
                (k for k, line in enumerate(lines) if k and _number(line.decode().split(",")[place]) > value),
                len(lines),
            )
            os.ftruncate(self._file, sum(map(len, lines[:kept])))
            return len(lines) - kept

    def close(self) -> None:
        """Closes the file; a second call does nothing."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def __enter__(self) -> Logger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _continue(self) -> None:
        """Reads the columns of an existing file, and cuts off an unfinished last line."""
        assert self._file is not None
        lines = whole_lines(self._file)
        if lines:
            self.columns = _header(self.path, lines[0])
            self._continued = True
        elif not contents(self._file).isascii():
            raise ValueError(_foreign(self.path))
        os.ftruncate(self._file, sum(map(len, lines)))

    def _add(self, new: list[str], width: int) -> None:
        """Adds the columns `new`, which are among the `width` names of a row."""
        for name in new:
            if not name or not name.isprintable() or "," in name or '"' in name or name != name.strip():
                raise ValueError(
                    f"{name!r} cannot name a column: leave out commas, quotes, control characters and outer spaces"
                )
        if self._continued and len(new) == width:
            raise ValueError(
                f"{self.path} holds {', '.join(self.columns)} and none of {', '.join(new)}: "
                "choose another file, or remove this one"
            )
        columns = self.columns + new
        if not self.columns:
            self._append(",".join(columns))
        else:
            self._widen(columns, len(new))
        self.columns = columns
        self._continued = False

    def _widen(self, columns: list[str], added: int) -> None:
        assert self._file is not None
        if not self._is_regular:
            raise ValueError(f"{self.path} is not a regular file: log the same columns in each row")
        _, *rows = contents(self._file).splitlines()
        lines = [",".join(columns).encode(), *(row + b"," * added for row in rows)]
        descriptors: list[int] = []

        def write(file: BinaryIO) -> None:
            file.write(b"\n".join([*lines, b""]))
            # Opened before the rename, so that nothing can fail between the two.
            if OPEN_FILES_ARE_REPLACED:
                descriptors.append(open_lines(file.name, create=False))

        try:
            if OPEN_FILES_ARE_REPLACED:
                write_atomically(self.path, write)
            else:
                self._replace_closed(write)
                self.columns = columns
        finally:  # an error after the rename leaves the new file in place
            for descriptor in descriptors:
                if os.path.samestat(os.fstat(descriptor), os.stat(self.path)):
                    self._file, descriptor = descriptor, self._file
                    self.columns = columns
                os.close(descriptor)

    def _replace_closed(self, write: Callable[[BinaryIO], object]) -> None:
        """Replaces the file while it is closed."""
        assert self._file is not None
        os.close(self._file)
        self._file = None
        try:
            write_atomically(self.path, write)
        finally:
            with disk_errors("open", self.path):
                self._file = open_lines(self.path, create=False)

    def _append(self, line: str) -> None:
        assert self._file is not None
        append_line(self._file, self.path, line, is_regular=self._is_regular)


def read_csv(path: str | os.PathLike[str]) -> tuple[list[str], list[list[float]]]:
    """Reads the columns and the complete rows of a Logger's file; an empty cell is NaN."""
    with disk_errors("read", path):
        check_regular(path)
        lines = Path(path).read_bytes().splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        lines.pop()
    if not lines:
        return [], []
    columns = _header(os.fspath(path), lines[0])
    rows = [[_number(cell) for cell in line.decode().rstrip("\n").split(",")] for line in lines[1:]]
    for number, row in enumerate(rows, start=2):
        if len(row) != len(columns):
            raise ValueError(f"{path} is damaged: line {number} has {len(row)} cells for {len(columns)} columns")
    return columns, rows


def _header(path: str, line: bytes) -> list[str]:
    try:
        [columns] = csv.reader([line.decode().rstrip("\r\n")], strict=True)
    except (UnicodeDecodeError, ValueError, csv.Error):
        raise ValueError(_foreign(path)) from None
    if not all(columns) or len(set(columns)) < len(columns) or not all(map(str.isprintable, columns)):
        raise ValueError(_foreign(path))
    return columns


def _foreign(path: str) -> str:
    return f"{path} is not a log of operant (its first line does not name columns): choose another file or remove it"


def _cell(name: str, value: Number) -> str:
    if isinstance(value, str):
        raise TypeError(f"{name}={value!r} is not a number")
    try:
        return str(operator.index(value))
    except TypeError:
        pass
    try:
        return repr(float(value))
    except (TypeError, ValueError):
        raise TypeError(f"{name}={value!r} is not a number") from None


def _number(cell: str) -> float:
    return float(cell) if cell.strip() else float("nan")
