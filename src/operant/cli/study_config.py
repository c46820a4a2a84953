"""The file of a study: contenders, runs and seeds, and the trials that they make."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operant.cli.names import ALGORITHMS, folder_name, short_name
from operant.cli.run_config import FIELDS, RunConfig, merge, whole
from operant.cli.study_sb3 import SB3, SB3Config
from operant.cli.trials import one_thread
from operant.files.toml import read_toml
from operant.messages import as_float, unknown
from operant.studies.study import MEASURES, Run

TABLES = ("study", "contenders", "runs")
STUDY = ("name", "environments", "seeds", "first_seed", "measure")
RETURNS = ("threshold", "random", "reference")
MOST_SEEDS = 10_000
RUN = ("name", "seeds", *RETURNS)


@dataclass(frozen=True)
class Trial:
    """One contender's training of one of the runs, with one seed."""

    run: str
    contender: str
    config: RunConfig | SB3Config

    @property
    def place(self) -> tuple[str, str, int]:
        """Run, contender and seed, of which a study has one trial."""
        return self.run, self.contender, self.config.seed

    @property
    def key(self) -> str:
        """Names the trial in the file of results, with a digest of what is trained."""
        digest = hashlib.sha256(json.dumps(self.config.as_toml(), sort_keys=True).encode()).hexdigest()
        return f"{self.run} {self.contender} {self.config.seed} {digest[:12]}"


@dataclass(frozen=True)
class StudyConfig:
    """A study as its file says; runs, contenders and trials are in the order of the file."""

    name: str
    measure: str
    contenders: tuple[str, ...]
    runs: tuple[Run, ...]
    trials: tuple[Trial, ...]


def read_study(path: Path, *, trust: bool = False) -> StudyConfig:
    """Reads a study:

        [study]
        environments = ["acrobot", "pendulum"]  # short for [[runs]] that name an environment alone
        seeds = 20                              # of each run, from first_seed (default: 0) on
        measure = "steps"                       # or "return": by which contenders are compared

        [contenders.small]                      # keys that override those of every run
        options = { hidden = [32] }
        [contenders.large]
        options = { hidden = [256] }
        [contenders.large.on.lander]            # keys that hold on one run
        options = { learning_rate = 1e-3 }

        [[runs]]                                # keys as in a file for operant train --config
        environment = "cartpole"
        [[runs]]
        environment = "LunarLander-v3"
        name = "lander"                         # in the table (default: the environment's short name)
        seeds = 5
        timesteps = 1_000_000
        stop_at = 200                           # the goal; without one, a trial makes all of its timesteps
        threshold = 150                         # a mean training return, to which steps are counted instead
        random = -180                           # returns that are scores of 0 (default: measured)
        reference = 200                         # and of 1 (default: the goal)

    The measure is "steps" by default if every run has a goal or a threshold, and "return" otherwise. With `trust`, the
    code of the environments is trusted from now on.

    Raises:
        Untrusted: the file names a header or a module that this user has not trusted.
        ValueError: the file is invalid; the message says what to change.
    """
    file = read_toml(path)
    _known("table", file, TABLES)
    study, contenders, runs = file.get("study", {}), file.get("contenders", {}), file.get("runs", [])
    _known("key of [study]", study, STUDY)
    environments = study.get("environments", [])
    if not isinstance(environments, list) or not isinstance(runs, list):
        raise ValueError(f"{path}: environments must be a list of names, and each of the runs a table: [[runs]]")
    runs = [*({"environment": name} for name in environments), *runs]
    if not isinstance(contenders, Mapping) or not contenders or not runs:
        raise ValueError(f"{path} needs [contenders.NAME] and environments or [[runs]]: what to compare, and on what")
    name = _name(path, study)
    for contender, changes in contenders.items():
        _known(f"key of [contenders.{contender}]", changes, ({*FIELDS} - {"environment", "seed"}) | {"on"})
    seeds, first = _seeds(study.get("seeds", 5)), whole("first_seed", study.get("first_seed", 0), 0)
    plans: dict[str, Run] = {}
    trials: list[Trial] = []
    for run in runs:
        _known("key of [[runs]]", run, {*FIELDS, *RUN} - {"seed"})
        title = str(run.get("name", short_name(str(run.get("environment", "")))))
        if title in plans:
            raise ValueError(f"{path} has two runs {title!r}: give one another name = ")
        own = {key: value for key, value in run.items() if key in FIELDS}
        several = range(first, first + _seeds(run.get("seeds", seeds)))
        made = [
            each
            for contender, changes in contenders.items()
            for each in _trials(title, contender, own, _on(title, changes), several, trust)
        ]
        plans[title] = _plan(run, title, made, tuple(several))
        trials += made
    for contender, changes in contenders.items():
        _known(f"run of [contenders.{contender}.on]", changes.get("on", {}), plans)
    goals = all(plan.goal is not None or plan.threshold is not None for plan in plans.values())
    measure = study.get("measure", "steps" if goals else "return")
    if measure not in MEASURES:
        raise ValueError(unknown("measure", measure, MEASURES))
    if measure == "steps" and not goals:
        raise ValueError('measure = "steps" needs a goal of every run: add stop_at = or threshold = to those without')
    return StudyConfig(name, measure, tuple(contenders), tuple(plans.values()), tuple(trials))


