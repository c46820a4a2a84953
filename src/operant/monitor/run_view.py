"""RunView: the state of a run as monitors show it. It reads the run's directory and never writes to it."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operant.monitor.metrics_file import MetricsFileError, MetricsReader, Snapshot
from operant.runs.logger import read_csv
from operant.runs.run_directory import RunDirectory

_EMPTY = Snapshot((), np.empty((0, 0)), 0, 0)
_RECENT = 50  # updates over which the speed is averaged; the time left is estimated from it


class RunView:
    """The state of `run` at the last call of `refresh`.

    Rows come from the metrics file, which holds the last 4095 updates. If it is missing or damaged, they come from the
    CSV file, and `problem` says why.
    """

    def __init__(self, run: RunDirectory):
        self.run = run
        self.rows = _EMPTY
        self.status = run.status
        self.problem = ""
        self._reader: MetricsReader | None = None
        self.refresh()

    def refresh(self) -> None:
        """Reads the present state; after a resume it switches to the run's new file."""
        with contextlib.suppress(ValueError):  # if the directory was just removed, the last state stays
            self.run.refresh()
        self.status = self.run.status
        try:
            if self._reader is not None and self._reader.is_replaced():
                self.close()
            if self._reader is None:
                self._reader = MetricsReader(self.run.metrics_path)
            self.rows = self._reader.read()
            self.problem = ""
        except (OSError, MetricsFileError) as problem:
            self.close()
            self.problem = str(problem)
            self.rows = _from_csv(self.run.csv_path, self.rows)

    def close(self) -> None:
        """Closes the metrics file."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def column(self, name: str) -> NDArray[np.float64]:
        """Returns one metric of all rows [rows]; NaN if it was not recorded."""
        return self.rows.column(name)

    def latest(self, name: str) -> float:
        """Returns a metric's newest value, or NaN if it has none."""
        values = self.column(name)
        values = values[~np.isnan(values)]
        return float(values[-1]) if len(values) else math.nan

    @property
    def total_steps(self) -> int | None:
        """The number of steps after which the run will end; None if it is unknown."""
        total: Any = self.run.record.get("total_steps")
        return None if total is None else int(total)

    def steps_per_second(self) -> float:
        """Returns the average speed of the last updates."""
        steps, seconds = self.column("steps")[-_RECENT:], self.column("seconds")[-_RECENT:]
        if len(steps) < 2 or not seconds[-1] > seconds[0]:
            return self.latest("steps_per_second")
        return float((steps[-1] - steps[0]) / (seconds[-1] - seconds[0]))

    def seconds_left(self) -> float:
        """Estimates the time until total_steps at the present speed; NaN if it is unknown or the run has ended."""
        speed = self.steps_per_second()
        if self.status != "running" or self.total_steps is None or not speed > 0:
            return math.nan
        return max(0.0, self.total_steps - self.latest("steps")) / speed


def _from_csv(path: Path, otherwise: Snapshot) -> Snapshot:
    try:
        columns, rows = read_csv(path)
    except (OSError, ValueError):
        return otherwise
    return Snapshot(tuple(columns), np.array(rows, np.float64).reshape(len(rows), len(columns)), 0, len(rows))
