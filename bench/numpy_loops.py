"""The obvious NumPy loops, against which the training kernels are measured: vectorised over N, one pass per step."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

ZERO = np.float32(0)


@dataclasses.dataclass
class RolloutArrays:
    """A rollout of random numbers: 2% of the steps terminate and 0.2% are truncated, as with CartPole's time limit."""

    rewards: np.ndarray
    values: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    last_values: np.ndarray
    final_values: np.ndarray
    log_ratios: np.ndarray

    @classmethod
    def random(cls, steps: int, num_envs: int) -> RolloutArrays:
        generator, shape = np.random.default_rng(0), (steps, num_envs)
        rewards, values, final_values, log_ratios = generator.normal(size=(4, *shape)).astype(np.float32)
        terminated, truncated = generator.random(shape) < 0.02, generator.random(shape) < 0.002
        last_values = generator.normal(size=num_envs).astype(np.float32)
        return cls(rewards, values, terminated, truncated, last_values, final_values, log_ratios)

    def after(self, t: int, following: np.ndarray) -> np.ndarray:
        """Returns the value after step t, `[N]`: 0 if terminated, the final value if truncated, else `following`."""
        return np.where(self.terminated[t], ZERO, np.where(self.truncated[t], self.final_values[t], following))


def gae(rollout: RolloutArrays, gamma: float, lam: float) -> tuple[np.ndarray, np.ndarray]:
    """Computes advantages and returns `[T, N]`."""
    gamma, lam = np.float32(gamma), np.float32(lam)
    advantages = np.empty_like(rollout.rewards)
    following, advantage = rollout.last_values, np.zeros_like(rollout.last_values)
    for t in reversed(range(len(advantages))):
        delta = rollout.rewards[t] + gamma * rollout.after(t, following) - rollout.values[t]
        ended = rollout.terminated[t] | rollout.truncated[t]
        advantages[t] = advantage = delta + gamma * lam * np.where(ended, ZERO, advantage)
        following = rollout.values[t]
    return advantages, advantages + rollout.values


def vtrace(rollout: RolloutArrays, gamma: float, lam: float) -> tuple[np.ndarray, np.ndarray]:
    """Computes value targets and policy-gradient advantages `[T, N]`, with rho-bar and c-bar 1."""
    gamma, lam, one = np.float32(gamma), np.float32(lam), np.float32(1)
    targets, advantages = np.empty_like(rollout.rewards), np.empty_like(rollout.rewards)
    value_after = target_after = rollout.last_values
    correction = np.zeros_like(rollout.last_values)
    for t in reversed(range(len(targets))):
        reward, value = rollout.rewards[t], rollout.values[t]
        rho = np.minimum(np.exp(rollout.log_ratios[t]), one)
        rest = np.where(rollout.terminated[t] | rollout.truncated[t], ZERO, correction)
        delta = rho * (reward + gamma * rollout.after(t, value_after) - value)
        correction = delta + gamma * (lam * rho) * rest
        targets[t] = value + correction
        advantages[t] = rho * (reward + gamma * rollout.after(t, target_after) - value)
        value_after, target_after = value, targets[t]
    return targets, advantages


def discounted_returns(rollout: RolloutArrays, gamma: float) -> np.ndarray:
    """Computes the discounted returns `[T, N]`."""
    returns = np.empty_like(rollout.rewards)
    following = rollout.last_values
    for t in reversed(range(len(returns))):
        returns[t] = following = rollout.rewards[t] + np.float32(gamma) * rollout.after(t, following)
    return returns


class Statistics:
    """Running mean and variance `[D]`, merged batch by batch (Chan et al. 1983)."""

    def __init__(self, features: int):
        self.count, self.mean, self.variance = 0.0, np.zeros(features), np.ones(features)

    def update(self, batch: np.ndarray) -> None:
        mean, variance, count = batch.mean(0, dtype=np.float64), batch.var(0, dtype=np.float64), len(batch)
        total, difference = self.count + count, mean - self.mean
        squares = self.variance * self.count + variance * count + difference**2 * self.count * count / total
        self.mean = self.mean + difference * count / total
        self.count, self.variance = total, squares / total

    def normalize(self, batch: Any) -> np.ndarray:
        scaled: np.ndarray = np.clip((batch - self.mean) / np.sqrt(self.variance + 1e-8), -10, 10)
        return scaled.astype(np.float32)
