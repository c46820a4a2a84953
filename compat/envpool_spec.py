"""The result of EnvPool's `make_spec`: the options of a task, its spaces, and the numbers that it reports.

spec = EnvSpec("CartPole-v1", num_envs=4096, seed=1)
"""

from __future__ import annotations

import functools
from collections import namedtuple
from typing import Any

import gymnasium
import numpy as np

from operant.batch.batch import Batch
from operant.batch.seeds import check_seed
from operant.catalog import CATALOG, ENGINES
from operant.catalog.mujoco import MujocoTask
from operant.compat import framework
from operant.engines.batch import open_cpu_batch
from operant.environments.opening import open_batch
from operant.messages import unknown
from operant.spec import EnvSpec as Descriptor


def _same(*names: str) -> dict[str, str | None]:
    return {name: name for name in names}


def _named(**names: str | None) -> dict[str, str | None]:
    return names


CLASSIC = ["CartPole-v0", "CartPole-v1", "Pendulum-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Acrobot-v1"]
TASKS = [*CLASSIC, *ENGINES]
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
JOINTS = {"Acrobot-v1": ("theta1", "theta2")}
"""The angles that EnvPool adds to a task's results as `state`, which the observation holds as sines and cosines."""
_PLANE = ("x_position", "y_position", "distance_from_origin", "x_velocity", "y_velocity")
REPORTED: dict[str, dict[str, str | None]] = {
    "half_cheetah": _named(reward_run="reward_forward") | _same("reward_ctrl", "x_position", "x_velocity"),
    "ant": _same("reward_forward", "reward_ctrl", "reward_contact", "reward_survive", *_PLANE),
    "humanoid": _named(
        reward_linvel="reward_forward",
        reward_quadctrl="reward_ctrl",
        reward_alive="reward_survive",
        reward_impact="reward_contact",
    )
    | _same(*_PLANE),
    "humanoid_standup": _same("reward_linup", "reward_quadctrl") | _named(reward_alive=None) | _same("reward_impact"),
    "hopper": _same("x_position", "x_velocity"),
    "walker2d": _same("x_position", "x_velocity"),
    "swimmer": _named(reward_fwd="reward_forward") | _same("reward_ctrl", *_PLANE),
    "reacher": _same("reward_dist", "reward_ctrl"),
    "pusher": _same("reward_dist", "reward_ctrl", "reward_near"),
}
"""The numbers that EnvPool reports of MuJoCo's tasks, by header: its names, and the header's terms that they are.

None is for one that is always 1."""


class EnvSpec:
    """The arguments of `make`, in `config`, and what they determine: `reward_threshold`, spaces, dm_env's specs.

    Args:
        task_id: one of TASKS.
        **options: EnvPool's options. `seed` is the seed of environment 0, or a list with one for each. MuJoCo's tasks
            also take Gymnasium's constructor arguments, such as `frame_skip` and `healthy_z_range`.

    Raises:
        ValueError, TypeError: the task or an option is unknown, or an option accepts only its default.
    """

    def __init__(self, task_id: str, **options: Any):
        if task_id not in TASKS:
            raise ValueError(unknown("EnvPool task", task_id, TASKS))
        task = CATALOG.get(task_id) or ENGINES[task_id]
        own = {name: value for name, value in options.items() if task.engine and name in _arguments(task)}
        for name, value in options.items():
            if name in own:
                continue
            if name not in {*Config._fields, *_ABSENT}:
                raise TypeError(unknown("EnvPool option", name, {*Config._fields, *_ABSENT, *_arguments(task)}))
            fixed: dict[str, Any] = _FIXED | _ABSENT
            if name in fixed and not np.array_equal(value, fixed[name]):
                raise ValueError(f"{name}={value!r} can only be {fixed[name]!r} here: omit it, or use EnvPool")
        self.task_id, self.options, self.task, space, self.action_space = task_id, own, *_open(task_id, own)
        self.observation_space: Any = space
        self.joints: tuple[str, ...] = JOINTS.get(task_id, ())
        self.reported = REPORTED.get(task.header, {}) if task.engine else {}
        given = {name: value for name, value in options.items() if name not in {*_ABSENT, *own}}
        limits = {name: getattr(self.task, name) for name in ("max_episode_steps", "reward_threshold")}
        self.config = Config(**_checked(_DEFAULTS | _FIXED | limits | given))
        self.seeds: int | list[int] = self.config.env_seed or self.config.seed
        self.reward_threshold = self.config.reward_threshold

    def __repr__(self) -> str:
        return f"EnvSpec({self.describe()})"

    def describe(self) -> str:
        """The task and its options, as text."""
        options = self.config._asdict() | self.options
        return ", ".join([self.task_id, *(f"{name}={value!r}" for name, value in options.items())])

    def observation_spec(self) -> Any:
        specs, box, limits = framework("dm_env.specs", "envpool"), self.observation_space, np.iinfo(np.int32)
        index = specs.BoundedArray((), np.int32, limits.min, limits.max, name="env_id")
        observation = specs.BoundedArray(box.shape, box.dtype, box.low, box.high, name="obs")
        rest = [_number(specs, name, (), np.float64) for name in self.reported]
        if self.joints:
            rest = [_number(specs, "state", (len(self.joints),), np.float32)]
        return state_class(tuple(each.name for each in rest))(index, Players(index), observation, *rest)

    def action_spec(self) -> Any:
        specs, space = framework("dm_env.specs", "envpool"), self.action_space
        if isinstance(space, gymnasium.spaces.Discrete):
            return specs.DiscreteArray(int(space.n), np.int32, name="action")
        low, high = (each.item(0) if (each == each.item(0)).all() else each for each in (space.low, space.high))
        return specs.BoundedArray(space.shape, space.dtype, low, high, name="action")


@functools.cache
def state_class(names: tuple[str, ...]) -> Any:
    """The class of dm_env's observations with these numbers beside EnvPool's own three."""
    return namedtuple("State", ("env_id", "players", "obs", *names))


def _number(specs: Any, name: str, shape: tuple[int, ...], dtype: Any) -> Any:
    """The dm_env spec of a number without bounds, with EnvPool's: the least is the smallest positive number."""
    numbers = np.finfo(dtype)
    return specs.BoundedArray(shape, dtype, numbers.tiny, numbers.max, name=name)


def _arguments(task: Descriptor) -> tuple[str, ...]:
    """The constructor arguments that an option of EnvPool's may be: those of MuJoCo's tasks."""
    if not task.engine:
        return ()
    held: MujocoTask = task.task
    return (*held.options, *(name for name in held.takes if name != "default_camera_config"))


def _open(task_id: str, options: dict[str, Any]) -> tuple[Descriptor, Any, Any]:
    """The descriptor of a task with these constructor arguments, and EnvPool's spaces of it."""

    def make(spec: Descriptor, **how: Any) -> Batch:
        return open_cpu_batch(spec, 1, **how)

    opened = open_batch(task_id, EnvSpec, make, options)
    opened.batch.close()
    if not opened.spec.engine:
        return opened.spec, opened.observation_space, opened.action_space
    low, high = np.array(opened.spec.action_bounds, np.float64).T
    return opened.spec, opened.observation_space, gymnasium.spaces.Box(low, high, dtype=np.float64)


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
