"""The environments for training: a native batch, whose core writes into the rollout itself, or any vector env.

The autoreset mode is SAME_STEP, so that every row of a rollout is a transition of the task.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeGuard

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from operant.batch.base import BatchBase
from operant.batch.batch import Batch
from operant.catalog import CATALOG, ENGINES, MULTIAGENT
from operant.environments.layout import Layout
from operant.environments.lookup import AUTHORED, find_spec, is_native
from operant.environments.vector import OperantVectorEnv
from operant.messages import NotCopyable, unknown
from operant.models.machine.data_parallel import processes
from operant.models.networks.spaces import actions_of
from operant.rollout.buffer import RolloutBuffer
from operant.workers.choice import available_cores

if TYPE_CHECKING:
    from operant.cuda.batch import CudaBatch
    from operant.environments.cuda_vector import CudaVectorEnv
    from operant.rollout.device_buffer import DeviceBuffer


VectorEnv: TypeAlias = gym.vector.VectorEnv[Any, Any, Any]

OPTIONS_OF_ALGORITHMS = ("num_envs", "device", "workers")
"""The options of an algorithm that its environments are made with."""

Source: TypeAlias = "str | VectorEnv | CpuEnvironments | DeviceEnvironments"
"""Where an algorithm's environments come from: an id, a vector env, or environments made of either."""


class Episodes(NamedTuple):
    """The K episodes that ended in a step: their returns and lengths `[K]`.

    `truncated` `[J]` holds the rows of episodes that were truncated but not terminated; `final_observations` `[J, ...]`
    are their last observations.
    """

    returns: np.ndarray
    lengths: np.ndarray
    truncated: np.ndarray
    final_observations: np.ndarray


class Environments(NotCopyable, ABC):
    """N environments (or rows of agents).

    `env_id` is None for a vector env without an id. Observations in buffers are rows of `Layout(observation_space)`.
    `action_masks` `[values, actions]` bool marks the allowed actions for each value of a Discrete observation; None
    allows all.
    """

    instead = "copy its vector environment, `envs`, or save the algorithm with save(path)"

    env_id: str | None
    num_envs: int
    observation_space: spaces.Space[Any]
    action_space: spaces.Space[Any]
    resumable: bool
    action_masks: np.ndarray | None = None

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Returns the state for `load_state_dict`."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...

    @abstractmethod
    def close(self) -> None: ...


class CpuEnvironments(Environments):
    """Environments in the CPU's memory, which fill the rows of a `RolloutBuffer`."""

    @abstractmethod
    def allocate(self, steps: int) -> RolloutBuffer:
        """Allocates a buffer of T = `steps` rows for `step`."""

    @abstractmethod
    def reset(self, seed: int | None, buffer: RolloutBuffer) -> None:
        """Begins an episode in every environment; its observations go to the buffer's last row, for `roll`.

        With a `seed` of None the environments' own generators continue.
        """

    @abstractmethod
    def step(self, buffer: RolloutBuffer, t: int) -> Episodes | None:
        """Steps with row t of the buffer's actions, which are within the space, and fills that row.

        Returns None if no episode ended.
        """


