"""TensorBoard's event file of a run."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

from operant.files.atomic import disk_errors
from operant.monitor.event_file import EventFile

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

    Rows are collected, and written every FLUSH seconds.
    """

    def __init__(self, folder: str | os.PathLike[str], resume_at: float | None = None):
        """Prepares the file; with `resume_at`, TensorBoard hides events of earlier files beyond that step."""
        self._folder = Path(folder)
        self._resume_at = resume_at
        self._rows: list[tuple[float, dict[str, float]]] = []
        self._file: EventFile | None = None
        self._due = time.monotonic() + FLUSH

    def add(self, metrics: dict[str, float]) -> None:
        """Collects a row, and writes the collected rows from time to time."""
        self._rows.append((time.time(), metrics))
        if time.monotonic() >= self._due:
            self.flush()
            self._due = time.monotonic() + FLUSH

    def flush(self) -> None:
        """Writes the collected rows; raises OSError with the folder's name and the remedy."""
        with disk_errors("write TensorBoard's file in", self._folder):
            self._flush()

    def _flush(self) -> None:
        if not self._rows:
            return
        if self._file is None:
            # The number distinguishes the file of a resumed run from one created in the same second.
            earlier = len(list(self._folder.glob("events.out.tfevents.*")))
            self._file = EventFile(self._folder, f".{earlier}")
            if self._resume_at is not None:
                self._file.start(int(self._resume_at) + 1)
        rows, self._rows = self._rows, []
        for when, metrics in rows:
            scalars = {
                TAGS.get(name, f"train/{name}"): value
                for name, value in metrics.items()
                if name != "steps" and not math.isnan(value)
            }
            self._file.add(when, int(metrics.get("steps", 0)), scalars)
        self._file.flush()

    def close(self) -> None:
        """Writes the remaining rows and closes the file, as `flush` does."""
        with disk_errors("write TensorBoard's file in", self._folder):
            try:
                self._flush()
            finally:
                if self._file is not None:
                    file, self._file = self._file, None
                    file.close()
