"""Steps environments on a GPU, and collects the rollout there, so that no data leaves the device.

A whole rollout, with all steps of the policy and of the environments, is one CUDA graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from operant.cuda.graphs import Graph
from operant.models.collection.collector import CLIP, EPISODES, CollectorBase, Rollout
from operant.models.collection.sources import DeviceEnvironments
from operant.models.machine import data_parallel
from operant.models.networks.actor_critic import ActorCritic
from operant.models.networks.spaces import check_normalized
from operant.rollout.device_buffer import byte_rows
from operant.rollout.device_normalizer import DeviceNormalizer, DeviceRewardNormalizer
from operant.rollout.normalizer import RunningNormalizer

CHUNK = 1 << 18  # rows in one call of the critic; this limits the memory of its layers


class DeviceCollector(CollectorBase):
    """Collects rollouts from environments on a GPU, with the arguments and the results of `Collector`."""

    environments: DeviceEnvironments
    normalizer: DeviceNormalizer | None
    reward_normalizer: DeviceRewardNormalizer | None

    def __init__(
        self,
        environments: DeviceEnvironments,
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
        n, tensors = environments.num_envs, self.buffer.tensors
        self.observations = byte_rows(tensors.observations)
        self.final_observations = byte_rows(self.buffer.final_observations)
        shape = tuple(self.observations.shape[2:])
        if normalize_observations:
            check_normalized(shape, self.observations.dtype == torch.float32, environments.observation_space)
        self.normalizer = DeviceNormalizer(shape, clip=CLIP, device=device) if normalize_observations else None
        self.reward_normalizer = (
            DeviceRewardNormalizer(n, gamma=gamma, clip=CLIP, device=device) if normalize_rewards else None
        )
        self.starts = torch.ones(n, dtype=torch.bool, device=device)
        self.lstm_state = policy.initial_state(n)
        windows = len(self.final_observations)
        self._final_states = (
            None if self.lstm_state is None else torch.zeros(windows, *self.lstm_state.shape, device=device)
        )
        self._inputs = torch.zeros_like(self.observations) if self.normalizer else self.observations
        self._ended = torch.zeros(
            3, dtype=torch.float64, device=device
        )  # number of ended episodes, sums of their returns and lengths
        self.rollout = Rollout(
            observations=self._inputs[:-1],
            actions=self._drawn,
            rewards=torch.zeros_like(tensors.rewards) if self.reward_normalizer else tensors.rewards,
            terminated=tensors.terminated,
            truncated=tensors.truncated,
            starts=torch.zeros_like(tensors.terminated),
            log_probs=tensors.log_probs,
            values=tensors.values,
            final_values=tensors.final_values,
            last_values=tensors.last_values,
            last_observations=self._inputs[-1],
            lstm_state=None if self.lstm_state is None else torch.zeros_like(self.lstm_state),
        )
        self._graph = Graph(
            self._fill, device, [self.generator], lambda: environments.batch.version, environments.batch.check
        )
        environments.reset(seed, self.buffer)

    @torch.no_grad()
    def collect(self) -> Rollout:
        """Starts the next T steps, without waiting for them; every call returns the same tensors."""
        scale = self.reward_normalizer
        statistics = [each for each in (self.normalizer, scale and scale.statistics) if each]
        before = [each.state_dict() for each in statistics] if data_parallel.world_size() > 1 else []
        self._graph()
        for each, earlier in zip(statistics, before, strict=False):
            host = RunningNormalizer(each.shape)
            host.load_state_dict(each.state_dict())
            data_parallel.merge(host, earlier)
            each.load_state_dict(host.state_dict())
        return self.rollout

    def settle(self) -> None:
        """Waits for the rollout, and adds its ended episodes; raises the errors that the device has found.

        Each episode counts with the mean return and length of its rollout's ended episodes.
        """
        count, returns, lengths = self._ended.tolist()
        self.environments.batch.check()
        if count:
            self.episode_count += int(count)
            self.returns.extend([returns / count] * min(int(count), EPISODES))
            self.lengths.extend([lengths / count] * min(int(count), EPISODES))

    def _fill(self) -> None:
        buffer, policy, rollout = self.buffer, self.policy, self.rollout
        buffer.roll()
        noise = policy.noise((self.steps, self.environments.num_envs), self.generator)
        if self.lstm_state is not None:
            rollout.lstm_state.copy_(self.lstm_state)  # type: ignore[union-attr]
        for t in range(self.steps):
            rollout.starts[t].copy_(self.starts)
            observations = self._policy_inputs(t)
            if policy.recurrent:
                now = slice(t, t + 1)
                distribution, value, state = policy(observations[None], self.lstm_state, rollout.starts[now])
                self.lstm_state.copy_(state)  # type: ignore[union-attr]
                sample = distribution.sample(noise=noise[now])
                rollout.values[t].copy_(self._denormalized(value[0]))
                rollout.log_probs[t].copy_(distribution.log_prob(sample)[0])
                self._act(t, sample[0])
            else:
                distribution = policy.distribution(observations)
                sample = distribution.sample(noise=noise[t])
                rollout.log_probs[t].copy_(distribution.log_prob(sample))
                self._act(t, sample)
            buffer.step(t)
            if self._final_states is not None:
                truncated = rollout.truncated[t] & ~rollout.terminated[t]
                kept = self._final_states[t // buffer.window]
                kept.copy_(torch.where(truncated[:, None], self.lstm_state, kept))  # type: ignore[arg-type]
            torch.logical_or(rollout.terminated[t], rollout.truncated[t], out=self.starts)
        self._policy_inputs(self.steps)
        self._critic()
        self._normalize_rewards()
        if self.normalizer:
            self.normalizer.update(self.observations[:-1].flatten(0, 1))
        self._sum_episodes()

    def _policy_inputs(self, t: int) -> Tensor:
        if self.normalizer:
            self._inputs[t].copy_(self.normalizer.normalize(self.observations[t]))
        return self._inputs[t]

    def _critic(self) -> None:
        """Computes the values of all observations, and of the last observations of truncated episodes."""
        policy, rollout = self.policy, self.rollout
        final = self.final_observations
        if self.normalizer:
            final = self.normalizer.normalize(final)
        if policy.recurrent:
            last = policy(self._inputs[-1:], self.lstm_state, self.starts[None])[1][0]
            rollout.last_values.copy_(self._denormalized(last))
            states = self._final_states
            outputs = [policy(final[k : k + 1], states[k])[1][0] for k in range(len(final))]  # type: ignore[index]
            each = [self._denormalized(values) for values in outputs]
        else:
            parts = torch.split(self._inputs.flatten(0, 1), CHUNK)
            values = torch.cat([self._denormalized(policy.values(part)) for part in parts]).view(self.steps + 1, -1)
            rollout.values.copy_(values[:-1])
            rollout.last_values.copy_(values[-1])
            each = list(self._denormalized(policy.values(final.flatten(0, 1))).view(len(final), -1))
        self.buffer.spread_final_values(each)

    def _normalize_rewards(self) -> None:
        if self.reward_normalizer is None:
            return
        raw, rollout = self.buffer.tensors.rewards, self.rollout
        for t in range(self.steps):
            ended = rollout.terminated[t] | rollout.truncated[t]
            rollout.rewards[t].copy_(self.reward_normalizer(raw[t], ended))

    def _sum_episodes(self) -> None:
        """Moves the batch's sums over ended episodes, one for each environment, into three totals."""
        agents = self.environments.batch.agents
        count, returns, lengths = self.environments.batch.sums
        each = (count.sum() * agents, returns.double().sum(), lengths.sum() * agents)
        self._ended.copy_(torch.stack([number.double() for number in each]))
        for tensor in (count, returns, lengths):
            tensor.zero_()

    def observation_statistics(self) -> RunningNormalizer | None:
        if self.normalizer is None:
            return None
        statistics = RunningNormalizer(self.normalizer.shape, clip=CLIP)
        statistics.load_state_dict(self.normalizer.state_dict())
        return statistics

    def _last_observations(self) -> np.ndarray:
        observations: np.ndarray = self.observations[-1].cpu().numpy().copy()
        return observations

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.observations[-1].copy_(torch.as_tensor(state["observations"]))
        self.starts.copy_(torch.as_tensor(state["starts"]))
        if self.lstm_state is not None:
            self.lstm_state.copy_(torch.as_tensor(state["state"]))
