"""A study: contenders on runs, many seeds each; its folder, which holds its plan and its results."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from operant.files.atomic import disk_errors, write_atomically
from operant.files.regular import check_regular
from operant.runs.results import read_results

FORMAT = 1
PLAN, RESULTS, TABLE = "study.json", "results.jsonl", "results.csv"
MEASURES = ("steps", "return")


class StudyError(ValueError):
    """Raised for a folder that holds no study, or a damaged one; the message is one line that says what to change."""


@dataclass(frozen=True)
class Run:
    """An environment on which all contenders are trained.

    Attributes:
        name: its name in tables.
        environment: its full id; None if the folder does not say.
        goal: the mean return of 100 greedy episodes that ends a trial; None: a trial makes all of its timesteps.
        threshold: a mean training return, to which steps and seconds are counted instead of to the goal.
        random, reference: the returns that are scores of 0 and 1.
        seeds: the seeds that every contender is to have.
    """

    name: str
    environment: str | None
    goal: float | None
    threshold: float | None
    random: float | None
    reference: float | None
    seeds: tuple[int, ...]

    def normalized(self, returns: np.ndarray) -> np.ndarray:
        """Returns scores: `random` becomes 0, `reference` 1.

        Raises:
            ValueError: one of them is not known, or they are equal.
        """
        if self.random is None or self.reference is None:
            word = "random" if self.random is None else "reference"
            raise ValueError(f"the run {self.name!r} has no {word} return: add {word} = to it")
        if self.random == self.reference:
            raise ValueError(f"the run {self.name!r} has random and reference returns that are both {self.random:g}")
        return (returns - self.random) / (self.reference - self.random)


@dataclass(frozen=True)
class Curve:
    """The mean training return of a trial after some of its updates, all arrays `[K]`; seconds are processor time."""

    steps: np.ndarray
    seconds: np.ndarray
    returns: np.ndarray


@dataclass(frozen=True)
class Outcome:
    """The result of a trial: one contender's training of one run with one seed.

    Attributes:
        solved: the run's goal was reached.
        score: the mean return of 100 greedy episodes after the training.
        steps, seconds: how long it trained; seconds are processor time.
        curve: the mean training return; empty if the folder does not have it.
        versions: of operant and the other packages that trained it.
    """

    run: str
    contender: str
    seed: int
    solved: bool
    score: float
    steps: int
    seconds: float
    curve: Curve
    versions: Mapping[str, str]

    def until(self, threshold: float | None) -> tuple[float, float, bool]:
        """Returns the steps and the seconds until the goal (or a mean training return of `threshold`) was reached.

        The last value is False if it was not; the others are then those of the whole trial.
        """
        if threshold is None:
            return float(self.steps), self.seconds, self.solved
        reached = np.flatnonzero(self.curve.returns >= threshold)
        if not len(reached):
            return float(self.steps), self.seconds, False
        return float(self.curve.steps[reached[0]]), float(self.curve.seconds[reached[0]]), True


@dataclass(frozen=True)
class Study:
    """A study's plan and the outcomes so far; `outcomes` has those of a run and a contender, sorted by seed.

    Attributes:
        folder: where they are kept.
        measure: "steps" or "return", by which contenders are compared.
    """

    name: str
    folder: Path
    measure: str
    contenders: tuple[str, ...]
    runs: Mapping[str, Run]
    outcomes: Mapping[tuple[str, str], tuple[Outcome, ...]]

    def of(self, run: str, contender: str) -> tuple[Outcome, ...]:
        """Returns the outcomes of a contender on a run, sorted by seed."""
        return self.outcomes.get((run, contender), ())

    def has_goal(self, run: str) -> bool:
        """Returns True if a run has a goal or a threshold, or has no plan and one of its trials reached a goal."""
        plan = self.runs[run]
        known = plan.goal is not None or plan.threshold is not None
        return known or any(each.solved for contender in self.contenders for each in self.of(run, contender))

    def missing(self) -> int:
        """Counts the trials of the plan that have no outcome."""
        return sum(
            len(set(run.seeds) - {each.seed for each in self.of(run.name, contender)})
            for run in self.runs.values()
            for contender in self.contenders
        )


def plan_as_json(study: Study) -> dict[str, Any]:
    """Returns the content of study.json."""
    return {
        "format": FORMAT,
        "name": study.name,
        "measure": study.measure,
        "contenders": list(study.contenders),
        "runs": [
            {
                "name": run.name,
                "environment": run.environment,
                "goal": run.goal,
                "threshold": run.threshold,
                "random": run.random,
                "reference": run.reference,
                "seeds": list(run.seeds),
            }
            for run in study.runs.values()
        ],
    }


def write_plan(study: Study) -> None:
    """Writes study.json into the study's folder, which exists."""
    write_atomically(study.folder / PLAN, (json.dumps(plan_as_json(study), indent=2) + "\n").encode())


