"""The names that the command line accepts: short names of environments, and the names of the algorithms."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import gymnasium as gym

from operant.catalog import CATALOG, ENGINES, MULTIAGENT, bare_id
from operant.environments.lookup import AUTHORED, authored_spec
from operant.messages import unknown
from operant.models.machine.torch_import import import_with_torch

if TYPE_CHECKING:
    from operant.models.algorithms.algorithm import Algorithm
    from operant.models.algorithms.configs import OnPolicyConfig

ALGORITHMS = {"ppo": "PPO", "a2c": "A2C", "reinforce": "REINFORCE", "trpo": "TRPO", "vmpo": "VMPO"}
"""Each algorithm's class by its name on the command line, which is also its module's; its options are in `configs`."""


def find_algorithm(name: str) -> type[Algorithm]:
    """Returns the class.

    Raises:
        ValueError: there is none; the message names the nearest.
        ImportError: it needs torch, which is not installed.
    """
    kind = _class_name(name)
    module = f"operant.models.algorithms.{name}"
    with_torch = name != "ppo"  # which chooses itself
    algorithm: type[Algorithm] = getattr(import_with_torch(module, name) if with_torch else import_module(module), kind)
    return algorithm


def find_config(name: str) -> type[OnPolicyConfig]:
    """Returns the class of an algorithm's options, without importing torch; raises the same as `find_algorithm`."""
    configs = import_module("operant.models.algorithms.configs")
    config: type[OnPolicyConfig] = getattr(configs, f"{_class_name(name)}Config")
    return config


def _class_name(name: str) -> str:
    if name not in ALGORITHMS:
        raise ValueError(unknown("algorithm", name, ALGORITHMS))
    return ALGORITHMS[name]


def full_id(name: str, before_code: Callable[[str], None] = lambda env_id: None, *, also: Iterable[str] = ()) -> str:
    """Returns the id of "cartpole", "mountain_car_continuous", "CartPole-v1", "operant/CartPole-v1" or a Gymnasium id.

    A name without a namespace means operant's environment if there is one; write "gymnasium.envs:CartPole-v1" for
    Gymnasium's. For a user's header ("lander.h", "lander" in the folder of lander.h, or "package:lander-v0") the id is
    the header's path. If the name is of a header or of a module's environment, `before_code` is called with it before
    any of its code runs. The message for an unknown name may suggest those in `also`, too.
    """
    short = _short_names()
    bare = bare_id(name)
    key = (
        bare if any(bare in ids for ids in (CATALOG, ENGINES, MULTIAGENT)) else short.get(bare.replace("_", "").lower())
    )
    if key is not None:
        return f"operant/{key}"
    header = f"{name}.h" if name.isidentifier() and Path(f"{name}.h").is_file() else name
    env_id = {short_name(key): key for key in AUTHORED}.get(name, header)
    before_code(env_id)
    authored = authored_spec(env_id)
    if authored is not None:
        return authored.source
    if ":" in name or name in gym.registry:
        return name
    known = (*short, *CATALOG, *ENGINES, *MULTIAGENT, *AUTHORED, *gym.registry, *also)
    raise ValueError(unknown("environment", name, known))


def full_id_of_short(name: str) -> str:
    """Returns operant's id of a short name such as "cartpole"; any other name unchanged, also that of Gymnasium's."""
    key = _short_names().get(name.replace("_", ""))
    return name if key is None else f"operant/{key}"


def _short_names() -> dict[str, str]:
    """The ids by their short names: the latest version of each."""
    return {short_name(key): key for key in (*MULTIAGENT, *ENGINES, *CATALOG)}  # the latest version comes last


def folder_name(given: str, name: str) -> str:
    """Returns the name of a run, a study or a sweep; raises a ValueError that names an invalid one behind `given`."""
    if not re.fullmatch(r"\w([\w.-]*\w)?", name, re.ASCII):
        raise ValueError(
            f"{given}{name!r} may have only ASCII letters, digits and '_', and '.' and '-' between them: "
            "it names a folder"
        )
    return name


def short_name(env_id: str) -> str:
    """Returns the name used for runs: "cartpole" for "operant/CartPole-v1", "lander" for the path of lander.h."""
    name = env_id.rpartition("/")[2].rpartition(":")[2].removesuffix(".h")
    return re.sub(r"-v\d+$", "", name).replace("_", "").lower()
