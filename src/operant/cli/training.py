"""Trains a run to its end: records it, evaluates it, saves checkpoints, and stops on request."""

from __future__ import annotations

import contextlib
import math
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any, Protocol

from operant.cli.run_config import RunConfig
from operant.messages import printable
from operant.models.algorithms.algorithm import Algorithm
from operant.models.algorithms.progress import ProgressBar
from operant.models.evaluation import Policy, evaluate, exact, reference_id
from operant.models.machine.data_parallel import agreed, anywhere, rank
from operant.monitor.recorder import Recorder
from operant.runs.checkpoint import CheckpointFolder
from operant.runs.run_directory import RunDirectory

EPISODES = 100  # episodes in an evaluation
NEAR = 0.2  # evaluate after an update if the mean training return is at most this fraction below stop_at
ANYWAY = 32  # otherwise evaluate once in this many updates: the greedy policy may be far better than the exploring one
INTERRUPTED = 130  # the exit code by which shells report SIGINT


class Training:
    """The training of a run in one process.

    Args:
        run: the run's directory; None saves nothing.
        every: seconds between checkpoints. One is always saved after the first update, and one at the end.
        keep: checkpoints to keep besides the best.
        show: draw a progress bar.
        ends: called with the metrics after each update; True ends the run.
    """

    def __init__(
        self,
        config: RunConfig,
        algorithm: Algorithm,
        run: RunDirectory | None,
        *,
        every: float,
        keep: int,
        show: bool,
        ends: Callable[[dict[str, float]], bool] = lambda metrics: False,
    ):
        self.ends = ends
        self.config, self.algorithm, self.run, self.every, self.show = config, algorithm, run, every, show
        self.checkpoints = CheckpointFolder(run.checkpoints, keep=keep) if run else None
        self.solved: float | None = None

    def train(self, *, resume: bool = False, judge_first: bool = False, **recording: Any) -> int:
        """Trains until the timesteps are done, `stop_at` is reached, or a signal asks the process to stop.

        With `judge_first` there may be nothing to do: the run was killed after the update that reached `stop_at`.

        Returns:
            The exit code: 0, or 130 if it was interrupted.
        """
        if judge_first:
            algorithm = self.algorithm
            last = {"episode_return": algorithm.recent_return, "updates": algorithm.updates, "steps": algorithm.steps}
            self.solved = evaluation(self.config, algorithm, last)
        if self.run is None:
            return self._loop(None)
        if resume:
            recording["resume_at"] = self.algorithm.steps
        try:
            with Recorder(self.run, **recording) as recorder:
                code = self._loop(recorder)
                recorder.close("interrupted" if code else "finished", **self._result())
            return code
        except BaseException:
            self._give_up(self.run, began=resume or bool(self.checkpoints and self.checkpoints.steps()))
            raise

    def _result(self) -> dict[str, Any]:
        """Returns the entries of run.json with which a repetition of the run is compared."""
        algorithm = self.algorithm
        return {"updates": algorithm.updates, "weights": algorithm.weights_hash()}

    def _give_up(self, run: RunDirectory, began: bool) -> None:
        """Removes a run without a checkpoint, unless it has the output of a process in the background: the reason."""
        if not began and not run.output_path.exists():
            run.remove()
        elif run.in_progress:  # the recorder did not open
            with contextlib.suppress(OSError):  # the disk may be full: the first error says so
                run.update(status="failed")

    def _loop(self, recorder: Recorder | None) -> int:
        algorithm = self.algorithm
        saved: float | None = None  # time of the last checkpoint
        interrupted = False
        bar = ProgressBar(self.config.timesteps, algorithm.steps) if self.show else None
        with asked_to_stop() as asked, bar or contextlib.nullcontext():
            for metrics in algorithm.iterate(self.config.timesteps) if self.solved is None else ():
                if recorder is not None:
                    recorder.record(metrics)
                if bar is not None:
                    bar.update(metrics)
                self.solved = evaluation(self.config, self.algorithm, metrics)
                interrupted = anywhere(asked.by_signal)
                if interrupted or self.solved is not None or self.ends(metrics):
                    break
                if saved is None:  # so that a run killed early can be resumed; the mean of few episodes is no score
                    self._save(math.nan)
                    saved = time.monotonic()
                elif agreed(time.monotonic() - saved >= self.every):
                    self._save(metrics["episode_return"])
                    saved = time.monotonic()
            score = self.solved if self.solved is not None else algorithm.recent_return
            self._save(score)
        done = self.solved is not None or algorithm.steps >= self.config.timesteps
        return INTERRUPTED if interrupted and not done else 0

    def _save(self, score: float) -> None:
        """Gathers every process's part of the state; the process that saves the run writes it."""
        if anywhere(self.checkpoints is not None):
            state = self.algorithm.state_dict()
            if self.checkpoints is not None:
                self.checkpoints.save(state, self.algorithm.steps, score)


class Goal(Protocol):
    """The part of a run's configuration that says when it has reached its goal."""

    @property
    def environment(self) -> str: ...

    @property
    def environment_options(self) -> dict[str, Any]: ...

    @property
    def timesteps(self) -> int: ...

    @property
    def stop_at(self) -> float | None: ...


def evaluation(config: Goal, policy: Policy, metrics: Mapping[str, float]) -> float | None:
    """Returns the mean return of greedy episodes if it has reached `stop_at`, else None.

    Not every update is evaluated; see NEAR and ANYWAY. The exact build of operant's environments is played: those are
    Gymnasium's episodes, where Gymnasium has the environment.
    """
    goal = config.stop_at
    if goal is None:
        return None
    near = metrics["episode_return"] >= goal - NEAR * abs(goal)
    due = metrics["updates"] % ANYWAY == 0 or metrics["steps"] >= config.timesteps
    if not agreed(near or due):
        return None
    options = exact(config.environment, config.environment_options)
    mean = float(evaluate(policy, config.environment, EPISODES, seed=1, env_options=options).mean())
    return mean if agreed(mean >= goal) else None


class Asked:
    """A flag that is set when a signal asks the process to stop."""

    by_signal = False


@contextlib.contextmanager
def asked_to_stop() -> Iterator[Asked]:
    """Turns the first Ctrl-C or SIGTERM into a request, so that an update is finished; a second Ctrl-C interrupts."""
    asked = Asked()

    def ask(number: int, frame: FrameType | None) -> None:
        asked.by_signal = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def report(training: Training, code: int) -> None:
    """Prints the result of the run on stdout; `code` is what `train` returned."""
    algorithm, run = training.algorithm, training.run
    if rank():
        return
    mean = algorithm.recent_return
    words = f"{algorithm.steps:,} steps in {algorithm.seconds:.2f} s, "
    words += "no episode has ended" if math.isnan(mean) else f"return {mean:.1f}"
    if training.solved is not None:
        config = training.config
        reference = None if config.environment_options else reference_id(config.environment)
        judge = reference or config.environment
        words += f"; solved: mean {training.solved:.1f} over {EPISODES} greedy episodes of {judge}"
    print(printable(words))
    if run is not None:
        print(f"run {run.id} is in {printable(str(run.path))}")
        if code:
            print(f"interrupted: `operant resume {run.id}` continues it")
    sys.stdout.flush()
