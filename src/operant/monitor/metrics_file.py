"""The memory-mapped metrics file: one process writes a row per update, any number of others read.

All numbers are in the machine's own byte order. The file is HEADER bytes, and then `capacity` rows of `width` float64,
used as a ring: row k lies at k mod capacity.

    offset  bytes
         0      8  magic
         8      8  version
        16      8  size of the header: where the rows begin
        24      8  capacity: rows in the ring
        32      8  width: columns in a row
        40      8  the writer's process id
        48      8  sequence: odd while the writer is at it
        56      8  count: rows that have been written, ever
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

MAGIC = b"OPERMETR"
VERSION = 1
HEADER = 4352
CAPACITY = 4096
WIDTH = 64
NAME = 64
_RUN_ID, _NAMES = 128, 256
_VERSION, _SIZE, _CAPACITY, _WIDTH, _PID, _SEQUENCE, _COUNT, _COLUMNS = range(1, 9)
_WORDS = 9
_TRIES = 200
_PAUSE = 0.0001  # seconds; a row takes the writer some microseconds, so 200 tries outlast it unless it has died


class MetricsFileError(ValueError):
    """The file is foreign, torn or of a newer version; the text is one line that names it."""


class MetricsWriter:
    """Makes the file at `path` (under a temporary name, then renamed) and writes rows.

    Raises:
        OSError: the file cannot be made: its room is taken on the disk here, so that no later store can fail.
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
        """Appends a row; a column that it lacks is NaN in it, a name that is new makes a column.

        Raises:
            ValueError: a 65th column; a name of more than 64 bytes.
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
                raise TypeError(f"{wrong} is no number") from None
            # Columns that are not in use hold the NaN that they were made with.
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
        """Unmaps the file, which stays; a second time does nothing."""
        with self._lock:
            self._words.release()
            self._map.close()

    def _fence(self) -> None:
        """Keeps the stores on either side in their order, also on Arm: a release, and then an acquire."""
        for _ in range(2):
            self._barrier.acquire()
            self._barrier.release()

    def _checked(self, new: list[str]) -> dict[str, bytes]:
        if len(self._columns) + len(new) > WIDTH:
            raise ValueError(f"{self.path} holds {WIDTH} columns at most: {new[-1]!r} is one too many, record fewer")
        return {name: _padded(name, NAME) for name in new}

    def _name(self, added: dict[str, bytes]) -> None:
        for name, padded in added.items():
            start = _NAMES + NAME * len(self._columns)
            self._map[start : start + NAME] = padded
            self._columns.append(name)
        self._words[_COLUMNS] = len(self._columns)


@dataclass(frozen=True)
class Snapshot:
    """Consistent rows of the file: `rows` [count - first, columns] are those numbered from `first` on."""

    columns: tuple[str, ...]
    rows: NDArray[np.float64]
    first: int
    count: int

    def column(self, name: str) -> NDArray[np.float64]:
        """One column [rows]; of a name that is not there, NaN."""
        if name not in self.columns:
            return np.full(len(self.rows), np.nan)
        return self.rows[:, self.columns.index(name)]

    def last(self) -> dict[str, float]:
        """The last row by name, without NaN."""
        if not len(self.rows):
            return {}
        return {name: float(v) for name, v in zip(self.columns, self.rows[-1], strict=True) if v == v}


class MetricsReader:
    """Reads the file at `path`, and never writes.

    Raises:
        MetricsFileError: the file is no metrics file, torn, or of a newer operant.
        OSError: there is none.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        with disk_errors("read", path):
            self._file = open(path, "rb")  # noqa: SIM115  # `close` closes it
        try:
            self._open()
        except BaseException:
            self._file.close()
            raise

    def _open(self) -> None:
        head = self._file.read(HEADER)
        if head[:8] != MAGIC:
            raise MetricsFileError(f"{self.path} is no metrics file of operant (or of another machine's make)")
        if len(head) < 8 * _WORDS:
            raise MetricsFileError(f"{self.path} is torn: {len(head)} bytes are no header")
        words = np.frombuffer(head, np.uint64, _WORDS)
        version = int(words[_VERSION])
        if version != VERSION:
            raise MetricsFileError(f"{self.path} has version {version}, this operant reads {VERSION}: update operant")
        self._capacity, self._width, header = (int(words[k]) for k in (_CAPACITY, _WIDTH, _SIZE))
        self._size = header + 8 * self._capacity * self._width
        if header != HEADER or not 0 < self._width <= WIDTH or self._capacity == 0:
            raise MetricsFileError(f"{self.path} is torn: its header contradicts itself")
        self._check_size()
        self.run_id = _text(head[_RUN_ID:_NAMES])
        self.pid = int(words[_PID])
        self._map = mmap.mmap(self._file.fileno(), self._size, access=mmap.ACCESS_READ)
        self._words = np.frombuffer(self._map, np.uint64, _WORDS)
        self._table = np.frombuffer(self._map, np.float64, self._capacity * self._width, header).reshape(
            self._capacity, self._width
        )

    def read(self) -> Snapshot:
        """The rows in the ring, the oldest first: all that were complete when it was called.

        A writer that overtakes costs the oldest rows only. One that died in the middle of a row leaves the sequence
        odd for ever: after some hundredths of a second, that row is left out.
        """
        for attempt in range(_TRIES):
            self._check_size()  # a load beyond a file's end would be a bus error
            before = int(self._words[_SEQUENCE])
            if before % 2 and attempt < _TRIES - 1:
                time.sleep(_PAUSE)
                continue
            count, used = int(self._words[_COUNT]), int(self._words[_COLUMNS])
            used = min(used, self._width)
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
        """Whether another file has taken the name: a run that resumed made it, and this one gets no more rows."""
        try:
            return not os.path.samestat(os.stat(self.path), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            return True

    def close(self) -> None:
        """Unmaps the file; a second time does nothing. `contextlib.closing` calls it."""
        self._words = self._table = None  # type: ignore[assignment]  # they keep the map open
        self._map.close()
        self._file.close()

    def _check_size(self) -> None:
        size = os.fstat(self._file.fileno()).st_size
        if size < self._size:
            raise MetricsFileError(f"{self.path} is torn: {size} bytes, its header says {self._size}")


def _padded(text: str, size: int) -> bytes:
    data = text.encode()
    if len(data) > size or "\0" in text or not text:
        raise ValueError(f"{text!r} must have 1 to {size} bytes and no zeros")
    return data.ljust(size, b"\0")


def _text(data: bytes) -> str:
    return data.rstrip(b"\0").decode(errors="replace")
