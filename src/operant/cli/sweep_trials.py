"""The trials of a sweep. Each is a run; a sweep resumes from Optuna's journal in its folder."""

from __future__ import annotations

import math
import multiprocessing
import time
from collections import Counter
from pathlib import Path
from typing import Any

import optuna
import torch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from operant.cli.sweep_config import SweepConfig
from operant.cli.training import INTERRUPTED, Training, asked_to_stop
from operant.files.atomic import disk_errors
from operant.runs.run_directory import RunDirectory

STARTUP = 5  # the first trials are random and never ended early: the sampler learns from them
ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


class _Journal(JournalFileBackend):
    """Optuna's file of a study, whose errors name it and the remedy."""

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        with disk_errors("write", self._file_path):
            super().append_logs(logs)


class Study:
    """The trials of `config` in `folder`, including those of earlier processes."""

    def __init__(self, config: SweepConfig, folder: Path):
        self.config, self.folder = config, folder
        with disk_errors("write to", folder):
            folder.mkdir(parents=True, exist_ok=True)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.study = self._open()
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            # Its process was killed: the trial is repeated.
            self.study.tell(trial.number, state=TrialState.FAIL)

    def _open(self, offset: int = 0) -> optuna.Study:
        c = self.config
        storage = JournalStorage(_Journal(str(self.folder / "study.journal")))
        study = optuna.create_study(
            storage=storage,
            study_name=c.name,
            direction=optuna.study.StudyDirection[c.direction.upper()],
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(STARTUP) if c.prune_every else optuna.pruners.NopPruner(),
        )
        # The seed differs between processes and jobs; otherwise they would draw the same values.
        seed = c.seed + offset + len(study.get_trials(deepcopy=False))
        study.sampler = optuna.samplers.TPESampler(n_startup_trials=STARTUP, seed=seed)
        return study

    def run(self, jobs: int) -> int:
        """Runs trials until there are as many as the file says; the exit code is 0, or 130 after Ctrl-C."""
        if jobs == 1:
            return self._sitting()
        context = multiprocessing.get_context("spawn")
        processes = [context.Process(target=_job, args=(self.config, self.folder, k)) for k in range(jobs)]
        with asked_to_stop() as asked:
            for process in processes:
                process.start()
            while any(process.is_alive() for process in processes):
                processes[0].join(0.2)
                time.sleep(0.1)
                if asked.by_signal:  # each process finishes its update first
                    for process in processes:
                        process.terminate()
        codes = [process.exitcode for process in processes]
        if asked.by_signal or INTERRUPTED in codes:
            return INTERRUPTED
        if any(codes):
            raise ValueError("a job of the sweep failed: the completed trials are kept")
        return 0

    def _sitting(self) -> int:
        while len(self.study.get_trials(deepcopy=False, states=(*ENDED, TrialState.RUNNING))) < self.config.trials:
            trial = self.study.ask()
            try:
                value, code = self._train(trial)
            except BaseException:
                self.study.tell(trial, state=TrialState.FAIL)
                raise
            if code:
                self.study.tell(trial, state=TrialState.FAIL)  # it is repeated
                return code
            if value is None:
                self.study.tell(trial, state=TrialState.PRUNED)
            else:
                self.study.tell(trial, value)
        return 0

    def _train(self, trial: optuna.Trial) -> tuple[float | None, int]:
        """Runs a trial; returns its mean return (None if it was ended early) and the exit code."""
        config = self.config.trial(self.config.suggest(trial))
        algorithm = config.make()
        torch.set_num_threads(1)
        run = RunDirectory.create(
            self.folder,
            f"trial-{trial.number}",
            config.as_toml(),
            environment=config.environment,
            algorithm=config.algorithm,
            seed=config.seed,
            total_steps=config.timesteps,
        )
        trial.set_user_attr("run", run.id)
        watch = _Watch(trial, self.config.prune_every)
        training = Training(config, algorithm, run, every=math.inf, keep=1, show=False, ends=watch.ends)
        try:
            code = training.train(tensorboard=False)
        finally:
            algorithm.close()
        value = training.solved if training.solved is not None else watch.last
        print(f"trial {trial.number}: {'ended early at ' if watch.ended else ''}mean return {value:.4g}, run {run.id}")
        if code or watch.ended or not math.isfinite(value):
            return None, code
        return value, 0

    def counts(self) -> Counter[str]:
        """Counts the complete and the pruned trials, by state."""
        return Counter(t.state.name.lower() for t in self.study.get_trials(deepcopy=False, states=ENDED))

    def best(self) -> FrozenTrial | None:
        """Returns the complete trial with the best value, or None."""
        complete = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return self.study.best_trial if complete else None


class _Watch:
    """Reports a trial's mean return to Optuna every `every` steps, and remembers the last one."""

    def __init__(self, trial: optuna.Trial, every: int):
        self.trial, self.every, self.next = trial, every, every
        self.last, self.ended = math.nan, False

    def ends(self, metrics: dict[str, float]) -> bool:
        """Returns True if the trial should end, because it is worse than the median of the others."""
        self.last = metrics["episode_return"]
        if not self.every or metrics["steps"] < self.next or not math.isfinite(self.last):
            return False
        place = int(metrics["steps"]) // self.every
        self.trial.report(self.last, place)
        self.next = (place + 1) * self.every
        self.ended = self.trial.should_prune()
        return self.ended


def _job(config: SweepConfig, folder: Path, number: int) -> None:
    """Runs trials in one of several processes that share a study."""
    study = Study.__new__(Study)
    study.config, study.folder = config, folder
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study.study = study._open(offset=1000 * number)
    raise SystemExit(study._sitting())
