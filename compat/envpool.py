"""EnvPool's interface to its classic-control tasks, on the native batch.

    from operant.compat import envpool
    envs = envpool.make("CartPole-v1", env_type="gymnasium", num_envs=4096, seed=1)

Results have EnvPool's shapes, dtypes and layout. Different are the numbers drawn, an episode that terminates on its
last allowed step (both flags are set), and unusable actions, which raise. Acrobot's info lacks `state`.
"""

from collections import namedtuple
from functools import partial
from typing import Any

import gymnasium
import numpy as np

from operant.batch import Batch, check_seed, defaults, unknown
from operant.catalog import CATALOG
from operant.compat import framework
from operant.pool import AsyncEnvPool
from operant.spaces import action_space, observation_space

TASKS = ["CartPole-v0", "CartPole-v1", "Pendulum-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Acrobot-v1"]
_OPTIONS = {"num_envs": 1, "batch_size": 0, "num_threads": 0, "seed": 42, "max_episode_steps": 0}
# EnvPool's other options can only be what they are by default: there is nothing here that they could change.
_FIXED = {"max_num_players": 1, "thread_affinity_offset": -1, "gym_reset_return_info": True, "render_mode": None}
_Players = namedtuple("_Players", "env_id")
_State = namedtuple("_State", "env_id players obs")


class EnvSpec:
    """What `make` was told, as `config`, and what follows from it: `reward_threshold`, spaces, dm_env's specs."""

    def __init__(self, task_id: str, **options: Any):
        if task_id not in TASKS:
            raise ValueError(unknown("EnvPool task", task_id, TASKS))
        for name, value in options.items():
            if name not in _OPTIONS | _FIXED:
                raise TypeError(unknown("EnvPool option", name, _OPTIONS | _FIXED))
            if value != _FIXED.get(name, value):
                raise ValueError(f"{name}={value!r} can only be {_FIXED[name]!r} here: leave it out, or use EnvPool")
        self.task = CATALOG[task_id]
        config: dict[str, Any] = _OPTIONS | {"max_episode_steps": self.task.max_episode_steps} | options
        config["batch_size"] = config["batch_size"] or config["num_envs"]
        self.config: Any = namedtuple("Config", config)(**config)
        self.reward_threshold, values = self.task.reward_threshold, defaults(self.task)
        self.observation_space = observation_space(self.task, values, values)
        self.action_space: Any = action_space(self.task, values)

    def observation_spec(self) -> Any:
        specs, box, limits = framework("dm_env.specs", "envpool"), self.observation_space, np.iinfo(np.int32)
        index = specs.BoundedArray((), np.int32, limits.min, limits.max, name="env_id")
        return _State(index, _Players(index), specs.BoundedArray(box.shape, box.dtype, box.low, box.high, name="obs"))

    def action_spec(self) -> Any:
        specs, space = framework("dm_env.specs", "envpool"), self.action_space
        if isinstance(space, gymnasium.spaces.Discrete):
            return specs.DiscreteArray(int(space.n), np.int32, name="action")
        return specs.BoundedArray(space.shape, space.dtype, space.low.item(), space.high.item(), name="action")


