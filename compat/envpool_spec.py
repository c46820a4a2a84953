"""The result of EnvPool's `make_spec`: the options of a task, and its spaces.

spec = EnvSpec("CartPole-v1", num_envs=4096, seed=1)
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import gymnasium
import numpy as np

from operant.batch.core import defaults
from operant.batch.seeds import check_seed
from operant.catalog import CATALOG
from operant.compat import framework
from operant.environments.spaces import action_space, observation_space
from operant.messages import unknown

TASKS = ["CartPole-v0", "CartPole-v1", "Pendulum-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Acrobot-v1"]
_DEFAULTS = {"num_envs": 1, "batch_size": 0, "num_threads": 0, "seed": 42, "env_seed": []}
# Options that accept only their default, because nothing here would change with them.
_FIXED = {"max_num_players": 1, "thread_affinity_offset": -1, "gym_reset_return_info": True}
_ABSENT = {"base_path": None, "from_pixels": False, "render_mode": None, "render_env_id": 0, "render_camera_id": -1}
_ABSENT |= {"render_width": 0, "render_height": 0}
Config = namedtuple(
    "Config",
    "num_envs batch_size num_threads max_num_players thread_affinity_offset seed env_seed gym_reset_return_info "
    "max_episode_steps reward_threshold",
)
Players = namedtuple("Players", "env_id")
State = namedtuple("State", "env_id players obs")
StateWithJoints = namedtuple("StateWithJoints", "env_id players obs state")
JOINTS = {"Acrobot-v1": ("theta1", "theta2")}
"""The angles that EnvPool adds to a task's results as `state`, which the observation holds as sines and cosines."""


class EnvSpec:
    """The arguments of `make`, in `config`, and what they determine: `reward_threshold`, spaces, dm_env's specs.

    Args:
        task_id: one of TASKS.
        **options: EnvPool's options. `seed` is the seed of environment 0, or a list with one for each.

    Raises:
        ValueError, TypeError: the task or an option is unknown, or an option accepts only its default.
    """

    def __init__(self, task_id: str, **options: Any):
        if task_id not in TASKS:
            raise ValueError(unknown("EnvPool task", task_id, TASKS))
        for name, value in options.items():
            if name not in {*Config._fields, *_ABSENT}:
                raise TypeError(unknown("EnvPool option", name, {*Config._fields, *_ABSENT}))
            fixed: dict[str, Any] = _FIXED | _ABSENT
            if name in fixed and not np.array_equal(value, fixed[name]):
                raise ValueError(f"{name}={value!r} can only be {fixed[name]!r} here: omit it, or use EnvPool")
        self.task_id, self.task = task_id, CATALOG[task_id]
        self.joints: tuple[str, ...] = JOINTS.get(task_id, ())
        given = {name: value for name, value in options.items() if name not in _ABSENT}
        limits = {name: getattr(self.task, name) for name in ("max_episode_steps", "reward_threshold")}
        self.config = Config(**_checked(_DEFAULTS | _FIXED | limits | given))
        self.seeds: int | list[int] = self.config.env_seed or self.config.seed
        self.reward_threshold, values = self.config.reward_threshold, defaults(self.task)
        self.observation_space: Any = observation_space(self.task, values, values)
        self.action_space: Any = action_space(self.task, values)

    def __repr__(self) -> str:
        return f"EnvSpec({self.describe()})"

    def describe(self) -> str:
        """The task and its options, as text."""
        return ", ".join([self.task_id, *(f"{name}={value!r}" for name, value in self.config._asdict().items())])

    def observation_spec(self) -> Any:
        specs, box, limits = framework("dm_env.specs", "envpool"), self.observation_space, np.iinfo(np.int32)
        index = specs.BoundedArray((), np.int32, limits.min, limits.max, name="env_id")
        observation = specs.BoundedArray(box.shape, box.dtype, box.low, box.high, name="obs")
        if not self.joints:
            return State(index, Players(index), observation)
        numbers = np.finfo(np.float32)  # EnvPool's bounds: the least is its smallest positive number
        state = specs.BoundedArray((len(self.joints),), np.float32, numbers.tiny, numbers.max, name="state")
        return StateWithJoints(index, Players(index), observation, state)

    def action_spec(self) -> Any:
        specs, space = framework("dm_env.specs", "envpool"), self.action_space
        if isinstance(space, gymnasium.spaces.Discrete):
            return specs.DiscreteArray(int(space.n), np.int32, name="action")
        return specs.BoundedArray(space.shape, space.dtype, space.low.item(), space.high.item(), name="action")


def _checked(config: dict[str, Any]) -> dict[str, Any]:
    """The options in EnvPool's form, checked; the batch checks `num_envs` and `max_episode_steps`."""
    lists = (list, tuple, np.ndarray)
    for name in ("num_envs", "batch_size", "num_threads"):
        if not isinstance(config[name], int | np.integer):
            raise TypeError(f"{name}={config[name]!r} must be an int, not {type(config[name]).__name__}")
    for name, most in (("num_threads", 1024), ("batch_size", config["num_envs"])):
        if not 0 <= config[name] <= max(most, 0):
            raise ValueError(f"{name}={config[name]} must be from 0, the default, to {most}")
    if not isinstance(config["reward_threshold"], float | int | None):
        raise TypeError(f"reward_threshold={config['reward_threshold']!r} must be a number")
    if not isinstance(config["env_seed"], lists):
        raise TypeError(f"env_seed={config['env_seed']!r} must be a list: for one number use seed")
    if isinstance(config["seed"], lists):
        if len(config["env_seed"]):
            raise TypeError("seed and env_seed both have a seed for each environment: give one of them")
        config |= {"seed": 0, "env_seed": config["seed"]}
    seeds = [check_seed(seed) for seed in config["env_seed"]]
    if seeds and len(seeds) != config["num_envs"]:
        raise ValueError(f"{len(seeds)} seeds for num_envs={config['num_envs']}: give one for each")
    batch_size = config["batch_size"] or config["num_envs"]
    return config | {"batch_size": batch_size, "seed": check_seed(config["seed"]), "env_seed": seeds}