class BatchEnvironments(Environments):
    """A batch of operant's environments, in a vector env in mode "SameStep"."""

    resumable = True
    batch: BatchBase

    def __init__(self, envs: OperantVectorEnv | CudaVectorEnv):
        self.envs, self.batch = envs, envs.batch
        self.env_id = self.batch.spec.source or self.batch.spec.full_id
        self.num_envs = envs.num_envs
        self.observation_space, self.action_space = envs.single_observation_space, envs.single_action_space
        masks = self.batch.spec.action_masks
        self.action_masks = np.array(masks) if masks else None

    def state_dict(self) -> dict[str, Any]:
        return {"environments": self.batch.get_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        snapshot, count = state["environments"], self.batch.num_envs
        if isinstance(snapshot, np.ndarray) and snapshot.shape == (1,) and count > 1:  # `set_state` would branch it
            raise ValueError(f"the snapshot holds 1 environment, but {count} are to be set")
        self.batch.set_state(snapshot)

    def close(self) -> None:
        self.envs.close()


class NativeEnvironments(BatchEnvironments, CpuEnvironments):
    """Operant's environments on the CPU; the core writes observations, rewards and flags directly into the buffer."""

    batch: Batch

    def allocate(self, steps: int) -> RolloutBuffer:
        buffer = RolloutBuffer.for_batch(self.batch, steps)
        buffer.observations = self.rows(buffer.observations)
        return buffer

    def rows(self, observations: np.ndarray) -> np.ndarray:
        """Views observations as policies read them, without a copy: integers become the bytes of `Layout`."""
        if isinstance(self.observation_space, spaces.Box):
            return observations
        leading = observations.ndim - len(self.batch.observation_shape)
        return observations.reshape(*observations.shape[:leading], self.batch.observation_size).view(np.uint8)

    def begin(self, seed: int | None) -> None:
        """Begins an episode in every environment; with a `seed` of None their own generators continue."""
        if seed is not None:
            self.batch.seed(seed)
        self.batch.reset()

    def reset(self, seed: int | None, buffer: RolloutBuffer) -> None:
        self.begin(seed)
        buffer.observations[-1] = self.rows(self.batch.observe().observations)

    def step(self, buffer: RolloutBuffer, t: int) -> Episodes | None:
        buffer.step(t)
        if not self.batch.last_finished.count:
            return None
        rows, returns, lengths = self.batch.finished()
        truncated = ~buffer.terminated[t, rows]
        final = self.batch.final_observations()[truncated]
        return Episodes(returns, lengths, rows[truncated], self.rows(final))


class DeviceEnvironments(BatchEnvironments):
    """Operant's environments on a GPU, in a `CudaVectorEnv`; see `DeviceCollector`."""

    batch: CudaBatch

    def allocate(self, steps: int) -> DeviceBuffer:
        """Allocates a buffer of T = `steps` rows, which steps the batch itself."""
        from operant.rollout.device_buffer import DeviceBuffer

        return DeviceBuffer(self.batch, steps)

    def reset(self, seed: int, buffer: DeviceBuffer) -> None:
        """Begins an episode in every environment; its observations go to the buffer's last row, for `roll`."""
        self.batch.seed(seed)
        buffer.tensors.observations[-1].copy_(self.batch.reset().observations)


class GymnasiumEnvironments(CpuEnvironments):
    """Any other vector env in SAME_STEP mode; nested observations are flattened into rows.

    Its state cannot be saved, so every environment begins a new episode after `load_state_dict`.
    """

    resumable = False

    def __init__(self, envs: VectorEnv, env_id: str | None):
        mode = envs.metadata.get("autoreset_mode")
        if mode != gym.vector.AutoresetMode.SAME_STEP:
            raise ValueError(
                f"training needs a vector env in SAME_STEP mode, not {mode}: give its id instead, or make it with "
                "autoreset_mode=gymnasium.vector.AutoresetMode.SAME_STEP"
            )
        self.envs, self.env_id, self.num_envs = envs, env_id, envs.num_envs
        self.observation_space, self.action_space = envs.single_observation_space, envs.single_action_space
        self.layout = Layout(self.observation_space)
        self.returns, self.lengths = np.zeros(self.num_envs), np.zeros(self.num_envs, np.int64)
        self.seed: int | None = 0

    def allocate(self, steps: int) -> RolloutBuffer:
        action = self.action_space
        dtype = np.float32 if isinstance(action, spaces.Box) else np.int64
        return RolloutBuffer(steps, self.num_envs, self.layout.shape, self.layout.dtype, action.shape or (), dtype)

    def reset(self, seed: int | None, buffer: RolloutBuffer) -> None:
        self.seed = seed
        observations, _ = self.envs.reset(seed=seed)
        self.layout.flatten(observations, buffer.observations[-1])
        self.returns[:], self.lengths[:] = 0, 0

    def step(self, buffer: RolloutBuffer, t: int) -> Episodes | None:
        actions = actions_of(self.action_space, buffer.actions[t])
        observations, rewards, terminated, truncated, infos = self.envs.step(actions)
        buffer.record(t, self.layout.flatten(observations), rewards, terminated, truncated)
        self.returns += rewards
        self.lengths += 1
        ended = terminated | truncated
        if not ended.any():
            return None
        rows = np.flatnonzero(truncated & ~terminated)
        final = [self.layout.flatten(infos["final_obs"][row]) for row in rows]
        stacked = np.stack(final) if final else buffer.observations[0, :0]
        episodes = Episodes(self.returns[ended], self.lengths[ended], rows, stacked)
        self.returns[ended], self.lengths[ended] = 0, 0
        return episodes

    def state_dict(self) -> dict[str, Any]:
        return {"seed": self.seed}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.seed = state["seed"]

    def close(self) -> None:
        self.envs.close()


def make_environments(
    env: Source, num_envs: int, options: Mapping[str, Any], device: str = "cpu", workers: int = 0, threads: int = 0
) -> CpuEnvironments | DeviceEnvironments:
    """Makes the environments of an id, operant's or another's, or wraps a vector env; returns others as they are.

    `options` are the constructor's arguments. Operant's environments are on `device`, all others on the CPU. In a
    multi-agent environment every agent is a row; `num_envs` counts environments. Of an id that exists only in
    Python `workers` processes step the environments, by `operant.vectorize`; 0 steps them in this process. Those on
    MuJoCo, whose steps are slow, are stepped by `threads` threads; 0: one for each core, shared among torchrun's
    processes.

    Raises:
        ImportError: a module that the environment needs is not installed.
        ValueError: the id is unknown, the vector env has the wrong mode, or `options` are given for a vector env, or
            `workers` for anything but an environment in Python.
    """
    if isinstance(env, CpuEnvironments | DeviceEnvironments):
        return env
    if not isinstance(env, str):
        if options:
            raise ValueError(f"options {sorted(options)} are only for an id: pass them when making the vector env")
        if workers:
            raise ValueError(
                f"workers={workers} is only for an id: give operant.vectorize(..., workers={workers}) as env"
            )
        if isinstance(env, gym.Env):
            raise TypeError(f"env={env} is one environment, and training takes an id or a vector env: give its id")
        if not isinstance(env, gym.vector.VectorEnv):
            raise TypeError(f"env={env!r} must be an id or a vector env")
        if is_on_device(env):
            return DeviceEnvironments(env)
        if isinstance(env, OperantVectorEnv) and env.autoreset_mode == gym.vector.AutoresetMode.SAME_STEP:
            return NativeEnvironments(env)
        return GymnasiumEnvironments(env, env.spec.id if env.spec else None)
    _, _, name = env.rpartition(":")
    ours = name if name.startswith("operant/") else env
    if is_native(ours):
        _check_own(options, ("num_envs", "autoreset_mode", "copy", "device"))
    elif workers:
        _check_own(options, ("num_envs", "workers", "autoreset_mode", "copy"))
    else:
        _check_own(options, ("num_envs", "vectorization_mode", "vector_kwargs"))
    if is_native(ours) and workers:
        raise ValueError(
            f"workers={workers} is for environments written in Python, and {ours} is a native batch: omit it"
        )
    if is_native(ours) and device != "cpu":
        from operant.environments.cuda_vector import CudaVectorEnv

        return DeviceEnvironments(
            CudaVectorEnv(ours, num_envs, device=device, autoreset_mode="SameStep", copy=False, **options)
        )
    if is_native(ours):
        given = {"precision": "float32", **options}  # of what is returned: rollouts hold float32
        if find_spec(ours).engine:
            given = {"workers": min(threads or max(1, available_cores() // processes()), num_envs), **given}
        return NativeEnvironments(OperantVectorEnv(ours, num_envs, autoreset_mode="SameStep", copy=False, **given))
    same_step = gym.vector.AutoresetMode.SAME_STEP
    envs: Any
    try:
        if workers:
            from operant.workers.vectorize import vectorize

            envs = vectorize(env, num_envs, workers, autoreset_mode=same_step, copy=False, **options)
        else:
            envs = gym.make_vec(
                env, num_envs, vectorization_mode="sync", vector_kwargs={"autoreset_mode": same_step}, **options
            )
    except (gym.error.UnregisteredEnv, ModuleNotFoundError) as problem:
        missing = None
        if isinstance(problem, ModuleNotFoundError):  # Gymnasium's, which has no name, or that of an import
            missing = problem.name or getattr(problem.__cause__, "name", None)
        if missing is not None and not f"{env.rpartition(':')[0]}.".startswith(f"{missing}."):
            raise ImportError(f"{env} needs the module {missing}, which is not installed", name=missing) from None
        if missing is not None:
            raise ValueError(
                f"unknown environment {env!r}: there is no module {missing!r}: install it, or name its folder in "
                "PYTHONPATH"
            ) from None
        raise ValueError(unknown("environment", env, (*gym.registry, *known_ids()))) from problem
    return GymnasiumEnvironments(envs, env)


def _check_own(options: Mapping[str, Any], own: tuple[str, ...]) -> None:
    """Raises a ValueError if an option of the environment is one of those that training chooses itself."""
    for name in own:
        if name in options:
            remedy = f"give {name} as an option of the algorithm" if name in OPTIONS_OF_ALGORITHMS else "leave it out"
            raise ValueError(f"the environment option {name}={options[name]!r} is training's own: {remedy}")


def is_on_device(env: VectorEnv) -> TypeGuard[CudaVectorEnv]:
    """Returns True for a CudaVectorEnv, without importing its module."""
    module = sys.modules.get("operant.environments.cuda_vector")  # there are no instances before it is imported
    return module is not None and isinstance(env, module.CudaVectorEnv)


def known_ids() -> tuple[str, ...]:
    """Lists the full ids of operant's environments."""
    return (*(f"operant/{name}" for name in (*CATALOG, *ENGINES, *MULTIAGENT)), *AUTHORED)
