"""The trials of a sweep. Each is a run, and a line in the file of results, from which the sweep resumes."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from operant.cli.run_config import RunConfig
from operant.cli.sweep_config import SweepConfig
from operant.cli.training import Training
from operant.cli.trials import Ends, one_thread, run_trials
from operant.runs.results import Results
from operant.runs.run_directory import RunDirectory

STARTUP = 5  # the first trials are random and never ended early: the sampler learns from them
SEEDS = 1 << 32  # that Optuna takes
COMPLETE, PRUNED = "complete", "pruned"


@dataclasses.dataclass(frozen=True)
class Task:
    """A trial as a process gets it: a run in `folder`, whose id begins with `key`; 0 compares it with no other."""

    key: str
    config: RunConfig
    folder: Path
    prune_every: int


class SweepTrials:
    """The trials of `config`, including those of earlier processes, whose results `results` has.

    Optuna's study is in memory, and made anew from the results. The runs are in the folder of the results.

    Raises:
        ValueError: the results are of other parameters than those of `config`.
    """

    def __init__(self, config: SweepConfig, results: Results):
        self.config, self.results = config, results
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.study = optuna.create_study(
            direction=optuna.study.StudyDirection[config.direction.upper()],
            pruner=optuna.pruners.MedianPruner(STARTUP) if config.prune_every else optuna.pruners.NopPruner(),
            # The seed differs between processes; otherwise each would draw the same values.
            sampler=optuna.samplers.TPESampler(
                n_startup_trials=STARTUP, seed=(config.seed + len(self.results.rows)) % SEEDS
            ),
        )
        self._distributions = {name: _distribution(range_) for name, range_ in config.parameters.items()}
        self._running: dict[str, optuna.Trial] = {}
        self._reports: dict[str, list[tuple[int, float]]] = {}  # of the running trials: places and mean returns
        for key, row in self.results.rows.items():
            self.study.add_trial(self._read(key, row))
        self._begun = max((int(key.removeprefix("trial-")) + 1 for key in self.results.rows), default=0)

    def run(self, jobs: int) -> int:
        """Runs trials until there are as many as the file says; the exit code is 0, or 130 after Ctrl-C."""
        return run_trials(self, train, jobs)

    def next(self) -> tuple[str, Task] | None:
        """Asks Optuna for the options of one more trial, if there are to be more."""
        if len(self.results.rows) + len(self._running) >= self.config.trials:
            return None
        trial = self.study.ask(self._distributions)
        key = f"trial-{self._begun}"
        self._begun += 1
        self._running[key], self._reports[key] = trial, []
        return key, Task(
            key, one_thread(self.config.trial(trial.params)), self.results.path.parent, self.config.prune_every
        )

    def ends(self, key: str, steps: int, mean_return: float) -> bool:
        """Returns True if the trial is worse than the median of the others after as many steps."""
        place = steps // self.config.prune_every
        self._reports[key].append((place, mean_return))
        self._running[key].report(mean_return, place)
        return self._running[key].should_prune()

    def finish(self, key: str, result: dict[str, Any]) -> None:
        """Records the result of `train`, and prints it."""
        trial, value = self._running.pop(key), result["value"]
        state = COMPLETE if value is not None and not result["ended_early"] else PRUNED
        row = {"run": result["run"], "state": state, "value": value, "options": trial.params}
        self.results.add(key, {**row, "reports": self._reports.pop(key)})
        self.study.tell(trial, value if state == COMPLETE else None, state=_STATES[state])
        words = "ended early at mean return" if result["ended_early"] else "mean return"
        print(f"{key.replace('-', ' ')}: {words} {math.nan if value is None else value:.4g}, run {result['run']}")

    def counts(self) -> Counter[str]:
        """Counts the trials by state, complete or pruned."""
        return Counter(row["state"] for row in self.results.rows.values())

    def best(self) -> tuple[str, dict[str, Any]] | None:
        """Returns the key and the result of the complete trial with the best value, or None."""
        sign = 1 if self.config.direction == "maximize" else -1
        complete = [item for item in self.results.rows.items() if item[1]["state"] == COMPLETE]
        return max(complete, key=lambda item: sign * float(item[1]["value"]), default=None)

    def _read(self, key: str, row: dict[str, Any]) -> FrozenTrial:
        try:
            return optuna.trial.create_trial(
                state=_STATES[row["state"]],
                value=row["value"] if row["state"] == COMPLETE else None,
                params=row["options"],
                distributions=self._distributions,
                intermediate_values=dict(row["reports"]),
            )
        except (LookupError, TypeError, ValueError):
            raise ValueError(
                f"{key} in {self.results.path} has options that the sweep's file does not allow: name another sweep"
            ) from None


_STATES = {COMPLETE: TrialState.COMPLETE, PRUNED: TrialState.PRUNED}


def _distribution(range_: dict[str, Any]) -> BaseDistribution:
    if "choices" in range_:
        return CategoricalDistribution(range_["choices"])
    return IntDistribution(**range_) if isinstance(range_["low"], int) else FloatDistribution(**range_)


def train(task: Task, ends: Ends) -> dict[str, Any] | None:
    """Trains a trial's run. Returns its id, its mean return (None if it is not finite) and whether `ends` ended it."""
    config = task.config
    algorithm = config.make()
    run = RunDirectory.create(
        task.folder,
        task.key,
        config.as_toml(),
        environment=config.environment,
        algorithm=config.algorithm,
        backend=algorithm.backend,
        arithmetic=algorithm.arithmetic,
        seed=config.seed,
        total_steps=config.timesteps,
    )
    watch = _Watch(task.prune_every, ends)
    training = Training(config, algorithm, run, every=math.inf, keep=1, show=False, ends=watch.ends)
    try:
        if training.train(tensorboard=False):
            return None
    finally:
        algorithm.close()
    value = training.solved if training.solved is not None else watch.last
    return {"run": run.id, "value": value if math.isfinite(value) else None, "ended_early": watch.ended}


class _Watch:
    """Asks `ends` every `every` steps whether the trial should end, and remembers the last mean return."""

    def __init__(self, every: int, ends: Ends):
        self.every, self.next, self._ends = every, every, ends
        self.last, self.ended = math.nan, False

    def ends(self, metrics: dict[str, float]) -> bool:
        """Takes the metrics of an update; returns True if the trial should end."""
        self.last, steps = metrics["episode_return"], int(metrics["steps"])
        if not self.every or steps < self.next or not math.isfinite(self.last):
            return False
        self.next = (steps // self.every + 1) * self.every
        self.ended = self._ends(steps, self.last)
        return self.ended