class EnvPool(gymnasium.vector.VectorEnv, gymnasium.Env[Any, Any]):  # type: ignore[misc]  # both, as EnvPool's is
    """`num_envs` environments, stepped in the background if `batch_size` is less; `time_step` is dm_env's, or None."""

    def __init__(self, spec: EnvSpec, time_step: Any = None):
        self.spec: Any = spec
        self.config: dict[str, Any] = spec.config._asdict()
        self.num_envs, size = self.config["num_envs"], self.config["batch_size"]
        self.single_observation_space = self.observation_space = spec.observation_space
        self.single_action_space = self.action_space = spec.action_space
        self.observation_spec, self.action_spec, self._time_step = spec.observation_spec, spec.action_spec, time_step
        self.metadata = {"autoreset_mode": gymnasium.vector.AutoresetMode.NEXT_STEP}
        self._seed: int | None = check_seed(self.config["seed"])
        how: Any = {"workers": self.config["num_threads"] or 1, "max_episode_steps": self.config["max_episode_steps"]}
        self.is_async = size != self.num_envs
        if self.is_async:
            self._pool: Any = AsyncEnvPool(spec.task.id, self.num_envs, size, **how)
        else:
            self._pool = Batch(spec.task, self.num_envs, **how)
            self._pool.seed(self._seed)
        self.all_env_ids = np.arange(self.num_envs, dtype=np.int32)
        self._elapsed = np.full(self.num_envs, -1, np.int32)  # -1: the next result is that of a reset
        self._results: Any = None  # what recv will return

    def __len__(self) -> int:
        return int(self.num_envs)

    def async_reset(self) -> None:
        """Begins an episode everywhere; the observations come from `recv`."""
        self._elapsed[:] = -1
        if self.is_async:
            self._pool.async_reset(self._seed)
            self._seed = None  # from here on the generators go on
        else:
            slot = self._pool.reset()
            self._results = (slot.observations, slot.rewards, slot.terminated, slot.truncated)

    def send(self, action: Any, env_id: Any = None) -> None:
        """Steps the environments `env_id` (`[K]` int, all by default) with `action`: `[K]`, or `[K, A]` floats."""
        if self.is_async:
            return self._pool.send(action, env_id)  # type: ignore[no-any-return]
        if env_id is not None and not np.array_equal(env_id, self.all_env_ids):
            raise ValueError(f"env_id={env_id!r} must be all, in order, unless batch_size is less than num_envs")
        if self._results is not None:
            raise RuntimeError("send before the last results were received: call recv() first")
        self._results = self._pool.step(action)[:4]

    def recv(self, reset: bool = False) -> Any:
        """The next results: of all environments in order, or of the `batch_size` that were finished first."""
        if self.is_async:
            *results, info = self._pool.recv()
            ids = info["env_id"].astype(np.int32)
        elif self._results is None:
            raise RuntimeError("recv would wait for ever: nothing was sent")
        else:
            ids, results, self._results = self.all_env_ids.copy(), self._results, None
        obs, ended = results[0], results[2] | results[3]
        rows: Any = ids if self.is_async else slice(None)
        elapsed = self._elapsed[rows] + np.int32(1)
        self._elapsed[rows] = elapsed
        self._elapsed[ids[ended]] = -1
        if self._time_step is not None:
            step_type = np.where(elapsed == 0, 0, 1 + ended).astype(np.int32)  # first, mid or last
            return self._time_step(step_type, results[1], 1 - ended.astype(np.float32), _State(ids, _Players(ids), obs))
        info = {"env_id": ids, "players": {"env_id": ids}, "elapsed_step": elapsed}
        return (obs, info) if reset else (*results, info)

    def step(self, action: Any, env_id: Any = None) -> Any:
        self.send(action, env_id)
        return self.recv()

    def reset(self, *, seed: Any = None) -> Any:  # type: ignore[override]
        if seed is not None:
            gymnasium.logger.warn("reset(seed=...) is ignored, as by EnvPool: give make(..., seed=...)")
        self.async_reset()
        return self.recv(reset=True)

    def close_extras(self, **kwargs: Any) -> None:
        self._pool.close()


def make(task_id: str, env_type: str, **options: Any) -> EnvPool:
    """EnvPool's `make`; `env_type` is "gymnasium", "gym", which EnvPool takes for the same, or "dm"."""
    if env_type not in ("gymnasium", "gym", "dm"):
        raise ValueError(unknown("env_type", env_type, ("gymnasium", "gym", "dm")))
    return EnvPool(EnvSpec(task_id, **options), framework("dm_env", "envpool").TimeStep if env_type == "dm" else None)


make_gymnasium, make_gym, make_dm = (partial(make, env_type=name) for name in ("gymnasium", "gym", "dm"))
make_spec, list_all_envs = EnvSpec, TASKS.copy
