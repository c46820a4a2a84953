"""The trials of a study: each is a line in the file of results, from which the study resumes."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import sys
import time
from typing import Any

from operant.cli.run_config import RunConfig
from operant.cli.study_config import StudyConfig, Trial
from operant.cli.study_sb3 import SB3Config, learn, policy_of, weights_hash
from operant.cli.time_left import Progress
from operant.cli.training import EPISODES, Training, asked_to_stop
from operant.cli.trials import Ends, run_trials
from operant.messages import printable
from operant.models.evaluation import Policy, evaluate, exact, random_return
from operant.runs.results import Results
from operant.runs.run_directory import versions
from operant.studies.study import PLAN, Run, Study, read_outcomes, read_plan, with_outcomes, write_plan

POINTS = 400  # most points of a curve
TOLD = 0.5  # seconds between reports of a trial that is running


class StudyTrials:
    """The trials of a study that have no result yet; see `cli.trials.Trials`. The plan is in the results' folder.

    Raises:
        ValueError: the study's file no longer fits its results; the message says what may be changed.
    """

    def __init__(self, config: StudyConfig, results: Results):
        self.config, self.results = config, results
        read_outcomes(results.path, results.rows)  # raises if they are not of a study
        _check_unchanged(config.trials, results)
        made = {_place(row) for row in results.rows.values()}
        self._missing = [trial for trial in config.trials if trial.place not in made]
        _check_fit(self._missing)
        self._missing.reverse()
        self._running: dict[str, Trial] = {}
        self.plan = self._write_plan()

    def run(self, jobs: int) -> int:
        """Makes the trials, `jobs` at a time; the exit code is 0, or 130 after Ctrl-C."""
        jobs = max(1, min(jobs, len(self._missing)))
        kinds = {trial.key: (trial.run, trial.contender) for trial in self._missing}
        with Progress(kinds, len(self.config.trials) - len(kinds), jobs) as self.progress:
            return run_trials(self, train, jobs)

    def next(self) -> tuple[str, Trial] | None:
        """Takes the next trial that has no result."""
        if not self._missing:
            return None
        trial = self._missing.pop()
        self._running[trial.key] = trial
        self.progress.begin(trial.key)
        return trial.key, trial

    def ends(self, key: str, steps: int, mean_return: float) -> bool:
        """Shows how far a trial is, and returns False: none ends early."""
        self.progress.show(key, steps / self._running[key].config.timesteps)
        return False

    def finish(self, key: str, result: dict[str, Any]) -> None:
        """Records the result of a trial, and shows it."""
        trial = self._running.pop(key)
        about = {"run": trial.run, "contender": trial.contender, "seed": trial.config.seed}
        self.results.add(key, {**about, **result})
        words = f"{result['steps']:,} steps, {result['seconds']:.3g} s, return {result['score']:.4g}"
        self.progress.end(key, f"{trial.run} {trial.contender} seed {trial.config.seed}: {words}")

    def study(self) -> Study:
        """Returns the study with the outcomes so far."""
        return with_outcomes(self.plan, read_outcomes(self.results.path, self.results.rows))

    def _write_plan(self) -> Study:
        """Writes study.json, after measuring the returns of random play that it needs and does not have yet."""
        folder, config = self.results.path.parent, self.config
        before = read_plan(folder).runs if (folder / PLAN).exists() else {}
        several = len([run for run in config.runs if run.reference is not None]) > 1
        options = {trial.run: trial.config.environment_options for trial in config.trials}
        runs = {}
        for run in config.runs:
            if several and run.random is None and run.reference is not None:
                known = before[run.name].random if run.name in before else None
                random = _random(run, options[run.name]) if known is None else known
                run = dataclasses.replace(run, random=random)
            runs[run.name] = run
        plan = Study(config.name, folder, config.measure, config.contenders, runs, {})
        write_plan(plan)
        return plan


def _random(run: Run, options: dict[str, Any]) -> float:
    print(f"{printable(run.name)}: measuring the return of random play", file=sys.stderr)
    assert run.environment is not None
    return random_return(run.environment, EPISODES, seed=2_000_000, env_options=options)


def _check_fit(trials: list[Trial]) -> None:
    """Raises a ValueError if a contender cannot be trained on a run: before any trial begins."""
    for trial in {(trial.run, trial.contender): trial for trial in trials}.values():
        try:
            if isinstance(trial.config, SB3Config):
                trial.config.make().env.close()
            else:
                trial.config.make_small().close()
        except ImportError:
            raise
        except Exception as problem:
            reason = " ".join(str(problem).split())
            raise ValueError(f"{trial.contender} does not fit {trial.run}: {reason}") from None


def _check_unchanged(trials: tuple[Trial, ...], results: Results) -> None:
    """Raises a ValueError if a trial that has a result is now another."""
    planned: dict[Any, Trial] = {trial.place: trial for trial in trials}
    for key, row in results.rows.items():
        trial = planned.get(_place(row))
        if trial is None or trial.key == key:
            continue
        before, now = _with_new_options(row.get("config"), trial.config), json.loads(json.dumps(trial.config.as_toml()))
        if before != now:
            change = _change(before, now)
            raise ValueError(
                f"{trial.contender} on {trial.run} is not as it was when {results.path} began{change}: seeds, "
                "contenders and runs may be added or removed, but to change one, give it or the study another name"
            )


def _place(row: dict[str, Any]) -> tuple[Any, Any, Any]:
    return row.get("run"), row.get("contender"), row.get("seed")


def _with_new_options(before: Any, config: RunConfig | SB3Config) -> Any:
    """Returns what a trial's result says of it, with the defaults of options that its release did not have."""
    if not isinstance(config, RunConfig) or not isinstance(before, dict) or not isinstance(before.get("options"), dict):
        return before
    defaults = dataclasses.replace(config, options=type(config.options)()).as_toml()["options"]
    return {**before, "options": {**defaults, **before["options"]}}


