"""The file of a sweep: the run to train, and the options to search."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from operant.cli.names import folder_name
from operant.cli.run_config import RunConfig, merge, whole
from operant.files.toml import read_toml
from operant.messages import as_float, unknown

TABLES = ("sweep", "run", "parameters")
SWEEP = ("name", "trials", "direction", "seed", "prune_every")
RANGE = ("low", "high", "log", "step", "choices")


@dataclass(frozen=True)
class SweepConfig:
    """A sweep. `parameters` maps an option to {"choices": [...]}, or to Optuna's low, high, log and step."""

    name: str
    trials: int
    direction: str
    seed: int
    prune_every: int
    run: dict[str, Any]
    parameters: dict[str, dict[str, Any]]

    def trial(self, options: Mapping[str, Any]) -> RunConfig:
        """Returns the run in which `options` override the file's."""
        run = {**self.run, "options": {**self.run.get("options", {}), **options}}
        return merge(run, {"environment": run["environment"]})  # `read_sweep` has checked that it is trusted


def read_sweep(path: Path, *, trust: bool = False) -> SweepConfig:
    """Reads the sweep of a TOML file. With `trust`, its environment's code is trusted from now on.

    Raises:
        Untrusted: the file names a header or a module that this user has not trusted.
        ValueError: the file is invalid; the message says what to change.
    """
    file = read_toml(path)
    if "study" in file and "sweep" not in file:
        raise ValueError(f"{path} has a table [study]: name it [sweep]; or compare its contenders with `operant study`")
    _known("table", file, TABLES)
    sweep, run, parameters = (file.get(name, {}) for name in TABLES)
    _known("key of [sweep]", sweep, SWEEP)
    if not parameters:
        raise ValueError(f"{path} has no options to search: add a table such as [parameters.learning_rate]")
    direction = sweep.get("direction", "maximize")
    if direction not in ("maximize", "minimize"):
        raise ValueError(unknown("direction", str(direction), ("maximize", "minimize")))
    name = folder_name("name=", str(sweep.get("name", path.stem)))
    base = merge(run, {}, trust=trust)
    kinds = get_type_hints(type(base.options))
    names = [field.name for field in dataclasses.fields(base.options)]
    _known("option", parameters, names)
    checked = {name: _range(name, range_, kinds[name]) for name, range_ in parameters.items()}
    config = SweepConfig(
        name=name,
        trials=whole("trials", sweep.get("trials", 20), 1),
        direction=direction,
        seed=whole("seed", sweep.get("seed", 0), 0),
        prune_every=whole("prune_every", sweep.get("prune_every", 10_000), 0),
        run=dict(run),
        parameters=checked,
    )
    for name, range_ in checked.items():
        for value in range_.get("choices") or (range_["low"], range_["high"]):
            config.trial({name: value})  # raises with the allowed values if this one is invalid
    return config


def _range(name: str, range_: Any, kind: Any) -> dict[str, Any]:
    if not isinstance(range_, Mapping):
        raise ValueError(f"parameters.{name}={range_!r} must be a table: low and high, or choices")
    _known(f"key of [parameters.{name}]", range_, RANGE)
    if "choices" in range_:
        if len(range_) > 1 or not isinstance(range_["choices"], list) or not range_["choices"]:
            raise ValueError(f"parameters.{name}: choices must be a nonempty list, and the only key")
        return dict(range_)
    if kind not in (int, float):
        raise ValueError(f"parameters.{name} is not a number: give choices = [...]")
    if "low" not in range_ or "high" not in range_:
        raise ValueError(f"parameters.{name} needs low and high, or choices")
    numbers = {}
    for key in ("low", "high", "step"):
        value = range_.get(key, 1)
        if isinstance(value, bool) or not isinstance(value, int | float) or (kind is int and value % 1 != 0):
            raise ValueError(
                f"parameters.{name}: {key}={value!r} must be {'an integer' if kind is int else 'a number'}"
            )
        numbers[key] = int(value) if kind is int else as_float(f"parameters.{name}: {key}", value)
    low, high, step = numbers["low"], numbers["high"], numbers["step"] if "step" in range_ else None
    log = range_.get("log", False)
    if not low < high:
        raise ValueError(f"parameters.{name}: low={low} must be below high={high}")
    if not isinstance(log, bool) or (log and (low <= 0 or step is not None)):
        raise ValueError(f"parameters.{name}: log must be true or false; true needs low above 0 and no step")
    if step is not None and not step > 0:
        raise ValueError(f"parameters.{name}: step={step} must be above 0")
    return {"low": low, "high": high, "log": log} | ({} if step is None else {"step": step})


def _known(kind: str, given: Any, names: Any) -> None:
    if not isinstance(given, Mapping):
        raise ValueError(f"{given!r} must be a table")
    for key in given:
        if key not in names:
            raise ValueError(unknown(kind, key, names))
