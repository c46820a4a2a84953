"""The memory-mapped metrics file: one process writes a row per update, and any number of processes read.

All numbers are in the machine's own byte order. The file has HEADER bytes, then `capacity` rows of `width` float64.
The rows form a ring: row k lies at k mod capacity.

    offset  bytes
         0      8  magic
         8      8  version
        16      8  size of the header: the rows begin there
        24      8  capacity: rows in the ring
        32      8  width: columns in a row
        40      8  the writer's process id
        48      8  sequence: odd while a row is being written
        56      8  count: all rows written so far, also those overwritten since
        64      8  columns in use
       128    128  the run's id in UTF-8, padded with zeros
       256   4096  64 column names of 64 bytes in UTF-8, padded with zeros
"""

from __future__ import annotations

import math
import mmap
import os
import struct
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from operant.files.atomic import disk_errors, write_atomically
from operant.files.regular import check_regular
from operant.messages import printable

MAGIC = b"OPERMETR"
VERSION = 1
HEADER = 4352
CAPACITY = 4096
WIDTH = 64
MOST_ROWS = 1 << 24  # in the ring of a file that is read
NAME = 64
_RUN_ID, _NAMES = 128, 256
_VERSION, _SIZE, _CAPACITY, _WIDTH, _PID, _SEQUENCE, _COUNT, _COLUMNS = range(1, 9)
_WORDS = 9
MOST_COUNT = 1 << 53
_TRIES = 200
_PAUSE = 0.0001  # seconds; writing a row takes some microseconds, so 200 tries suffice unless the writer has died


class MetricsFileError(ValueError):
    """Raised for a metrics file that is foreign, torn or of a newer version; the message is one line that names it."""


