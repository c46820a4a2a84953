"""The names that a command line takes: short ones of environments, and those of the algorithms."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING

import gymnasium as gym

from operant.batch import unknown
from operant.catalog import CATALOG, MULTIAGENT, bare_id

if TYPE_CHECKING:
    from operant.models.on_policy import OnPolicy

ALGORITHMS = {"ppo": "PPO", "a2c": "A2C", "reinforce": "REINFORCE", "trpo": "TRPO", "vmpo": "VMPO"}
"""By the name that is typed; each is a class of the module of that name."""


def find_algorithm(name: str) -> type[OnPolicy]:
    """The class; ValueError with the nearest name for one that does not exist."""
    if name not in ALGORITHMS:
        raise ValueError(unknown("algorithm", name, ALGORITHMS))
    algorithm: type[OnPolicy] = getattr(import_module(f"operant.models.{name}"), ALGORITHMS[name])
    return algorithm


def full_id(name: str) -> str:
    """The id of "cartpole", "mountain_car_continuous", "CartPole-v1", "operant/CartPole-v1" or any of Gymnasium's.

    A name without a namespace that we have is ours: Gymnasium's own is written "gymnasium.envs:CartPole-v1".
    """
    short = {_short(key): key for key in (*MULTIAGENT, *CATALOG)}  # the latest version of a name is its last
    key = bare_id(name) if bare_id(name) in CATALOG or bare_id(name) in MULTIAGENT else short.get(_short(name))
    if key is not None:
        return f"operant/{key}"
    if ":" in name or name in gym.registry:
        return name
    raise ValueError(unknown("environment", name, (*short, *CATALOG, *MULTIAGENT, *gym.registry)))


def short_name(env_id: str) -> str:
    """What a run is called: "cartpole" for "operant/CartPole-v1"."""
    return _short(env_id.rpartition("/")[2].rpartition(":")[2])


def _short(name: str) -> str:
    return re.sub(r"-v\d+$", "", name).replace("_", "").replace("-", "").lower()
