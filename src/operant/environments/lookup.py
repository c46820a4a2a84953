"""Finds the descriptor of an environment by its id: a built-in one, or one of a user's own header.

A user's environment is named by its header's path, which suffices in any other process; by its id, once the header is
registered; or by "module:id" if importing the module registers it.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from importlib import import_module
from typing import Any

from operant.catalog import CATALOG, ENGINES, MULTIAGENT, bare_id
from operant.headers.descriptor import read_descriptor
from operant.headers.library import check_header
from operant.messages import unknown
from operant.spec import EnvSpec

AUTHORED: dict[str, EnvSpec] = {}
"""The registered descriptors of users' headers by id, in the order of registration."""


def authored_spec(env_id: str) -> EnvSpec | None:
    """The descriptor of a user's environment, reread from its file; None if no user's environment has that name.

    Raises:
        ValueError: `env_id` is the path of a header that does not exist or has no valid descriptor.
        ImportError: the module exists but cannot be imported. For one that does not exist the result is None.
    """
    if env_id.endswith(".h"):
        return read_descriptor(check_header(env_id))
    module, _, name = env_id.rpartition(":")
    if module != "operant" and re.fullmatch(r"\w+(\.\w+)*", module):
        try:
            import_module(module)
        except ModuleNotFoundError as missing:
            if not f"{module}.".startswith(f"{missing.name}."):
                raise  # the missing module is one that `module` imports
            return None
    spec = AUTHORED.get(name)
    return None if spec is None else authored_spec(spec.source)


def find_spec(env_id: str, options: MutableMapping[str, Any] | None = None) -> EnvSpec:
    """The descriptor of an id: in any form that `bare_id` accepts, or a user's, see `authored_spec`.

    Constructor arguments that choose between an environment's variants are removed from `options`.
    """
    if not isinstance(env_id, str):
        raise TypeError(f"env_id={env_id!r} must be a str such as 'operant/CartPole-v1', not {type(env_id).__name__}")
    name = bare_id(env_id)
    spec = CATALOG.get(name) or ENGINES.get(name) or MULTIAGENT.get(name) or authored_spec(env_id)
    if spec is None:
        raise ValueError(unknown("environment", env_id, (*CATALOG, *ENGINES, *MULTIAGENT, *AUTHORED)))
    if options is not None and spec.variants:
        names = tuple(spec.variant_options)
        chosen = tuple(options.pop(name, spec.variant_options[name]) for name in names)
        if not any(chosen == each for each in spec.variants):  # by ==, because a wrong value may not be hashable
            known = "; ".join(_arguments(names, values) for values in spec.variants)
            raise ValueError(f"{spec.id} has no {_arguments(names, chosen)}: choose from {known}")
        spec = spec.variants[chosen]
    return spec


def is_native(env_id: str) -> bool:
    """True for operant's own ids, such as "operant/CartPole-v1", and users' headers; "CartPole-v1" is Gymnasium's."""
    return env_id.removeprefix("operant:").startswith("operant/") or authored_spec(env_id) is not None


def _arguments(names: tuple[str, ...], values: tuple[Any, ...]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in zip(names, values, strict=True))


class SeveralAgents(ValueError):
    """Raised where a single-agent environment is needed and the one asked for has several agents.

    Attributes:
        env_id: its id, such as "operant/simple_tag-v3".
    """

    def __init__(self, message: str, env_id: str):
        super().__init__(message)
        self.env_id = env_id

    def __reduce__(self) -> Any:  # exceptions of worker processes are pickled
        return type(self), (str(self), self.env_id)


def find_single_agent_spec(env_id: str, what: str) -> EnvSpec:
    """`find_spec` for `what`, which takes single-agent environments only; raises SeveralAgents for others."""
    spec = find_spec(env_id)
    check_one_agent(spec, what)
    return spec


def check_one_agent(spec: EnvSpec, what: str) -> None:
    """Raises SeveralAgents for an environment of several agents; `what` names the caller that cannot take it."""
    if spec.agents:
        module = "operant.multiagent." + re.sub(r"-v(\d+)$", r"_v\1", spec.id)
        raise SeveralAgents(
            f"{spec.id} is a PettingZoo environment, and {what} is for one agent: use "
            f"{'operant.OperantParallelEnv' if spec.source else module}, or gymnasium.make_vec for thousands",
            spec.full_id,
        )