def read(folder: str | Path) -> Study:
    """Reads a study from its folder, also while it is running.

    A folder that has results but no study.json is read as its results tell.

    Raises:
        StudyError: the folder holds no study, or a damaged one.
        OSError: a file cannot be read; the message names it.
    """
    folder = Path(folder)
    if not (folder / PLAN).exists() and not (folder / RESULTS).exists():
        raise StudyError(f"{folder} is not the folder of a study: it has neither {PLAN} nor {RESULTS}")
    rows = read_results(folder / RESULTS) if (folder / RESULTS).exists() else {}
    outcomes = read_outcomes(folder / RESULTS, rows)
    if not (folder / PLAN).exists():
        return with_outcomes(_plan_of(folder, outcomes), outcomes)
    return with_outcomes(read_plan(folder), outcomes)


def read_plan(folder: Path) -> Study:
    """Reads study.json; the study has no outcomes yet."""
    path = folder / PLAN
    with disk_errors("read", path):
        check_regular(path)
        text = path.read_bytes()
    try:
        plan = json.loads(text)
        if int(plan["format"]) > FORMAT:
            raise StudyError(f"{path} was written by a newer operant (format {plan['format']}): update operant")
        runs = [_read_run(run) for run in plan["runs"]]
        study = Study(
            name=_text(plan["name"]),
            folder=folder,
            measure=_one_of(plan["measure"], MEASURES),
            contenders=tuple(_text(each) for each in plan["contenders"]),
            runs={run.name: run for run in runs},
            outcomes={},
        )
    except StudyError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as problem:
        raise StudyError(f"{path} is not the plan of a study ({problem!s:.60}): choose another folder") from None
    return study


def with_outcomes(plan: Study, outcomes: list[Outcome]) -> Study:
    """Returns the study with those outcomes that are of its plan."""
    found: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in sorted(outcomes, key=lambda each: each.seed):
        run = plan.runs.get(outcome.run)
        if run is not None and outcome.contender in plan.contenders and outcome.seed in run.seeds:
            found.setdefault((outcome.run, outcome.contender), []).append(outcome)
    pairs = [(run, contender) for run in plan.runs for contender in plan.contenders if (run, contender) in found]
    kept = {pair: tuple(found[pair]) for pair in pairs}
    return Study(plan.name, plan.folder, plan.measure, plan.contenders, plan.runs, kept)


def read_outcomes(path: Path, rows: Mapping[str, Mapping[str, Any]]) -> list[Outcome]:
    """Returns the outcomes in the rows of the file of results at `path`.

    Raises:
        StudyError: a row is no outcome.
    """
    outcomes = []
    for key, row in rows.items():
        try:
            outcomes.append(_read_outcome(row))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as problem:
            raise StudyError(f"{path}: {key!r:.80} is no result of a study ({problem!s:.60})") from None
    return outcomes


def _plan_of(folder: Path, outcomes: list[Outcome]) -> Study:
    """Makes the plan of a folder without study.json: names in the order in which they appear, and their seeds."""
    contenders = tuple(dict.fromkeys(each.contender for each in outcomes))
    names = dict.fromkeys(each.run for each in outcomes)
    seeds = {name: tuple(sorted({each.seed for each in outcomes if each.run == name})) for name in names}
    runs = {name: Run(name, None, None, None, None, None, seeds[name]) for name in names}
    return Study(folder.name.removeprefix("study-"), folder, "steps", contenders, runs, {})


def _read_run(run: Mapping[str, Any]) -> Run:
    environment = run["environment"]
    numbers = {name: run[name] for name in ("goal", "threshold", "random", "reference")}
    return Run(
        name=_text(run["name"]),
        environment=None if environment is None else _text(environment),
        **{name: None if number is None else _number(number) for name, number in numbers.items()},
        seeds=tuple(_whole(seed) for seed in run["seeds"]),
    )


def _read_outcome(row: Mapping[str, Any]) -> Outcome:
    curve = row.get("curve", {})
    steps, seconds, returns = (
        np.array([_number(number) for number in curve.get(name, ())]) for name in ("steps", "seconds", "returns")
    )
    if not len(steps) == len(seconds) == len(returns):
        raise ValueError("its curve has columns of different lengths")
    if type(row["solved"]) is not bool:
        raise TypeError(f"solved is {row['solved']!r}")
    return Outcome(
        run=_text(row["run"]),
        contender=_text(row["contender"]),
        seed=_whole(row["seed"]),
        solved=row["solved"],
        score=_number(row["score"]),
        steps=_whole(row["steps"]),
        seconds=_number(row["seconds"]),
        curve=Curve(steps, seconds, returns),
        versions={_text(name): _text(version) for name, version in row.get("versions", {}).items() if version},
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _one_of(value: Any, known: tuple[str, ...]) -> str:
    if value not in known:
        raise ValueError(f"{value!r} is none of {', '.join(known)}")
    return str(value)


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError(f"{value!r} is no number of at least 0")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{value!r} is no number")
    return float(value)
