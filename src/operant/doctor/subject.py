"""A subject: the Python expression that makes the environment under examination, as reproductions show it."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym

VECTORS = ("sync", "async", "vector_entry_point", "operant", "vectorize", "envpool")
"""The values of `--vector`."""
MODES = ("NextStep", "SameStep", "Disabled")
"""The values of `--autoreset-mode`, which are those of `gymnasium.vector.AutoresetMode`."""


@dataclass(frozen=True)
class Subject:
    """The expression that makes a vector environment.

    Attributes:
        title: its name in a report.
        call: the expression, with `{num_envs}` in place of the number of environments and, if `limitable`, `{limit}` in
            place of an argument such as `, max_episode_steps=7`. `{workers}` is 2, or 1 for one environment.
        imports: the import lines that the expression needs.
        limitable: True if it can be made with another time limit.
        names: variables that the expression needs besides its imports.
    """

    title: str
    call: str
    imports: tuple[str, ...] = ()
    limitable: bool = False
    names: Mapping[str, Any] = field(default_factory=dict)

    def expression(self, num_envs: int, limit: int | None = None) -> str:
        """Returns the expression for `num_envs` environments whose episodes are truncated after `limit` steps."""
        text = self.call.replace("{num_envs}", str(num_envs)).replace("{workers}", str(min(num_envs, 2)))
        return text.replace("{limit}", "" if limit is None else f", max_episode_steps={limit}")

    def make(self, num_envs: int, limit: int | None = None) -> Any:
        """Makes the vector environment."""
        names: dict[str, Any] = dict(self.names)
        exec("\n".join((*self.imports, f"envs = {self.expression(num_envs, limit)}")), names)
        return names["envs"]


def from_function(make: Callable[..., Any], call: str = "make", imports: tuple[str, ...] = ()) -> Subject:
    """Makes the subject of a function of `num_envs`, which may also take a keyword `max_episode_steps`.

    Raises:
        TypeError: `make` cannot be called.
    """
    if not callable(make):
        raise TypeError(f"make={make!r} must be a function of num_envs that returns a vector environment")
    try:
        limitable = "max_episode_steps" in inspect.signature(make).parameters
    except ValueError:  # some builtins have no signature
        limitable = False
    limit = "{limit}" if limitable else ""
    names = {} if imports else {"make": make}
    title = getattr(make, "__qualname__", type(make).__qualname__)
    return Subject(title, f"{call}({{num_envs}}{limit})", imports, limitable, names)


def from_id(env_id: str, vector: str | None = None, mode: str | None = None) -> Subject:
    """Makes the subject of an id, or of a Python function.

    Args:
        env_id: an id of any namespace, "module:id", or "module:function", a function of num_envs.
        vector: one of `VECTORS`; None leaves the choice to `gymnasium.make_vec`.
        mode: one of `MODES`, passed to the environment; None passes nothing.

    Raises:
        ValueError: the module or environment does not exist, or the options contradict each other. The message is one
            line.
    """
    if vector is not None and vector not in VECTORS:
        raise ValueError(f"vector={vector!r} must be one of {', '.join(VECTORS)}")
    if mode is not None and mode not in MODES:
        raise ValueError(f"mode={mode!r} must be one of {', '.join(MODES)}")
    if vector == "envpool":
        return _of_envpool(env_id, mode)
    module, colon, name = env_id.rpartition(":")
    if not colon:
        return _of_gymnasium(env_id, name, vector, mode)
    if vector == "operant":
        raise ValueError(f"--vector operant takes only operant's ids, not {env_id}")
    function = getattr(_import(module, env_id), name, None)
    if not callable(function):
        return _of_gymnasium(env_id, name, vector, mode)
    if vector is not None or mode is not None:
        raise ValueError(f"{env_id} is a function, which chooses them itself: omit --vector and --autoreset-mode")
    return from_function(function, name, (f"from {module} import {name}",))


def _import(module: str, env_id: str) -> Any:
    try:
        return importlib.import_module(module)
    except (ModuleNotFoundError, ValueError) as problem:
        missing = getattr(problem, "name", None) or module
        raise ValueError(f"{env_id!r}: no module {missing!r}; is it installed, or in this directory?") from problem


def _of_envpool(env_id: str, mode: str | None) -> Subject:
    if mode not in (None, "NextStep"):
        raise ValueError(f"EnvPool's only autoreset mode is NextStep, not {mode}")
    try:
        envpool = importlib.import_module("envpool")
    except ImportError as problem:
        raise ValueError(f"--vector envpool needs EnvPool ({problem}): pip install envpool") from problem
    if env_id not in envpool.list_all_envs():
        raise ValueError(f"EnvPool has no environment {env_id!r}")
    call = f'envpool.make("{env_id}", env_type="gymnasium", num_envs={{num_envs}}, seed=0{{limit}})'
    return Subject(f"{env_id} by envpool", call, ("import envpool",), limitable=True)


def _of_gymnasium(env_id: str, name: str, vector: str | None, mode: str | None) -> Subject:
    """Makes the subject of `env_id`, which is `name` or `module:name`; the module is imported already."""
    if vector == "operant" and not env_id.startswith("operant/"):
        env_id = name = f"operant/{env_id}"
    imports: tuple[str, ...] = ("import gymnasium as gym",)
    if env_id.startswith("operant/"):
        importlib.import_module("operant")
        imports += ("import operant",)
    try:
        spec = gym.spec(name)
    except gym.error.Error as problem:
        kind = "id" if name == env_id else "function or id"
        raise ValueError(f"no {kind} {name!r}: {' '.join(str(problem).split())}") from problem
    chosen = vector or ("vector_entry_point" if spec.vector_entry_point else "sync")
    if chosen == "vector_entry_point" and spec.vector_entry_point is None:
        raise ValueError(f"{env_id} has no vector_entry_point: choose --vector sync or async")
    if chosen in ("sync", "async", "vectorize") and spec.entry_point is None:
        raise ValueError(f"{env_id} has no entry_point: choose --vector vector_entry_point")
    options = "" if chosen == "operant" or vector is None else f', vectorization_mode="{chosen}"'
    if mode is not None:
        native = chosen in ("operant", "vector_entry_point")
        options += f', autoreset_mode="{mode}"' if native else f', vector_kwargs={{"autoreset_mode": "{mode}"}}'
    if chosen == "vectorize":
        given = "" if mode is None else f', autoreset_mode="{mode}"'
        call = f'operant.vectorize("{env_id}", num_envs={{num_envs}}, workers={{workers}}{{limit}}{given})'
        return Subject(f"{env_id} by vectorize", call, ("import operant",), limitable=True)
    call = f'gym.make_vec("{env_id}", num_envs={{num_envs}}{{limit}}{options})'
    return Subject(f"{env_id} by {chosen}", call, imports, limitable=True)
