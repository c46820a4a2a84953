"""TensorBoard's event file of a run, written by tensorboardX when there has been time to import it."""

from __future__ import annotations

import math
import os
import sys
import time
from pathlib import Path
from typing import Any

DELAY = 30.0  # seconds; the import takes 0.25 s beside torch, 1% of this
FLUSH = 10.0  # seconds between writes to the file; a row is 0.1 ms of work


class TensorBoard:
    """Collects rows of scalars and writes them to an event file in `folder`, whose step is their `steps`.

    Until DELAY seconds have passed, or `close`, rows are only kept, so that short runs start and end quickly. Without
    tensorboardX one line on stderr says so, and rows are dropped.
    """

    def __init__(self, folder: str | os.PathLike[str], resume_at: float | None = None):
        """`resume_at`: TensorBoard forgets what earlier event files in `folder` hold beyond that step."""
        self._folder = Path(folder)
        self._resume_at = resume_at
        self._rows: list[tuple[float, dict[str, float]]] = []
        self._writer: Any = None
        self._due = time.monotonic() + DELAY
        self._is_missing = False

    def add(self, metrics: dict[str, float]) -> None:
        """Keeps a row, and now and then writes what has been kept."""
        if self._is_missing:
            return
        self._rows.append((time.time(), metrics))
        if time.monotonic() >= self._due:
            self.flush()
            self._due = time.monotonic() + FLUSH

    def flush(self) -> None:
        """Writes the rows that have been kept."""
        if self._is_missing or not self._rows:
            return
        try:
            from tensorboardX.event_file_writer import EventsWriter
            from tensorboardX.proto.event_pb2 import Event, SessionLog
            from tensorboardX.proto.summary_pb2 import Summary
        except ImportError:
            self._is_missing = True
            self._rows.clear()
            print("operant: no TensorBoard file is written: pip install tensorboardX", file=sys.stderr)
            return
        if self._writer is None:
            # The number keeps the file of a resume apart from one of the same second.
            earlier = len(list(self._folder.glob("events.out.tfevents.*")))
            self._writer = EventsWriter(str(self._folder / "events"), f".{earlier}")
            if self._resume_at is not None:
                start = SessionLog(status=SessionLog.START)
                self._writer.write_event(Event(wall_time=time.time(), step=int(self._resume_at) + 1, session_log=start))
        rows, self._rows = self._rows, []
        for when, metrics in rows:
            # One event for all scalars of a row: SummaryWriter.add_scalar, an event for each, takes ten times as long.
            values = [
                Summary.Value(tag=name, simple_value=value)
                for name, value in metrics.items()
                if name != "steps" and not math.isnan(value)
            ]
            step = int(metrics.get("steps", 0))
            self._writer.write_event(Event(wall_time=when, step=step, summary=Summary(value=values)))
        self._writer.flush()

    def close(self) -> None:
        """Writes what is left and closes the file."""
        self.flush()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
