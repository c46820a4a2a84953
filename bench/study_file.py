"""The TOML file of a study: contenders, runs and seeds, and the trials that they make."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operant.cli.names import short_name
from operant.cli.run_config import FIELDS, RunConfig, merge, whole
from operant.cli.trials import one_thread
from operant.files.toml import read_toml
from operant.messages import unknown

TABLES = ("study", "contenders", "runs")
STUDY = ("name", "seeds", "first_seed")


@dataclass(frozen=True)
class Trial:
    """One contender's training of one of the runs, with one seed."""

    run: str
    contender: str
    config: RunConfig

    @property
    def key(self) -> str:
        """Names the trial in the file of results; with a digest, so that a run that was changed is trained again."""
        digest = hashlib.sha256(json.dumps(self.config.as_toml(), sort_keys=True).encode()).hexdigest()
        return f"{self.run} {self.contender} {self.config.seed} {digest[:12]}"


@dataclass(frozen=True)
class StudyFile:
    """A study's name and trials; contenders, and runs with their goals, are in the order of the file."""

    name: str
    contenders: tuple[str, ...]
    goals: dict[str, float]
    trials: tuple[Trial, ...]


def read_study(path: Path, *, trust: bool = False) -> StudyFile:
    """Reads a study:

        [study]
        seeds = 20                              # of each run, from first_seed (default: 0) on

        [contenders.small]                      # keys that override those of every run
        options = { hidden = [32] }
        [contenders.large]
        options = { hidden = [256] }

        [[runs]]                                # keys as in a file for operant train --config; the run needs a goal
        environment = "cartpole"
        [[runs]]
        environment = "LunarLander-v3"
        name = "lander"                         # in the table (default: the environment's short name)
        seeds = 5
        timesteps = 1_000_000
        stop_at = 200

    With `trust`, the code of the environments is trusted from now on.

    Raises:
        Untrusted: the file names a header or a module that this user has not trusted.
        ValueError: the file is invalid; the message says what to change.
    """
    file = read_toml(path)
    _known("table", file, TABLES)
    study, contenders, runs = file.get("study", {}), file.get("contenders", {}), file.get("runs", [])
    _known("key of [study]", study, STUDY)
    if not isinstance(contenders, Mapping) or not isinstance(runs, list) or not contenders or not runs:
        raise ValueError(f"{path} needs [contenders.NAME] and [[runs]]: what to compare, and on what")
    for name, contender in contenders.items():
        _known(f"key of [contenders.{name}]", contender, set(FIELDS) - {"environment", "seed"})
    seeds, first = whole("seeds", study.get("seeds", 5), 1), whole("first_seed", study.get("first_seed", 0), 0)
    goals: dict[str, float] = {}
    trials = []
    for run in runs:
        _known("key of [[runs]]", run, {*FIELDS, "name", "seeds"} - {"seed"})
        own = {key: value for key, value in run.items() if key in FIELDS}
        name = str(run.get("name", short_name(str(run.get("environment", "")))))
        if name in goals:
            raise ValueError(f"{path} has two runs {name!r}: give one another name = ")
        for contender, changes in contenders.items():
            config = merge(_overlaid(own, changes), {}, trust=trust)
            if config.stop_at is None:
                raise ValueError(f"the run {name!r} has no goal: add stop_at = to it")
            goals[name] = config.stop_at
            for seed in range(first, first + whole("seeds", run.get("seeds", seeds), 1)):
                seeded = merge({**_overlaid(own, changes), "seed": seed}, {"environment": config.environment})
                trials.append(Trial(name, contender, one_thread(seeded)))
    return StudyFile(str(study.get("name", path.stem)), tuple(contenders), goals, tuple(trials))


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