class MetricsWriter:
    """Creates the file at `path` (under a temporary name, then renamed) and writes rows.

    Raises:
        OSError: the file cannot be created. Its disk space is allocated here, so that no later write can fail.
    """

    def __init__(self, path: str | os.PathLike[str], run_id: str, capacity: int = CAPACITY):
        self.path = Path(path)
        self._capacity = capacity
        words = np.zeros(_NAMES // 8, np.uint64)
        words[: _COUNT + 1] = [0, VERSION, HEADER, capacity, WIDTH, os.getpid(), 0, 0]
        header = bytearray(words.tobytes().ljust(HEADER, b"\0"))
        header[:8] = MAGIC
        header[_RUN_ID:_NAMES] = _padded(run_id, _NAMES - _RUN_ID)
        write_atomically(path, bytes(header) + np.full(capacity * WIDTH, np.nan).tobytes())
        with disk_errors("map", path), open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        view = memoryview(self._map)
        self._words = view[: 8 * _WORDS].cast("Q")
        self._columns: list[str] = []
        self._row = struct.Struct("0d")
        self._sequence = self._count = 0
        self._lock = threading.Lock()
        self._barrier = threading.Lock()

    def write(self, metrics: dict[str, float]) -> None:
        """Appends a row. A column missing from `metrics` is NaN; a new name adds a column.

        Raises:
            ValueError: there would be more than 64 columns, or a name has more than 64 bytes.
            TypeError: a value is not a number.
        """
        with self._lock:
            names, packer, added = self._columns, self._row, {}
            if list(metrics) != names:
                added = self._checked([name for name in metrics if name not in names])
                names = names + list(added)
                packer = struct.Struct(f"{len(names)}d")
            try:
                row = packer.pack(*[metrics.get(name, math.nan) for name in names])
            except struct.error:
                wrong = next(f"{name}={value!r}" for name, value in metrics.items() if not hasattr(value, "__float__"))
                raise TypeError(f"{wrong} is not a number") from None
            # Unused columns keep their initial NaN.
            start = HEADER + 8 * WIDTH * (self._count % self._capacity)
            words = self._words
            words[_SEQUENCE] = self._sequence + 1
            self._fence()
            if added:
                self._name(added)
                self._row = packer
            self._map[start : start + len(row)] = row
            self._count += 1
            self._sequence += 2
            words[_COUNT] = self._count
            self._fence()
            words[_SEQUENCE] = self._sequence

    def close(self) -> None:
        """Unmaps the file and keeps it on disk; a second call does nothing."""
        with self._lock:
            self._words.release()
            self._map.close()

    def _fence(self) -> None:
        """Keeps the stores before and after it in order, also on Arm: a release, then an acquire."""
        for _ in range(2):
            self._barrier.acquire()
            self._barrier.release()

    def _checked(self, new: list[str]) -> dict[str, bytes]:
        if len(self._columns) + len(new) > WIDTH:
            raise ValueError(f"{self.path} holds at most {WIDTH} columns: {new[-1]!r} is one too many, record fewer")
        return {name: _padded(name, NAME) for name in new}

    def _name(self, added: dict[str, bytes]) -> None:
        for name, padded in added.items():
            start = _NAMES + NAME * len(self._columns)
            self._map[start : start + NAME] = padded
            self._columns.append(name)
        self._words[_COLUMNS] = len(self._columns)


@dataclass(frozen=True)
class Snapshot:
    """A consistent copy of the file's rows: `rows` [count - first, columns] holds rows `first` to `count` - 1."""

    columns: tuple[str, ...]
    rows: NDArray[np.float64]
    first: int
    count: int

    def column(self, name: str) -> NDArray[np.float64]:
        """Returns one column [rows], filled with NaN if there is no column of this name."""
        if name not in self.columns:
            return np.full(len(self.rows), np.nan)
        return self.rows[:, self.columns.index(name)]

    def last(self) -> dict[str, float]:
        """Returns the last row's values by name, without NaN."""
        if not len(self.rows):
            return {}
        return {name: float(v) for name, v in zip(self.columns, self.rows[-1], strict=True) if v == v}


class MetricsReader:
    """Reads the file at `path`, and never writes to it.

    Raises:
        MetricsFileError: the file is not a metrics file, or torn, or written by a newer operant.
        OSError: the file does not exist or cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        with disk_errors("read", path):
            check_regular(path)
            self._file = open(path, "rb")  # noqa: SIM115  # `close` closes it
        try:
            self._open()
        except BaseException:
            self._file.close()
            raise

    def _open(self) -> None:
        head = self._file.read(HEADER)
        if head[:8] != MAGIC:
            raise MetricsFileError(
                f"{self.path} is not a metrics file of operant (or has another machine's byte order)"
            )
        if len(head) < 8 * _WORDS:
            raise MetricsFileError(f"{self.path} is torn: {len(head)} bytes are too few for a header")
        words = np.frombuffer(head, np.uint64, _WORDS)
        version = int(words[_VERSION])
        if version != VERSION:
            raise MetricsFileError(
                f"{self.path} has version {version}, but this operant reads {VERSION}: update operant"
            )
        self._capacity, self._width, header = (int(words[k]) for k in (_CAPACITY, _WIDTH, _SIZE))
        self._size = header + 8 * self._capacity * self._width
        if header != HEADER or not 0 < self._width <= WIDTH or not 0 < self._capacity <= MOST_ROWS:
            raise MetricsFileError(f"{self.path} is torn: its header is inconsistent")
        self._check_size()
        self.run_id = _text(head[_RUN_ID:_NAMES])
        self.pid = int(words[_PID])
        self._map = mmap.mmap(self._file.fileno(), self._size, access=mmap.ACCESS_READ)
        self._words = np.frombuffer(self._map, np.uint64, _WORDS)
        self._table = np.frombuffer(self._map, np.float64, self._capacity * self._width, header).reshape(
            self._capacity, self._width
        )

    def read(self) -> Snapshot:
        """Returns the complete rows in the ring, the oldest first.

        If the writer overtakes the reader, only the oldest rows are lost. If the writer died while writing a row, the
        sequence stays odd: after some hundredths of a second that row is omitted.
        """
        for attempt in range(_TRIES):
            self._check_size()  # reading beyond the file's end would be a bus error
            before = int(self._words[_SEQUENCE])
            if before % 2 and attempt < _TRIES - 1:
                time.sleep(_PAUSE)
                continue
            count, used = int(self._words[_COUNT]), int(self._words[_COLUMNS])
            used = min(used, self._width)
            if count > MOST_COUNT:
                raise MetricsFileError(f"{self.path} is torn: it counts {count} rows")
            names = bytes(self._map[_NAMES : _NAMES + NAME * used])
            rows = self._table[:, :used].copy()
            started = (int(self._words[_SEQUENCE]) - before + 1) // 2 + before % 2
            first = max(0, count + started - self._capacity)
            if first < count or not count:
                columns = tuple(_text(names[k : k + NAME]) for k in range(0, len(names), NAME))
                order = np.arange(first, count) % self._capacity
                return Snapshot(columns, rows[order], first, count)
        raise MetricsFileError(f"{self.path} changes faster than it can be read: try again")

    def is_replaced(self) -> bool:
        """Returns True if a resumed run has replaced the file; this one then gets no more rows."""
        try:
            return not os.path.samestat(os.stat(self.path), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            return True

    def close(self) -> None:
        """Unmaps the file; a second call does nothing. `contextlib.closing` calls it."""
        self._words = self._table = None  # type: ignore[assignment]  # they keep the map open
        self._map.close()
        self._file.close()

    def _check_size(self) -> None:
        size = os.fstat(self._file.fileno()).st_size
        if size < self._size:
            raise MetricsFileError(f"{self.path} is torn: it has {size} bytes, its header says {self._size}")


def _padded(text: str, size: int) -> bytes:
    data = text.encode()
    if len(data) > size or "\0" in text or not text:
        raise ValueError(f"{text!r} must have 1 to {size} bytes in UTF-8, none of them zero")
    return data.ljust(size, b"\0")


def _text(data: bytes) -> str:
    return printable(data.rstrip(b"\0").decode(errors="replace"))
