"""EnvPool's interface to its classic-control and MuJoCo tasks, on the native batch.

    from operant.compat import envpool
    envs = envpool.make("CartPole-v1", env_type="gymnasium", num_envs=4096, seed=1)

Results have EnvPool's shapes, dtypes and layout. Three things differ: the random numbers; an episode that terminates on
its last allowed step has both flags set; and invalid actions raise an error. MuJoCo's tasks are Gymnasium's, on the
MuJoCo that is installed; EnvPool has a MuJoCo of its own.
"""

from dataclasses import replace
from functools import partial
from typing import Any, NoReturn

import gymnasium
import numpy as np

from operant.compat import framework
from operant.compat.envpool_ids import chosen
from operant.compat.envpool_spec import TASKS, EnvSpec, Players, state_class
from operant.engines.batch import EngineBatch, open_cpu_batch
from operant.environments.engine_infos import EngineInfos
from operant.environments.pool import AsyncEnvPool
from operant.messages import unknown

try:
    from gymnasium.vector import AutoresetMode
except ImportError as old:
    needed = f"operant.compat.envpool needs gymnasium 1.1 or newer, not {gymnasium.__version__}"
    raise ImportError(f"{needed}: pip install -U gymnasium") from old


class EnvPool(gymnasium.vector.VectorEnv, gymnasium.Env[Any, Any]):  # type: ignore[misc]  # both, as EnvPool's is
    """`num_envs` environments, stepped in the background if `batch_size` is less.

    `time_step` is dm_env's class of results, or None for Gymnasium's tuples.
    """

    is_vector_env = True

    def __init__(self, spec: EnvSpec, time_step: Any = None):
        self.closed = True  # until the constructor succeeds: Gymnasium before 1.3 closes pools that raised in it
        self.spec: Any = spec
        self.config: dict[str, Any] = spec.config._asdict()
        self.num_envs, size = self.config["num_envs"], self.config["batch_size"]
        self.single_observation_space = self.observation_space = spec.observation_space
        self.single_action_space = self.action_space = spec.action_space
        self.observation_spec, self.action_spec, self._time_step = spec.observation_spec, spec.action_spec, time_step
        self.metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}
        how: Any = {"workers": self.config["num_threads"] or 1, "max_episode_steps": self.config["max_episode_steps"]}
        self.is_async = size != self.num_envs
        if self.is_async:
            self._pool: Any = AsyncEnvPool(spec.task.id, self.num_envs, size, **how, **spec.options)
            self._store = self._pool._store
        else:
            self._pool = self._store = open_cpu_batch(spec.task, self.num_envs, **how)
        self._store.seed(spec.seeds)
        self._engine_infos = _engine_infos(self._store, spec)
        if self.is_async:
            self._pool._infos = self._engine_infos
        self.all_env_ids = np.arange(self.num_envs, dtype=np.int32)
        self._elapsed = np.full(self.num_envs, -1, np.int32)  # -1: the next result is that of a reset
        self._results: Any = None  # for the next recv: the environments, and their four arrays
        self.closed = False

    def __len__(self) -> int:
        return int(self.num_envs)

    def __repr__(self) -> str:
        return f"EnvPool({self.spec.describe()})"

    __str__ = __repr__

    def async_reset(self) -> None:
        """Begins an episode in every environment; `recv` returns the observations."""
        if not self.is_async:
            return self._reset(slice(None), None)
        self._elapsed[:] = -1
        self._pool._seeded = True  # its store was seeded in the constructor
        self._pool.async_reset()

    def _reset(self, rows: Any, mask: np.ndarray | None) -> None:
        slot = self._pool.reset(mask)
        self._elapsed[rows] = -1
        arrays = slot.observations, slot.rewards, slot.terminated, slot.truncated
        self._results = rows, [array[rows] for array in arrays]

    def send(self, action: Any, env_id: Any = None) -> None:
        """Steps the environments `env_id` (`[K]` int, default all) with `action`: `[K]`, `[K, A]` or a dict of both."""
        if isinstance(action, dict):
            if "action" not in action or action.keys() - {"action", "env_id"}:
                raise ValueError(f"an action's keys must be 'action' and optionally 'env_id', not {list(action)}")
            env_id = action.get("env_id") if env_id is None else env_id
            action = action["action"]
        if self.is_async:
            return self._pool.send(action, env_id)  # type: ignore[no-any-return]
        if env_id is not None and not np.array_equal(env_id, self.all_env_ids):
            raise ValueError(
                f"env_id={env_id!r} must name all environments in order, unless batch_size is less than num_envs"
            )
        if self._results is not None:
            raise RuntimeError("send before the last results were received: call recv() first")
        self._results = slice(None), list(self._pool.step(action)[:4])

    def recv(self, reset: bool = False) -> Any:
        """The next results: of all environments in order, or of the first `batch_size` to finish."""
        if self.is_async:
            *results, extras = self._pool.recv()
            rows: Any = extras.pop("env_id")
        elif self._results is None:
            raise RuntimeError("recv would wait forever: nothing was sent")
        else:
            (rows, results), self._results = self._results, None
            extras = self._engine_infos.of_rows(self._pool.last_terms()[0].T[rows]) if self._engine_infos else {}
        ids, obs, ended = self.all_env_ids[rows].copy(), results[0], results[2] | results[3]
        results[1] = results[1].astype(np.float32, copy=False)
        elapsed = self._elapsed[rows] + np.int32(1)
        self._elapsed[rows] = elapsed
        self._elapsed[ids[ended]] = -1
        extras = {name: extras.get(name, np.ones(len(ids))) for name in self.spec.reported}
        if self.spec.joints:
            extras["state"] = np.stack([self._store.column(name)[rows] for name in self.spec.joints], axis=1)
        if self._time_step is not None:
            step_type = np.where(elapsed == 0, 0, 1 + ended).astype(np.int32)  # first, mid or last
            state = state_class(tuple(extras))(ids, Players(ids), obs, *extras.values())
            return self._time_step(step_type, results[1], 1 - ended.astype(np.float32), state)
        info = {"env_id": ids, "players": {"env_id": ids}, "elapsed_step": elapsed, **extras}
        return (obs, info) if reset else (*results, info)

    def step(self, action: Any, env_id: Any = None) -> Any:
        """Sends the actions and receives the next results: `send` and `recv` in one call."""
        self.send(action, env_id)
        return self.recv()

    def reset(self, env_id: Any = None, *, seed: Any = None, options: dict[str, Any] | None = None) -> Any:
        """Begins an episode in the environments `env_id` (`[K]` int) or of options["reset_mask"], all by default."""
        if seed is not None:
            gymnasium.logger.warn("reset(seed=...) is ignored, as in EnvPool: use make(..., seed=...)")
        ids = chosen(env_id, options or {}, self.num_envs)
        if ids is None:
            self.async_reset()
        elif self.is_async:
            raise ValueError(f"env_id={ids}: omit it, some environments can be reset only if batch_size is num_envs")
        else:
            self._reset(ids, np.isin(self.all_env_ids, ids))
        return self.recv(reset=True)

    def seed(self, seed: Any = None) -> None:
        """Does nothing but warn, as in EnvPool: seeds are given to `make`."""
        gymnasium.logger.warn("seed(...) does nothing, as in EnvPool: use make(..., seed=...)")

    def render(self, env_ids: Any = None, camera_id: Any = None) -> NoReturn:
        """Raises a RuntimeError: operant's own ids draw."""
        raise RuntimeError("render() is not supported: use gymnasium.make_vec with operant's id and a render_mode")

    def xla(self) -> NoReturn:
        """Raises a RuntimeError: there is no XLA interface."""
        raise RuntimeError("xla() is not supported: use step, or send and recv")

    def close_extras(self, **kwargs: Any) -> None:
        """Frees the core's memory."""
        self._pool.close()


def _engine_infos(batch: Any, spec: EnvSpec) -> EngineInfos | None:
    """The reader of what EnvPool reports of a task on MuJoCo, as float64; None for other tasks."""
    if not isinstance(batch, EngineBatch):
        return None
    terms = {term.name: term for term in batch.model.core_terms}
    listed = [(name, terms[term]) for name, term in spec.reported.items() if term is not None]
    return EngineInfos(batch, [replace(term, name=name, kind="real") for name, term in listed])


def make(task_id: str, env_type: str, **options: Any) -> EnvPool:
    """EnvPool's `make`; `env_type` is "gymnasium", "gym", which means the same in EnvPool, or "dm"."""
    if env_type not in ("gymnasium", "gym", "dm"):
        raise ValueError(unknown("env_type", env_type, ("gymnasium", "gym", "dm")))
    return EnvPool(EnvSpec(task_id, **options), framework("dm_env", "envpool").TimeStep if env_type == "dm" else None)


make_gymnasium, make_gym, make_dm = (partial(make, env_type=name) for name in ("gymnasium", "gym", "dm"))
make_spec, list_all_envs = EnvSpec, TASKS.copy
