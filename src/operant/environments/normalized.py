"""NormalizedVecEnv: any vector environment with observations and rewards normalised by running statistics."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from operant.environments.vector_base import AutoresetMode, VectorEnv, VectorWrapper
from operant.files.safetensors import read_safetensors, write_safetensors
from operant.rollout.arguments import FLOAT32
from operant.rollout.normalizer import RewardNormalizer, RunningNormalizer, prior

FORMAT = {"format": "operant statistics", "version": "1"}


class NormalizedVecEnv(VectorWrapper):  # without arguments of types, as Gymnasium 1.1's class has none
    """N environments whose observations have mean 0 and variance 1, and whose rewards have the scale of their returns.

        envs = NormalizedVecEnv(CartPoleVecEnv(4096))

    Results equal those of Stable-Baselines3's VecNormalize, in every autoreset mode. Every observation of an
    environment counts once in the statistics: under "SameStep" `infos["final_obs"]` is normalised and not counted, as
    there, and a masked reset counts the environments that it resets. A discounted sum of rewards begins at 0 in each
    episode, and the step in which "NextStep" resets an environment adds nothing to the rewards' statistics.

    Observations and rewards are computed and returned in float32. Observations may have any Box as their space.

    Args:
        envs: the environments, `OperantVectorEnv` or any other `gymnasium.vector.VectorEnv` in the CPU's memory.
        observations, rewards: False leaves them as they are.
        clip_observations, clip_rewards: normalised numbers are clipped to [-clip, clip].
        gamma: the discount of the sums by whose standard deviation rewards are divided.

    Attributes:
        training: False keeps the statistics as they are, for evaluation.
        observation_statistics: mean and variance of each number that an environment observes; None without.
        reward_statistics: those of the discounted sums, and the sums of the current episodes; None without.
    """

    observation_statistics: RunningNormalizer | None
    reward_statistics: RewardNormalizer | None

    def __init__(
        self,
        envs: VectorEnv[Any, Any, Any],
        observations: bool = True,
        rewards: bool = True,
        clip_observations: float = 10.0,
        clip_rewards: float = 10.0,
        gamma: float = 0.99,
    ):
        super().__init__(envs)
        if envs.metadata.get("torch"):
            raise ValueError("NormalizedVecEnv computes in the CPU's memory: make the environments with device='cpu'")
        self._next_step = AutoresetMode(envs.metadata.get("autoreset_mode", "NextStep")) is AutoresetMode.NEXT_STEP
        self._resetting = np.zeros(self.num_envs, np.bool_)  # environments that the next step resets
        for name, clip in (("clip_observations", clip_observations), ("clip_rewards", clip_rewards)):
            if not isinstance(clip, int | float | np.number) or not clip > 0:
                raise ValueError(f"{name}={clip!r} must be a number above 0; math.inf clips nothing")
        self.training = True
        self.observation_statistics = self.reward_statistics = None
        if observations:
            space = envs.single_observation_space
            if not isinstance(space, spaces.Box):
                raise ValueError(f"only observations of a Box have a mean, not of {space}: give observations=False")
            self.observation_statistics = RunningNormalizer(space.shape, clip=clip_observations)
            self.observation_statistics.load_state_dict(prior(math.prod(space.shape)))
            bound = np.float32(clip_observations)
            self.single_observation_space = spaces.Box(-bound, bound, space.shape, np.float32)
            self.observation_space = spaces.Box(-bound, bound, (self.num_envs, *space.shape), np.float32)
        if rewards:
            self.reward_statistics = RewardNormalizer(self.num_envs, gamma, clip=clip_rewards)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begins episodes; see the environments' own `reset`. `options["reset_mask"]` chooses some of them."""
        mask = (options or {}).get("reset_mask")  # SyncVectorEnv takes it out of its options
        observations, infos = self.env.reset(seed=seed, options=options)
        begun = slice(None) if mask is None else mask
        self._resetting[begun] = False
        if self.reward_statistics is not None:
            self.reward_statistics.returns[begun] = 0
        return self._normalized(observations, begun), infos

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Steps every environment; observations, rewards and `infos["final_obs"]` are normalised."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        ended = terminated | truncated
        rewards = self._scaled(rewards, ended)
        if self._next_step:
            self._resetting = ended
        observations = self._normalized(observations, slice(None))
        if self.observation_statistics is not None and "final_obs" in infos:
            infos = {**infos, "final_obs": self._final(infos["final_obs"], infos["_final_obs"])}
        return observations, rewards, terminated, truncated, infos

    def _normalized(self, observations: Any, counted: Any) -> Any:
        """Normalises observations `[N, *D]`, after adding the rows `counted` to the statistics."""
        statistics = self.observation_statistics
        if statistics is None:
            return observations
        rows = np.ascontiguousarray(observations, FLOAT32)
        if self.training:
            statistics.update(rows[counted])
        return statistics.normalize(rows)

    def _scaled(self, rewards: Any, ended: np.ndarray) -> Any:
        """Divides rewards `[N]` by their scale; `ended` `[N]` bool marks the episodes that are over."""
        statistics = self.reward_statistics
        if statistics is None:
            return rewards
        row = np.ascontiguousarray(rewards, FLOAT32)
        if self.training:
            return statistics(row, ended, ~self._resetting if self._resetting.any() else None)
        statistics.returns[ended] = 0
        return statistics.statistics.scale(row)

    def _final(self, final: np.ndarray, present: np.ndarray) -> np.ndarray:
        """Final observations, `[N]` object or `[N, *D]`, normalised where `present` `[N]` bool: new arrays."""
        statistics, given = self.observation_statistics, final[present]
        assert statistics is not None
        if not len(given):
            return final
        objects = final.dtype.hasobject
        joined = np.concatenate(given.tolist()) if objects and statistics.shape else given
        rows = statistics.normalize(np.ascontiguousarray(joined, FLOAT32).reshape(-1, *statistics.shape))
        result = np.empty_like(final) if objects else final.astype(FLOAT32)
        result[present] = np.fromiter(rows, object, len(rows)) if objects else rows
        return result

    # Statistics, saved and restored.

    def state_dict(self) -> dict[str, Any]:
        """The statistics, and the discounted sums of the current episodes, for `load_state_dict`."""
        state: dict[str, Any] = {"resetting": self._resetting.tolist()}
        if self.observation_statistics is not None:
            state["observations"] = self.observation_statistics.state_dict()
        if self.reward_statistics is not None:
            state["rewards"] = self.reward_statistics.state_dict()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores the result of `state_dict`.

        The sums of current episodes are restored if there are as many environments; otherwise they begin at 0.

        Raises:
            ValueError: the state lacks statistics that this environment has, or they are impossible. Nothing changed.
        """
        observations, rewards, resetting = self._restored(state)
        self.observation_statistics, self.reward_statistics, self._resetting = observations, rewards, resetting

    def _restored(self, state: Mapping[str, Any]) -> tuple[RunningNormalizer | None, RewardNormalizer | None, Any]:
        """The statistics of a state, as new objects."""
        observations, rewards = self.observation_statistics, self.reward_statistics
        for name, mine in (("observations", observations), ("rewards", rewards)):
            if mine is not None and name not in state:
                raise ValueError(f"the state has no statistics of {name}: give {name}=False, or another state")
        resetting = np.array(state["resetting"], np.bool_)
        alike = resetting.shape == self._resetting.shape
        if observations is not None:
            observations = RunningNormalizer(observations.shape, clip=observations.clip)
            observations.load_state_dict(state["observations"])
        if rewards is not None:
            returns = state["rewards"]["returns"] if alike else np.zeros_like(rewards.returns)
            rewards = RewardNormalizer(self.num_envs, rewards.gamma, clip=rewards.statistics.clip)
            rewards.load_state_dict({**state["rewards"], "returns": returns})
        return observations, rewards, resetting if alike else np.zeros_like(self._resetting)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes `state_dict` to a safetensors file, which is complete or absent after a crash.

        Raises:
            OSError: the file cannot be written; the message names it and the remedy.
        """
        write_safetensors(path, _flat(self.state_dict()), FORMAT)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Restores the statistics of a file that `save` wrote; see `load_state_dict`.

        Raises:
            ValueError: the file is missing, damaged, another program's, or has no such statistics. Nothing changed.
        """
        arrays, metadata = read_safetensors(path, "file of statistics")
        if metadata != FORMAT:
            raise ValueError(f"{os.fspath(path)} is not a file of statistics that this operant reads: {metadata}")
        try:
            restored = self._restored(_nested(arrays))
        except (ValueError, TypeError, KeyError, AttributeError) as problem:
            raise ValueError(f"{os.fspath(path)} does not fit these environments: {problem}") from None
        self.observation_statistics, self.reward_statistics, self._resetting = restored


def _flat(state: Mapping[str, Any], prefix: str = "") -> dict[str, np.ndarray]:
    """The arrays of a nested state by their places, such as "rewards.statistics.mean"."""
    arrays = {}
    for name, value in state.items():
        inner = _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: np.asarray(value)}
        arrays.update(inner)
    return arrays


def _nested(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The nested state of which `_flat` made these arrays."""
    state: dict[str, Any] = {}
    for place, array in arrays.items():
        *outer, name = place.split(".")
        inner = state
        for part in outer:
            inner = inner.setdefault(part, {})
        inner[name] = array
    return state
