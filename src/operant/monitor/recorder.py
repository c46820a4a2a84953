"""Recorder: takes the metrics of each update to everything that keeps or shows them."""

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
    """Records a run: `record` once per update, `close` at its end.

        with Recorder(run) as recorder:
            for metrics in ppo.iterate(total_steps):
                recorder.record(metrics)

    Metrics go to run.csv_path, to the metrics file (which monitors read), to TensorBoard's event file and, if `wandb`
    is a project's name, to Weights & Biases. Leaving the block closes it with the status finished, interrupted (Ctrl-C)
    or failed.

    Args:
        run: the run's directory.
        tensorboard: whether to write TensorBoard's file.
        wandb: the project at Weights & Biases.
        resume_at: the number of steps after which a run goes on that was recorded here before; rows beyond it are
            dropped, for they will come again.

    Raises:
        ImportError: `wandb` is asked for and not installed.
        OSError: a file cannot be written; the text names it and the remedy.
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
        self._is_closed = False
        self._recorded = math.nan  # when, in seconds, the last update was

    def record(self, metrics: dict[str, float]) -> None:
        """Records the metrics of one update; `steps` is the number of environment steps so far.

        With seconds_rollout and seconds_update it adds seconds_other: what else has passed since the last call.
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

    def close(self, status: str = "finished") -> None:
        """Ends the recording and writes `status` (finished, interrupted or failed) to run.json; once."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self._logger.close()
            self._metrics_file.close()
            self.run.update(status=status)
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


def _wandb_run(project: str, run: RunDirectory) -> Any:
    try:
        import wandb
    except ImportError:
        raise ImportError("recording to Weights & Biases needs wandb: pip install wandb", name="wandb") from None
    return wandb.init(project=project, id=run.id, name=run.id, dir=str(run.path), config=run.config, resume="allow")
