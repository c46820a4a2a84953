"""The environments on which PPO under SB3's arguments trains: whatever SB3 takes, and Gymnasium's vector environments.

SB3 is not imported: an object of its classes exists only where a script has imported it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, TypeGuard

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from operant.environments.layout import Layout
from operant.environments.lookup import is_native
from operant.environments.spaces import array_space
from operant.environments.vector import OperantVectorEnv
from operant.models.collection.sources import (
    CpuEnvironments,
    DeviceEnvironments,
    Episodes,
    GymnasiumEnvironments,
    NativeEnvironments,
    make_environments,
)
from operant.models.networks.spaces import actions_of
from operant.rollout.buffer import RolloutBuffer

SAME_STEP = gym.vector.AutoresetMode.SAME_STEP


class NoEnvironments(CpuEnvironments):
    """The place of N environments of which only the spaces are known."""

    env_id = None
    resumable = False

    def __init__(self, num_envs: int, observation_space: spaces.Space[Any], action_space: spaces.Space[Any]):
        self.num_envs, self.observation_space, self.action_space = num_envs, observation_space, action_space
        self.layout = Layout(observation_space)

    def allocate(self, steps: int) -> RolloutBuffer:
        action = self.action_space
        dtype = np.float32 if isinstance(action, spaces.Box) else np.int64
        return RolloutBuffer(steps, self.num_envs, self.layout.shape, self.layout.dtype, action.shape or (), dtype)

    def reset(self, seed: int | None, buffer: RolloutBuffer) -> None: ...

    def step(self, buffer: RolloutBuffer, t: int) -> Episodes | None:
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...

    def close(self) -> None: ...


class SteppedVecEnv(NoEnvironments):
    """Any `VecEnv` of SB3, with its wrappers, step by step."""

    def __init__(self, vec_env: Any):
        super().__init__(vec_env.num_envs, vec_env.observation_space, vec_env.action_space)
        self.vec_env = vec_env
        self.returns, self.lengths = np.zeros(self.num_envs), np.zeros(self.num_envs, np.int64)

    def reset(self, seed: int | None, buffer: RolloutBuffer) -> None:
        if seed is not None:
            self.vec_env.seed(seed)
        self.layout.flatten(self.vec_env.reset(), buffer.observations[-1])
        self.returns[:], self.lengths[:] = 0, 0

    def step(self, buffer: RolloutBuffer, t: int) -> Episodes | None:
        actions = actions_of(self.action_space, buffer.actions[t])
        observations, rewards, dones, infos = self.vec_env.step(actions)
        truncated = dones & [bool(info.get("TimeLimit.truncated")) for info in infos]
        buffer.record(t, self.layout.flatten(observations), rewards, dones & ~truncated, truncated)
        self.returns += rewards
        self.lengths += 1
        ended = np.flatnonzero(dones)
        if not len(ended):
            return None
        own = zip(self.returns[ended].tolist(), self.lengths[ended].tolist(), strict=True)
        # Monitor's numbers are those of the task, below a wrapper that changes rewards.
        told = (infos[row].get("episode", {"r": r, "l": length}) for row, (r, length) in zip(ended, own, strict=True))
        numbers = np.array([(episode["r"], episode["l"]) for episode in told])
        rows = np.flatnonzero(truncated)
        final = [self.layout.flatten(infos[row]["terminal_observation"]) for row in rows]
        stacked = np.stack(final) if final else buffer.observations[0, :0]
        self.returns[ended], self.lengths[ended] = 0, 0
        return Episodes(numbers[:, 0], numbers[:, 1].astype(np.int64), rows, stacked)

    def close(self) -> None:
        self.vec_env.close()


class NativeVecEnv(NativeEnvironments):
    """The batch of an `OperantVecEnv`, which the core steps by itself."""

    def __init__(self, vec_env: Any):
        super().__init__(vec_env.vector_env)
        self.vec_env = vec_env

    def begin(self, seed: int | None) -> None:
        if seed is not None:
            self.vec_env.seed(seed)
        self.vec_env.reset()


def open_environments(env: Any) -> CpuEnvironments:
    """Opens what `PPO` takes as `env`; an id makes one environment, as in SB3.

    Raises:
        TypeError: it is nothing of this kind.
        ValueError: the id is unknown, or the vector environment has another autoreset mode than SAME_STEP.
    """
    environments = _open(env)
    # SB3 has no Tuple, and the core writes one as it does MultiDiscrete.
    if isinstance(environments, NativeEnvironments):
        environments.observation_space = array_space(environments.observation_space)
    return environments


def vec_env_of(environments: CpuEnvironments) -> Any:
    """Returns environments as a `VecEnv` of SB3, or None if there are none; imports SB3.

    Raises:
        TypeError: they have no such form.
    """
    if isinstance(environments, NativeVecEnv | SteppedVecEnv):
        return environments.vec_env
    if isinstance(environments, NoEnvironments):
        return None
    assert isinstance(environments, NativeEnvironments | GymnasiumEnvironments)
    envs: Any = environments.envs
    if isinstance(envs, OperantVectorEnv):
        from operant.compat.sb3_vec_env import OperantVecEnv

        return OperantVecEnv(envs)
    if not isinstance(envs, gym.vector.SyncVectorEnv):
        raise TypeError(f"{envs} has no form as a VecEnv of Stable-Baselines3: give PPO a VecEnv, or an id")
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import DummyVecEnv

    return DummyVecEnv([lambda each=each: Monitor(each) for each in envs.envs])  # type: ignore[misc]


def _open(env: Any) -> CpuEnvironments:
    if _is_vec_env(env):
        ours = sys.modules.get("operant.compat.sb3_vec_env")
        whole = ours is not None and type(env) is ours.OperantVecEnv
        # The core would write no file of Monitor's and show no window, and its rollouts hold float32.
        return NativeVecEnv(env) if whole and env.is_plain else SteppedVecEnv(env)
    if isinstance(env, OperantVectorEnv) and env.batch.exact:
        return GymnasiumEnvironments(env, env.batch.spec.full_id)
    if isinstance(env, gym.Env):
        return GymnasiumEnvironments(gym.vector.SyncVectorEnv([lambda: env], autoreset_mode=SAME_STEP), None)
    if not isinstance(env, str | gym.vector.VectorEnv):
        raise TypeError(
            f"env={env!r} must be an id, an environment or vector environment of Gymnasium, or a VecEnv of SB3"
        )
    if isinstance(env, str) and is_native(name := _our_name(env)):
        env = OperantVectorEnv(name, autoreset_mode="SameStep", precision="float32")  # as its rollouts hold it
    environments = make_environments(env, 1, {})
    if isinstance(environments, DeviceEnvironments):
        raise ValueError(f"{env} is on a GPU, where operant.compat.sb3.PPO does not train: use operant.models.PPO")
    return environments


def _our_name(env_id: str) -> str:
    """Returns an id without the module that registers operant's."""
    name = env_id.rpartition(":")[2]
    return name if name.startswith("operant/") else env_id


def _is_vec_env(env: Any) -> TypeGuard[Any]:
    module = sys.modules.get("stable_baselines3.common.vec_env.base_vec_env")
    return module is not None and isinstance(env, module.VecEnv)
