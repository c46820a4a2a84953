"""Finds the descriptor of an environment by its id: a built-in one, or one of a user's own header.

A user's environment is named by its header's path, which says all that another process needs; by its id, once the
header is registered; or by "module:id", where importing the module registers it.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from importlib import import_module
from typing import Any

from operant.catalog import CATALOG, MULTIAGENT, bare_id
from operant.headers.descriptor import read_descriptor
from operant.headers.library import check_header
from operant.messages import unknown
from operant.spec import EnvSpec

AUTHORED: dict[str, EnvSpec] = {}
"""By id, in the order of their registration."""


def authored_spec(env_id: str) -> EnvSpec | None:
    """The descriptor of a user's environment, read anew from its file; None for a name that is of no such environment.

    Raises:
        ValueError: it is the path of a header that does not exist or has no usable descriptor.
        ImportError: the module cannot be imported. One that does not exist is nobody's.
    """
    if env_id.endswith(".h"):
        return read_descriptor(check_header(env_id))
    module, _, name = env_id.rpartition(":")
    if module != "operant" and re.fullmatch(r"\w+(\.\w+)*", module):
        try:
            import_module(module)
        except ModuleNotFoundError as missing:
            if not f"{module}.".startswith(f"{missing.name}."):
                raise  # something that the module itself imports
            return None
    spec = AUTHORED.get(name)
    return None if spec is None else authored_spec(spec.source)


def find_spec(env_id: str, options: MutableMapping[str, Any] | None = None) -> EnvSpec:
    """The descriptor of an id in any of the forms that `bare_id` knows, or of a user's header: see `authored`.

    Takes the constructor arguments that choose between variants, if the environment has any, out of `options`.
    """
    if not isinstance(env_id, str):
        raise TypeError(f"env_id={env_id!r} must be a str such as 'operant/CartPole-v1', not {type(env_id).__name__}")
    name = bare_id(env_id)
    spec = CATALOG.get(name) or MULTIAGENT.get(name) or authored_spec(env_id)
    if spec is None:
        raise ValueError(unknown("environment", env_id, (*CATALOG, *MULTIAGENT, *AUTHORED)))
    if options is not None and spec.variants:
        names = tuple(spec.variant_options)
        chosen = tuple(options.pop(name, spec.variant_options[name]) for name in names)
        if not any(chosen == each for each in spec.variants):  # what is not hashable is not among them
            known = "; ".join(_arguments(names, values) for values in spec.variants)
            raise ValueError(f"{spec.id} has no {_arguments(names, chosen)}; it has {known}")
        spec = spec.variants[chosen]
    return spec


def is_native(env_id: str) -> bool:
    """Whether an id is one of ours: "operant/CartPole-v1", or of a user's header. "CartPole-v1" is Gymnasium's."""
    return env_id.removeprefix("operant:").startswith("operant/") or authored_spec(env_id) is not None


def _arguments(names: tuple[str, ...], values: tuple[Any, ...]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in zip(names, values, strict=True))


class SeveralAgents(ValueError):
    """The environment has several agents, and is asked for where it would need to have one.

    Attributes:
        env_id: its id, such as "operant/simple_tag-v3".
    """

    def __init__(self, message: str, env_id: str):
        super().__init__(message)
        self.env_id = env_id

    def __reduce__(self) -> Any:  # exceptions of worker processes are pickled
        return type(self), (str(self), self.env_id)


def find_single_agent_spec(env_id: str, what: str) -> EnvSpec:
    """`find_spec` for what takes environments of one agent only; SeveralAgents for others."""
    spec = find_spec(env_id)
    check_one_agent(spec, what)
    return spec


def check_one_agent(spec: EnvSpec, what: str) -> None:
    """Raises SeveralAgents for an environment of several agents; `what` says what cannot take it."""
    if spec.agents:
        module = "operant.multiagent." + re.sub(r"-v(\d+)$", r"_v\1", spec.id)
        raise SeveralAgents(
            f"{spec.id} is a PettingZoo environment, and {what} is for one agent: use "
            f"{'operant.OperantParallelEnv' if spec.source else module}, or gymnasium.make_vec for thousands",
            spec.full_id,
        )