def _change(before: Any, now: dict[str, Any]) -> str:
    """Says which key of a trial has changed, if the results tell."""
    if not isinstance(before, dict):
        return ""
    for key in sorted({*before, *now}):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict) and old != new:
            return _change(old, new).replace(" (", f" ({key}.", 1)
        if old != new:
            return f" ({key} was {old!r}, and is {new!r})"
    return ""


@dataclasses.dataclass(frozen=True)
class Trained:
    """The end of a training that was not interrupted; `facts` are of its record."""

    policy: Policy
    solved: bool
    steps: int
    mean_return: float
    facts: dict[str, Any]


def train(trial: Trial, ends: Ends) -> dict[str, Any] | None:
    """Trains like the command line, but saves no run; returns the fields of an `Outcome`, or None if interrupted."""
    config = trial.config
    with contextlib.ExitStack() as stack:
        if isinstance(config, SB3Config):
            trained, watch = _train_sb3(config, ends, stack)
        else:
            trained, watch = _train(config, ends, stack)
        if trained is None:
            return None
        watch.add(trained.steps, trained.mean_return)
        seconds = watch.seconds()
        options = exact(config.environment, config.environment_options)
        returns = evaluate(trained.policy, config.environment, EPISODES, seed=1_000_000, env_options=options)
        return {
            "solved": trained.solved,
            "score": float(returns.mean()),
            "steps": trained.steps,
            "seconds": seconds,
            **trained.facts,
            "ended": time.time(),
            "curve": watch.curve(),
            "config": config.as_toml(),
        }


def _train(config: RunConfig, ends: Ends, stack: contextlib.ExitStack) -> tuple[Trained | None, Watch]:
    config.make_small().close()  # imports what the trial needs: that time is not the trial's
    watch = Watch(ends)
    made = config.make()
    stack.callback(made.close)
    training = Training(config, made, None, every=math.inf, keep=1, show=False, ends=watch.ends)
    if training.train():
        return None, watch
    facts = {
        "updates": made.updates,
        "weights": made.weights_hash(),
        "backend": made.backend,
        "arithmetic": made.arithmetic,
        "versions": versions(),
    }
    return Trained(made, training.solved is not None, made.steps, made.recent_return, facts), watch


def _train_sb3(config: SB3Config, ends: Ends, stack: contextlib.ExitStack) -> tuple[Trained | None, Watch]:
    config.make().env.close()
    import stable_baselines3
    import torch

    stack.callback(torch.set_num_threads, torch.get_num_threads())
    torch.set_num_threads(1)
    watch = Watch(ends)
    model = config.make()
    stack.callback(model.env.close)
    with asked_to_stop() as asked:
        steps, mean_return, solved = learn(config, model, watch.ends, asked)
    if asked.by_signal and solved is None and model.num_timesteps < config.timesteps:
        return None, watch
    facts = {
        "weights": weights_hash(model),
        "backend": "sb3",
        "versions": {**versions(), "stable_baselines3": stable_baselines3.__version__},
    }
    return Trained(policy_of(model), solved is not None, steps, mean_return, facts), watch


class Watch:
    """Keeps the curve of a trial, at most POINTS points of it, and tells from time to time how far it is."""

    def __init__(self, ends: Ends):
        self._ends, self._told, self._begun = ends, time.monotonic(), time.process_time()
        self._points: list[tuple[int, int, float, float]] = []  # of updates, steps, seconds and returns
        self._stride, self._updates = 1, 0

    def seconds(self) -> float:
        """Returns the processor time since the trial began, to 10 microseconds."""
        return round(time.process_time() - self._begun, 5)

    def ends(self, metrics: dict[str, float]) -> bool:
        """Takes the metrics of an update; returns True if the trial should end."""
        steps, mean_return = int(metrics["steps"]), metrics["episode_return"]
        self._updates += 1
        if self._updates % self._stride == 0:
            self.add(steps, mean_return)
            if len(self._points) == POINTS:  # every second one stays
                self._stride *= 2
                self._points = [point for point in self._points if point[0] % self._stride == 0]
        if time.monotonic() - self._told < TOLD:
            return False
        self._told = time.monotonic()
        return self._ends(steps, mean_return)

    def add(self, steps: int, mean_return: float) -> None:
        """Adds a point, unless no episode has ended or the mean return is infinite."""
        if math.isfinite(mean_return) and not (self._points and self._points[-1][1] == steps):
            self._points.append((self._updates, steps, self.seconds(), mean_return))

    def curve(self) -> dict[str, list[float]]:
        """Returns the columns of the curve."""
        _, steps, seconds, returns = zip(*self._points, strict=True) if self._points else ((), (), (), ())
        return {"steps": list(steps), "seconds": list(seconds), "returns": [round(each, 6) for each in returns]}
