"""TensorBoard's event file of a run, written by tensorboardX, which is imported late."""

from __future__ import annotations

import math
import os
import sys
import time
from pathlib import Path
from typing import Any

from operant.files.atomic import disk_errors

DELAY = 30.0  # seconds; the import takes 0.25 s in addition to torch's, 1% of this
FLUSH = 10.0  # seconds between writes to the file; a row takes 0.1 ms

TAGS = {
    "episode_return": "rollout/ep_rew_mean",
    "episode_length": "rollout/ep_len_mean",
    "episodes": "time/episodes",
    "updates": "time/iterations",
    "seconds": "time/time_elapsed",
    "steps_per_second": "time/fps",
    "seconds_rollout": "time/seconds_rollout",
    "seconds_update": "time/seconds_update",
    "seconds_other": "time/seconds_other",
    "approximate_kl": "train/approx_kl",
}
"""The tags of metrics, which are Stable-Baselines3's where it has them. Any other metric is train/ and its name."""


class TensorBoard:
    """Collects rows of scalars and writes them to an event file in `folder`, under TAGS; `steps` is the events' step.

    Rows are only collected for the first DELAY seconds or until `close`, so that short runs start and end quickly. If
    tensorboardX is missing, one line on stderr says so, and rows are dropped.
    """

    def __init__(self, folder: str | os.PathLike[str], resume_at: float | None = None):
        """Prepares the file; with `resume_at`, TensorBoard hides events of earlier files beyond that step."""
        self._folder = Path(folder)
        self._resume_at = resume_at
        self._rows: list[tuple[float, dict[str, float]]] = []
        self._writer: Any = None
        self._due = time.monotonic() + DELAY
        self._is_missing = False

    def add(self, metrics: dict[str, float]) -> None:
        """Collects a row, and writes the collected rows from time to time."""
        if self._is_missing:
            return
        self._rows.append((time.time(), metrics))
        if time.monotonic() >= self._due:
            self.flush()
            self._due = time.monotonic() + FLUSH

    def flush(self) -> None:
        """Writes the collected rows; raises OSError with the folder's name and the remedy."""
        with disk_errors("write TensorBoard's file in", self._folder):
            self._flush()

    def _flush(self) -> None:
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
            # The number distinguishes the file of a resumed run from one created in the same second.
            earlier = len(list(self._folder.glob("events.out.tfevents.*")))
            self._writer = EventsWriter(str(self._folder / "events"), f".{earlier}")
            if self._resume_at is not None:
                start = SessionLog(status=SessionLog.START)
                self._writer.write_event(Event(wall_time=time.time(), step=int(self._resume_at) + 1, session_log=start))
        rows, self._rows = self._rows, []
        for when, metrics in rows:
            # One event holds all scalars of a row. SummaryWriter.add_scalar, with an event for each, takes ten times as
            # long.
            values = [
                Summary.Value(tag=TAGS.get(name, f"train/{name}"), simple_value=value)
                for name, value in metrics.items()
                if name != "steps" and not math.isnan(value)
            ]
            step = int(metrics.get("steps", 0))
            self._writer.write_event(Event(wall_time=when, step=step, summary=Summary(value=values)))
        self._writer.flush()

    def close(self) -> None:
        """Writes the remaining rows and closes the file, as `flush` does."""
        with disk_errors("write TensorBoard's file in", self._folder):
            try:
                self._flush()
            finally:
                if self._writer is not None:
                    self._writer.close()
                    self._writer = None
