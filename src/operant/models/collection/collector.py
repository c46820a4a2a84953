"""Steps environments with a policy, and collects the rollout from which an update learns."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from operant.messages import NotCopyable, integer
from operant.models.collection.sources import CpuEnvironments, Environments, Episodes
from operant.models.machine import data_parallel
from operant.models.networks.actor_critic import ActorCritic
from operant.models.networks.popart import PopArtValueHead
from operant.models.networks.spaces import check_normalized
from operant.rollout.device_normalizer import DeviceNormalizer, DeviceRewardNormalizer
from operant.rollout.normalizer import RewardNormalizer, RunningNormalizer
from operant.rollout.tensors import Tensors

EPISODES = 100  # the reported return averages this many recent episodes
CLIP = 10.0  # bound of normalised observations and rewards, as in the wrappers of Gymnasium and Stable-Baselines3
CHUNK = 16_384  # rows in one call of the critic


@dataclass
class Rollout:
    """T steps of N environments, as tensors `[T, N, ...]` unless stated otherwise.

    Attributes:
        observations: the policy's inputs (normalised, if that is on).
        actions: those that the policy drew, to which `log_probs` belong. The environments got them within the bounds of
            their Box.
        rewards: the algorithm's rewards (normalised, if that is on; with intrinsic rewards, if there are any).
        starts: true if a step is the first of its episode.
        values: the critic's values of `observations`, in the scale of `rewards`.
        final_values: the value of a truncated episode's last observation; 0 for all other steps.
        last_values: the values of `last_observations`, `[N]`.
        lstm_state: the LSTM's state before the first step, `[2, N, H]`; None without an LSTM.
    """

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    terminated: Tensor
    truncated: Tensor
    starts: Tensor
    log_probs: Tensor
    values: Tensor
    final_values: Tensor
    last_values: Tensor
    last_observations: Tensor
    lstm_state: Tensor | None

    def to(self, device: torch.device) -> Rollout:
        """Moves all tensors to a device, in place, and returns the rollout."""
        for name, value in vars(self).items():
            setattr(self, name, None if value is None else value.to(device))
        return self


def _mean(values: Iterable[float]) -> float:
    each = list(values)
    return sum(each) / len(each) if each else math.nan


def _numbers(values: Any) -> list[float]:
    """Returns a list of numbers, which a checkpoint may hold or not."""
    if not isinstance(values, list) or not all(type(value) in (int, float) for value in values):
        raise TypeError(f"{values!r:.40} is not a list of numbers")
    return values


class CollectorBase(NotCopyable, ABC):
    """Collects rollouts from environments in the memory of the CPU or of a GPU.

    `generator` draws all actions. `returns` and `lengths` hold the last 100 ended episodes, `episode_count` counts all
    ended ones. `starts` marks the environments whose next step is the first of an episode. `rollout` is the last
    rollout.
    """

    instead = "copy its policy or its rollout, or save the algorithm with save(path)"

    environments: Environments
    normalizer: RunningNormalizer | DeviceNormalizer | None
    reward_normalizer: RewardNormalizer | DeviceRewardNormalizer | None
    starts: Tensor
    lstm_state: Tensor | None
    rollout: Rollout

    def __init__(
        self,
        environments: Environments,
        given: Tensor,
        policy: ActorCritic,
        steps: int,
        seed: int,
        device: torch.device,
    ):
        """`given` `[T, N, *A]`, in the buffer, is where the environments read their actions."""
        self.policy, self.steps, self.device = policy, steps, device
        space, self._given, self._drawn = environments.action_space, given, given
        self._bounds: tuple[Tensor, Tensor] | None = None
        if isinstance(space, spaces.Box):
            low, high = (
                torch.tensor(bound, dtype=given.dtype, device=given.device) for bound in (space.low, space.high)
            )
            self._bounds, self._drawn = (low, high), torch.empty_like(given)
        self.generator = torch.Generator(device).manual_seed(seed)
        self.returns: deque[float] = deque(maxlen=EPISODES)
        self.lengths: deque[float] = deque(maxlen=EPISODES)
        self.episode_count = 0

    @abstractmethod
    def collect(self) -> Rollout:
        """Collects the next T steps. The next call may overwrite the result: copy what you keep."""

    @abstractmethod
    def settle(self) -> None:
        """Waits for the rollout, and adds its ended episodes to `returns`, `lengths` and `episode_count`."""

    @abstractmethod
    def observation_statistics(self) -> RunningNormalizer | None:
        """Returns the normaliser of observations, in the CPU's memory; None if they are not normalised."""

    @abstractmethod
    def _last_observations(self) -> np.ndarray:
        """Returns a copy of the observations at which the next rollout begins, `[N, ...]`."""

    @abstractmethod
    def _restore(self, state: Mapping[str, Any]) -> None:
        """Restores observations, starts and the LSTM's state from a state of `state_dict`.

        It does nothing if the environments cannot resume.
        """

    def _act(self, t: int, actions: Tensor) -> None:
        """Records the actions `[N, *A]` of step t, and hands the environments those within their space."""
        self._drawn[t].copy_(actions)
        if self._bounds is not None:
            torch.clamp(self._drawn[t], *self._bounds, out=self._given[t])

    def normalized(self, observations: np.ndarray) -> np.ndarray:
        """Normalises observations `[..., D]` in the CPU's memory, as for the policy."""
        statistics = self.observation_statistics()
        return statistics.normalize(np.ascontiguousarray(observations)) if statistics else observations

    def episode_metrics(self) -> dict[str, float]:
        """Counts all ended episodes, and averages the last 100, an equal share from each process.

        The averages are NaN if no episode has ended.
        """
        each = EPISODES // data_parallel.world_size() or 1
        own = (list(self.returns)[-each:], list(self.lengths)[-each:], self.episode_count)
        returns, lengths, counts = zip(*data_parallel.all_gather_object(own), strict=True)
        return {
            "episodes": sum(counts),
            "episode_return": _mean(chain.from_iterable(returns)),
            "episode_length": _mean(chain.from_iterable(lengths)),
        }

    def _denormalized(self, values: Tensor) -> Tensor:
        """Converts the critic's output to values in the rewards' own scale; only PopArt's differs."""
        head = self.policy.value_head
        return head.denormalize(values) if isinstance(head, PopArtValueHead) else values

    def state_dict(self) -> dict[str, Any]:
        """Returns the state on which the next rollout depends, except the policy, in the CPU's memory."""
        state: dict[str, Any] = {
            "environments": self.environments.state_dict(),
            "observations": self._last_observations(),
            "starts": self.starts.cpu().clone(),
            "state": None if self.lstm_state is None else self.lstm_state.cpu().clone(),
            "generator": self.generator.get_state(),
            "returns": list(self.returns),
            "lengths": list(self.lengths),
            "episodes": self.episode_count,
        }
        for name, normalizer in (("normalizer", self.normalizer), ("reward_normalizer", self.reward_normalizer)):
            state[name] = normalizer.state_dict() if normalizer else None
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues from a state of `state_dict`."""
        self.environments.load_state_dict(state["environments"])
        self._restore(state)
        if "generator" in state:  # the core has none
            self.generator.set_state(torch.as_tensor(state["generator"]))
        self.returns, self.lengths = (deque(_numbers(state[name]), EPISODES) for name in ("returns", "lengths"))
        self.episode_count = integer("episodes", state["episodes"], 0)
        for name, normalizer in (("normalizer", self.normalizer), ("reward_normalizer", self.reward_normalizer)):
            if normalizer:
                normalizer.load_state_dict(state[name])


class Collector(CollectorBase):
    """Collects rollouts of T = `steps` from environments on the CPU; episodes continue across rollouts."""

    environments: CpuEnvironments
    normalizer: RunningNormalizer | None
    reward_normalizer: RewardNormalizer | None

    def __init__(
        self,
        environments: CpuEnvironments,
        policy: ActorCritic,
        steps: int,
        *,
        gamma: float,
        normalize_observations: bool,
        normalize_rewards: bool,
        seed: int,
        device: torch.device,
    ):
        self.environments, self.buffer = environments, environments.allocate(steps)
        super().__init__(environments, self.buffer.tensors.actions, policy, steps, seed, device)
        n = environments.num_envs
        shape = self.buffer.observations.shape[2:]
        if normalize_observations:
            check_normalized(shape, self.buffer.observations.dtype == np.float32, environments.observation_space)
        self.normalizer = RunningNormalizer(shape, clip=CLIP) if normalize_observations else None
        self.reward_normalizer = RewardNormalizer(n, gamma=gamma, clip=CLIP) if normalize_rewards else None
        self.starts = torch.ones(n, dtype=torch.bool)  # true if the next step is the first of its episode
        self.lstm_state = policy.initial_state(n)
        environments.reset(seed, self.buffer)

    @torch.no_grad()
    def collect(self) -> Rollout:
        policy, device = self.policy, self.device
        scale = self.reward_normalizer
        statistics = [each for each in (self.normalizer, scale and scale.statistics) if each]
        before = [each.state_dict() for each in statistics]
        self.buffer.roll()
        tensors = self.buffer.tensors
        inputs = torch.empty_like(tensors.observations) if self.normalizer else tensors.observations
        starts, log_probs = torch.empty_like(tensors.terminated), torch.empty_like(tensors.rewards)
        values = torch.empty_like(log_probs)
        noise = policy.noise((self.steps, self.environments.num_envs), self.generator)
        first_state, truncations = self.lstm_state, []
        for t in range(self.steps):
            starts[t] = self.starts
            observations = self._policy_inputs(inputs, t)
            if policy.recurrent:
                now = slice(t, t + 1)
                observation, start = observations[None], starts[now].to(device)
                distribution, value, self.lstm_state = policy(observation, self.lstm_state, start)
                sample = distribution.sample(noise=noise[now])
                values[t] = self._denormalized(value[0])
                log_probs[t] = distribution.log_prob(sample)[0]
                self._act(t, sample[0])
            else:
                distribution = policy.distribution(observations)
                sample = distribution.sample(noise=noise[t])
                log_probs[t] = distribution.log_prob(sample)
                self._act(t, sample)
            episodes = self.environments.step(self.buffer, t)
            if episodes is not None:
                self.returns.extend(episodes.returns.tolist())
                self.lengths.extend(episodes.lengths.tolist())
                self.episode_count += len(episodes.returns)
                if len(episodes.truncated):
                    state = None if self.lstm_state is None else self.lstm_state[:, episodes.truncated]
                    truncations.append((t, episodes, state))
            self.starts = tensors.terminated[t] | tensors.truncated[t]
        self._policy_inputs(inputs, self.steps)
        last_values = self._critic(inputs, values)
        final_values = self._final_values(truncations)
        rewards = self._rewards(tensors)
        if self.normalizer:
            self.normalizer.update(self.buffer.observations[:-1].reshape(-1, inputs.shape[-1]))
        for each, earlier in zip(statistics, before, strict=True):
            data_parallel.merge(each, earlier)
        self.rollout = Rollout(
            observations=inputs[:-1],
            actions=self._drawn,
            rewards=rewards,
            terminated=tensors.terminated,
            truncated=tensors.truncated,
            starts=starts,
            log_probs=log_probs,
            values=values,
            final_values=final_values,
            last_values=last_values,
            last_observations=inputs[-1],
            lstm_state=first_state,
        ).to(device)
        return self.rollout

    def settle(self) -> None:
        """Does nothing, because `collect` has already done it."""

    def observation_statistics(self) -> RunningNormalizer | None:
        return self.normalizer

    def _policy_inputs(self, inputs: Tensor, t: int) -> Tensor:
        if self.normalizer:
            self.normalizer.normalize(self.buffer.observations[t], out=inputs[t].numpy())
        return inputs[t].to(self.device)

    def _critic(self, inputs: Tensor, values: Tensor) -> Tensor:
        """Fills `values` `[T, N]`; returns the values of the last observations, `[N]`.

        A recurrent policy has filled `values` during collection.
        """
        if self.policy.recurrent:
            starts = self.starts[None].to(self.device)
            last = self.policy(inputs[-1:].to(self.device), self.lstm_state, starts)[1][0]
            return self._denormalized(last).cpu()
        rows = inputs.flatten(0, 1)
        parts = torch.split(rows, CHUNK)
        each = [self._denormalized(self.policy.values(part.to(self.device))).cpu() for part in parts]
        both = torch.cat(each).view(len(inputs), -1)
        values[:] = both[:-1]
        return both[-1]

    def _final_values(self, truncations: list[tuple[int, Episodes, Tensor | None]]) -> Tensor:
        """Computes the values of truncated episodes' last observations, `[T, N]`, 0 for other steps.

        `truncations` has the step, its episodes, and the LSTM's state of the truncated ones.
        """
        final = torch.zeros(self.steps, self.environments.num_envs)
        if not truncations:
            return final
        steps = np.concatenate([np.full(len(episodes.truncated), t) for t, episodes, _ in truncations])
        rows = np.concatenate([episodes.truncated for _, episodes, _ in truncations])
        observations = np.concatenate([episodes.final_observations for _, episodes, _ in truncations])
        inputs = torch.from_numpy(self.normalized(observations)).to(self.device)
        states = [state for _, _, state in truncations if state is not None]
        recurrent = self.policy.recurrent
        values = self.policy(inputs[None], torch.cat(states, 1))[1][0] if recurrent else self.policy.values(inputs)
        final[steps, rows] = self._denormalized(values).cpu()
        return final

    def _rewards(self, tensors: Tensors) -> Tensor:
        if self.reward_normalizer is None:
            return tensors.rewards
        scaled = torch.empty_like(tensors.rewards)
        for t in range(self.steps):
            ended = self.buffer.terminated[t] | self.buffer.truncated[t]
            scaled[t] = torch.from_numpy(self.reward_normalizer(self.buffer.rewards[t], ended))
        return scaled

    def _last_observations(self) -> np.ndarray:
        observations: np.ndarray = self.buffer.observations[-1].copy()
        return observations

    def _restore(self, state: Mapping[str, Any]) -> None:
        if self.environments.resumable:
            self.buffer.observations[-1] = state["observations"]
            self.starts = torch.empty_like(self.starts).copy_(torch.as_tensor(state["starts"]))
            if self.lstm_state is not None:
                self.lstm_state = torch.empty_like(self.lstm_state).copy_(torch.as_tensor(state["state"]))
