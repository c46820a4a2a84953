"""Recorder: writes the metrics of each update to every file and service that keeps or shows them."""

from __future__ import annotations

import math
import time
from types import TracebackType
from typing import Any

from operant.monitor.metrics_file import CAPACITY, MetricsWriter
from operant.monitor.tensorboard import TensorBoard
from operant.runs.logger import Logger, read_csv
from operant.runs.run_directory import RunDirectory


class Recorder:
    """Records a run, which is then running: call `record` once per update, and `close` at the end.

        with Recorder(run) as recorder:
            for metrics in ppo.iterate(total_steps):
                recorder.record(metrics)

    Metrics go to run.csv_path, to the metrics file (which monitors read), to TensorBoard's event file and, if `wandb`
    names a project, to Weights & Biases. Leaving the block closes the recorder with the status finished, interrupted
    (Ctrl-C) or failed.

    Args:
        run: the run's directory.
        tensorboard: write TensorBoard's file.
        wandb: the project at Weights & Biases; None does not record there.
        resume_at: the number of steps at which an earlier run continues. Recorded rows beyond it are dropped, because
            those steps are repeated.

    Raises:
        ImportError: `wandb` is given but not installed.
        OSError: a file cannot be written; the message names it and the remedy.
    """

    def __init__(
        self,
        run: RunDirectory,
        *,
        tensorboard: bool = True,
        wandb: str | None = None,
        resume_at: float | None = None,
    ):
        self.run = run
        self._wandb = None if wandb is None else _wandb_run(wandb, run)
        self._logger = Logger(run.csv_path)
        if resume_at is not None:
            self._logger.drop_after("steps", resume_at)
        self._metrics_file = MetricsWriter(run.metrics_path, run.id)
        if resume_at is not None:
            columns, rows = read_csv(run.csv_path)
            for row in rows[-CAPACITY:]:
                self._metrics_file.write(dict(zip(columns, row, strict=True)))
        self._tensorboard = TensorBoard(run.path, resume_at) if tensorboard else None
        run.update(status="running")
        self._is_closed = False
        self._recorded = math.nan  # time of the last update, in seconds

    def record(self, metrics: dict[str, float]) -> None:
        """Records the metrics of one update; `steps` is the number of environment steps so far.

        If the metrics have seconds_rollout and seconds_update, this adds seconds_other: the rest of the time since the
        last call.
        """
        now = time.perf_counter()
        if "seconds_rollout" in metrics and "seconds_update" in metrics:
            other = now - self._recorded - metrics["seconds_rollout"] - metrics["seconds_update"]
            metrics = {**metrics, "seconds_other": max(other, 0.0) if other == other else other}
        self._recorded = now
        self._metrics_file.write(metrics)
        self._logger.log_row(metrics)
        if self._tensorboard is not None:
            self._tensorboard.add(metrics)
        if self._wandb is not None:
            finite = {name: value for name, value in metrics.items() if not math.isnan(value)}
            self._wandb.log(finite, step=int(metrics["steps"]))

    def close(self, status: str = "finished", **result: Any) -> None:
        """Ends the recording and writes `status` (finished, interrupted or failed) and the run's result to run.json.

        A second call does nothing.
        """
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self._logger.close()
            self._metrics_file.close()
            self.run.update(status=status, **result)
        finally:
            if self._tensorboard is not None:
                self._tensorboard.close()
            if self._wandb is not None:
                self._wandb.finish(exit_code=0 if status == "finished" else 1)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close("finished")
        else:
            self.close("interrupted" if issubclass(kind, KeyboardInterrupt) else "failed")


def require_wandb() -> Any:
    """Imports and returns wandb; raises ImportError with the remedy if it is not installed."""
    try:
        import wandb
    except ImportError:
        raise ImportError("recording to Weights & Biases needs wandb: pip install wandb", name="wandb") from None
    return wandb


def _wandb_run(project: str, run: RunDirectory) -> Any:
    wandb = require_wandb()
    return wandb.init(project=project, id=run.id, name=run.id, dir=str(run.path), config=run.config, resume="allow")
