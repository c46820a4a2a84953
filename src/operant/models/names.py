"""The names that a command line takes: short ones of environments, and those of the algorithms."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING

import gymnasium as gym

from operant.catalog import CATALOG, MULTIAGENT, bare_id
from operant.models.options import did_you_mean

if TYPE_CHECKING:
    from operant.models.on_policy import OnPolicy

ALGORITHMS = {"ppo": "PPO", "a2c": "A2C", "reinforce": "REINFORCE", "trpo": "TRPO", "vmpo": "VMPO"}
"""By the name that is typed; each is a class of the module of that name."""


def find_algorithm(name: str) -> type[OnPolicy]:
    """The class; ValueError with the nearest name for one that does not exist."""
    if name not in ALGORITHMS:
        raise ValueError(did_you_mean("algorithm", name, ALGORITHMS))
    algorithm: type[OnPolicy] = getattr(import_module(f"operant.models.{name}"), ALGORITHMS[name])
    return algorithm


def full_id(name: str) -> str:
    """The id of "cartpole", "mountain_car_continuous", "CartPole-v1", "operant/CartPole-v1" or any of Gymnasium's.

    A name without a namespace that we have is ours: Gymnasium's own is written "gymnasium.envs:CartPole-v1".
    """
    short = {short_name(key): key for key in (*MULTIAGENT, *CATALOG)}  # the latest version of a name is its last
    bare = bare_id(name)
    key = bare if bare in CATALOG or bare in MULTIAGENT else short.get(bare.replace("_", "").lower())
    if key is not None:
        return f"operant/{key}"
    if ":" in name or name in gym.registry:
        return name
    raise ValueError(did_you_mean("environment", name, (*short, *CATALOG, *MULTIAGENT, *gym.registry)))


def short_name(env_id: str) -> str:
    """What a run is called: "cartpole" for "operant/CartPole-v1"."""
    name = env_id.rpartition("/")[2].rpartition(":")[2]
    return re.sub(r"-v\d+$", "", name).replace("_", "").lower()
