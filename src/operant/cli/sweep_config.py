"""The file of a sweep: what is trained, and which options are searched."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from operant.cli.run_config import RunConfig, merge
from operant.files.toml import read_toml
from operant.messages import unknown

TABLES = ("study", "run", "parameters")
STUDY = ("name", "trials", "direction", "seed", "prune_every")
RANGE = ("low", "high", "log", "step", "choices")


@dataclass(frozen=True)
class SweepConfig:
    """A study. `parameters` are by option: {"choices": [...]}, or low and high with log and step as Optuna has them."""

    name: str
    trials: int
    direction: str
    seed: int
    prune_every: int
    run: dict[str, Any]
    parameters: dict[str, dict[str, Any]]

    def trial(self, options: Mapping[str, Any]) -> RunConfig:
        """The run with these options over the file's."""
        return merge({**self.run, "options": {**self.run.get("options", {}), **options}}, {})

    def suggest(self, trial: Any) -> dict[str, Any]:
        """An Optuna trial's value of each parameter."""
        values = {}
        for name, range_ in self.parameters.items():
            if "choices" in range_:
                values[name] = trial.suggest_categorical(name, range_["choices"])
            else:
                suggest = trial.suggest_int if isinstance(range_["low"], int) else trial.suggest_float
                values[name] = suggest(name, **range_)
        return values


def read_sweep(path: Path) -> SweepConfig:
    """The sweep of a TOML file; ValueError with what to change where it cannot be."""
    file = read_toml(path)
    _known("table", file, TABLES)
    study, run, parameters = (file.get(name, {}) for name in TABLES)
    _known("key of [study]", study, STUDY)
    if not parameters:
        raise ValueError(f"{path} searches nothing: give a table such as [parameters.learning_rate]")
    direction = study.get("direction", "maximize")
    if direction not in ("maximize", "minimize"):
        raise ValueError(unknown("direction", str(direction), ("maximize", "minimize")))
    name = str(study.get("name", path.stem))
    if not re.fullmatch(r"[A-Za-z0-9._-]+", name):
        raise ValueError(f"name={name!r} must be of letters, digits, '.', '_' and '-': it names a folder")
    base = merge(run, {})
    kinds = get_type_hints(type(base.config))
    names = [field.name for field in dataclasses.fields(base.config)]
    _known("option", parameters, names)
    checked = {name: _range(name, range_, kinds[name]) for name, range_ in parameters.items()}
    config = SweepConfig(
        name=name,
        trials=_integer("trials", study.get("trials", 20), 1),
        direction=direction,
        seed=_integer("seed", study.get("seed", 0), 0),
        prune_every=_integer("prune_every", study.get("prune_every", 10_000), 0),
        run=dict(run),
        parameters=checked,
    )
    for name, range_ in checked.items():
        for value in range_.get("choices") or (range_["low"], range_["high"]):
            config.trial({name: value})  # says what the option may be
    return config


def _range(name: str, range_: Any, kind: Any) -> dict[str, Any]:
    if not isinstance(range_, Mapping):
        raise ValueError(f"parameters.{name}={range_!r} must be a table: low and high, or choices")
    _known(f"key of [parameters.{name}]", range_, RANGE)
    if "choices" in range_:
        if len(range_) > 1 or not isinstance(range_["choices"], list) or not range_["choices"]:
            raise ValueError(f"parameters.{name}: choices must be a list with something in it, and stands alone")
        return dict(range_)
    if kind not in (int, float):
        raise ValueError(f"parameters.{name} is no number: give choices = [...]")
    if "low" not in range_ or "high" not in range_:
        raise ValueError(f"parameters.{name} needs low and high, or choices")
    for key in ("low", "high", "step"):
        value = range_.get(key, 1)
        if isinstance(value, bool) or not isinstance(value, int | float) or (kind is int and value != int(value)):
            raise ValueError(
                f"parameters.{name}: {key}={value!r} must be {'an integer' if kind is int else 'a number'}"
            )
    low, high, step = kind(range_["low"]), kind(range_["high"]), range_.get("step")
    log = range_.get("log", False)
    if not low < high:
        raise ValueError(f"parameters.{name}: low={low} must be below high={high}")
    if not isinstance(log, bool) or (log and (low <= 0 or step is not None)):
        raise ValueError(f"parameters.{name}: log is true or false, and true needs low above 0 and no step")
    if step is not None and not step > 0:
        raise ValueError(f"parameters.{name}: step={step} must be above 0")
    return {"low": low, "high": high, "log": log} | ({} if step is None else {"step": kind(step)})


def _known(kind: str, given: Any, names: Any) -> None:
    if not isinstance(given, Mapping):
        raise ValueError(f"{given!r} must be a table")
    for key in given:
        if key not in names:
            raise ValueError(unknown(kind, key, names))


def _integer(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name}={value!r} must be an integer of at least {least}")
    return value
