"""The configuration of a training run, merged from defaults, tuned options, a TOML file and flags."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operant.cli.names import ALGORITHMS, find_algorithm, find_config, full_id
from operant.cli.parser import MOST, Parser, integer, number
from operant.files.toml import read_toml
from operant.headers.trust import Untrusted, check_trust, remember
from operant.messages import as_float, unknown
from operant.models.algorithms.configs import OnPolicyConfig
from operant.models.algorithms.options import make_config, option_types
from operant.models.algorithms.tuned import TIMESTEPS, goal, tuned

if TYPE_CHECKING:
    from operant.models.algorithms.algorithm import Algorithm

FIELDS = ("environment", "algorithm", "timesteps", "seed", "stop_at", "options", "environment_options")


@dataclass(frozen=True)
class RunConfig:
    """One run. `options` are the algorithm's; a mean greedy return of `stop_at` ends the run early."""

    environment: str
    algorithm: str
    timesteps: int
    seed: int
    stop_at: float | None
    options: OnPolicyConfig
    environment_options: dict[str, Any]

    def make(self, backend: str | None = None) -> Algorithm:
        """Makes the algorithm and its environments, with the `backend` of an earlier part of the run if it can."""
        arguments: dict[str, Any] = {"seed": self.seed, "env_options": self.environment_options}
        return find_algorithm(self.algorithm).make(self.environment, self.options, backend=backend, **arguments)

    def make_small(self, backend: str | None = None) -> Algorithm:
        """Makes the algorithm with the same policy on one environment and the CPU: to check it, or to play with it."""
        return dataclasses.replace(self, options=self.options.for_one()).make(backend)

    def as_toml(self) -> dict[str, Any]:
        """Returns a mapping from which `merge` makes the same run."""
        return {
            "environment": self.environment,
            "algorithm": self.algorithm,
            "timesteps": self.timesteps,
            "seed": self.seed,
            "stop_at": self.stop_at,
            "options": {key: _plain(value) for key, value in dataclasses.asdict(self.options).items()},
            "environment_options": self.environment_options,
        }


def merge(file: Mapping[str, Any], flags: Mapping[str, Any], *, trust: bool = False) -> RunConfig:
    """Makes the run from a TOML file and flags.

    Flags override the file, and both override the tuned options for the environment. With `trust`, the code of an
    environment that the file names is trusted from now on.

    Raises:
        Untrusted: the file names a header or a module that this user has not trusted.
        ValueError: a key, an option or a value is invalid; the message says what to change.
    """
    for key in file:
        if key not in FIELDS:
            raise ValueError(unknown("key", key, FIELDS))
    for key in ("options", "environment_options"):
        if not isinstance(file.get(key, {}), Mapping):
            raise ValueError(f"{key}={file[key]!r} must be a table: [{key}]")
    given = {**file, **{key: value for key, value in flags.items() if key in FIELDS and value is not None}}
    if "environment" not in given:
        raise ValueError("say which environment: operant train cartpole, or environment = in the file")

    def before_code(env_id: str) -> None:
        if trust:
            remember(env_id)
        elif flags.get("environment") is None:
            check_trust(env_id, "the configuration", "repeat the command with --trust")

    environment = full_id(str(given["environment"]), before_code)
    algorithm = str(given.get("algorithm", "ppo"))
    kind = find_config(algorithm)
    defaults = tuned(environment, algorithm)
    stop_at, timesteps = goal(environment), defaults.pop("timesteps", TIMESTEPS)
    if "timesteps" in given:
        stop_at = None  # explicit timesteps disable early stopping
    options = {key: value for key, value in flags.get("options", {}).items() if value is not None}
    return RunConfig(
        environment=environment,
        algorithm=algorithm,
        timesteps=whole("timesteps", given.get("timesteps", timesteps), 1),
        seed=whole("seed", given.get("seed", 0), 0),
        stop_at=_number("stop_at", given.get("stop_at", stop_at)),
        options=make_config(kind, defaults, file.get("options", {}), options),
        environment_options=dict(file.get("environment_options", {})),
    )


def parse(parser: Parser, argv: list[str]) -> tuple[argparse.Namespace, RunConfig]:
    """Returns the arguments, and the run that they and the file of --config describe.

    The flags of an algorithm's options are made from its config, so --algorithm is read first.
    """
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--algorithm")
    first.add_argument("--config")
    early, _ = first.parse_known_args(argv)
    try:
        file = read_toml(Path(early.config)) if early.config else {}
        name = early.algorithm or str(file.get("algorithm", "ppo"))
        kind = find_config(name)
        add_options(parser, name)
        arguments = parser.parse(argv)
        options = {field.name: getattr(arguments, field.name) for field in dataclasses.fields(kind)}
        return arguments, merge(file, {**vars(arguments), "algorithm": name, "options": options}, trust=arguments.trust)
    except Untrusted:
        raise
    except (ValueError, TypeError) as problem:
        parser.error(str(problem))


def add_options(parser: Parser, algorithm: str) -> None:
    """Adds a flag for each option of an algorithm."""
    group = parser.add_argument_group(f"options of {ALGORITHMS[algorithm]}, with their defaults")
    config = find_config(algorithm)
    kinds = option_types(config)
    for field in dataclasses.fields(config):
        flag, meaning = f"--{field.name.replace('_', '-')}", str(field.metadata["meaning"]).replace("%", "%%")
        default = _plain(field.default)
        text = f"{meaning} ({str(default).lower() if isinstance(default, bool) else default})"
        how: dict[str, Any] = {"dest": field.name, "default": None, "help": text}
        if kinds[field.name] is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, **how)
        elif kinds[field.name] in _READERS:
            reader, metavar = _READERS[kinds[field.name]]
            group.add_argument(flag, type=reader, metavar=metavar, **how)
        else:
            group.add_argument(flag, type=integer, nargs="*", metavar="N", **how)


_READERS: dict[type, tuple[Callable[[str], Any], str]] = {int: (integer, "N"), float: (number, "X"), str: (str, "NAME")}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def whole(name: str, value: Any, least: int) -> int:
    """Returns a file's number, such as 1000000 or 1e6, as an integer; raises ValueError if it is no such number."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name}={value!r} must be an integer of at least {least}")
    if value > MOST:
        raise ValueError(f"{name}={value!r} must be at most {MOST}")
    return value


def _number(name: str, value: Any) -> float | None:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return None if value is None else as_float(name, value)
    raise ValueError(f"{name}={value!r} must be a number")