def study_name(path: Path) -> str:
    """Returns the name of the study in a file, of which nothing else is read.

    Raises:
        ValueError: the file is not TOML, or the name is invalid.
    """
    study = read_toml(path).get("study", {})
    return _name(path, study if isinstance(study, Mapping) else {})


def _name(path: Path, study: Mapping[str, Any]) -> str:
    return folder_name("name=", str(study.get("name", path.stem)))


def _seeds(value: Any) -> int:
    seeds = whole("seeds", value, 1)
    if seeds > MOST_SEEDS:
        raise ValueError(f"seeds={seeds} must be at most {MOST_SEEDS}")
    return seeds


def _trials(
    run: str, contender: str, own: Mapping[str, Any], changes: Mapping[str, Any], seeds: range, trust: bool
) -> list[Trial]:
    """Makes the trials of a contender with the keys `changes` on a run with the keys `own`."""
    algorithm = str(changes.get("algorithm", own.get("algorithm", "ppo")))
    options: Mapping[str, Any] = {}
    if algorithm in SB3:  # the options of the run are those of operant's algorithms
        options = changes.get("options", {})
        own, changes = ({k: v for k, v in each.items() if k not in ("algorithm", "options")} for each in (own, changes))
    elif algorithm not in ALGORITHMS:
        raise ValueError(unknown("algorithm", algorithm, (*ALGORITHMS, *SB3)))
    keys = _overlaid(own, changes)
    environment = merge(keys, {}, trust=trust).environment
    trials = []
    for seed in seeds:
        config: RunConfig | SB3Config = merge({**keys, "seed": seed}, {"environment": environment})
        assert isinstance(config, RunConfig)
        config = SB3Config.of(config, algorithm, options) if algorithm in SB3 else one_thread(config)
        trials.append(Trial(run, contender, config))
    return trials


def _plan(run: Mapping[str, Any], name: str, trials: list[Trial], seeds: tuple[int, ...]) -> Run:
    """Makes the run of the study; its goal must be that of all contenders.

    Raises:
        ValueError: they have different goals, or a return is no number.
    """
    config = trials[0].config
    goals = {trial.config.stop_at for trial in trials}
    if len(goals) > 1:
        raise ValueError(f"contenders have different goals on the run {name!r}: give stop_at = to the run alone")
    numbers = {key: _return(name, key, run[key]) if key in run else None for key in RETURNS}
    if numbers["reference"] is None:
        numbers["reference"] = config.stop_at
    return Run(name, config.environment, config.stop_at, **numbers, seeds=seeds)


def _return(run: str, key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise ValueError(f"{key}={value!r} of the run {run!r} must be a number")
    return as_float(key, value)


def _on(run: str, contender: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the keys of a contender on the run of that name."""
    there = contender.get("on", {})
    if not isinstance(there, Mapping) or not isinstance(there.get(run, {}), Mapping):
        raise ValueError(f"on={there!r:.60} must have a table for each run: [contenders.NAME.on.RUN]")
    return _overlaid({key: value for key, value in contender.items() if key != "on"}, there.get(run, {}))


def _overlaid(run: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the run with a contender's keys, and with both's options."""
    tables = {
        key: {**run.get(key, {}), **changes.get(key, {})}
        for key in ("options", "environment_options")
        if key in run or key in changes
    }
    return {**run, **changes, **tables}


def _known(kind: str, given: Any, names: Any) -> None:
    if not isinstance(given, Mapping):
        raise ValueError(f"{given!r} must be a table")
    for key in given:
        if key not in names:
            raise ValueError(unknown(kind, key, sorted(names)))
