"""Running mean and variance of observations and of discounted returns, and what is normalised by them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from operant.kernel_arguments import as_numpy
from operant.moments import standardize, update_moments


class RunningNormalizer:
    """Mean and variance of each feature over all batches so far, in float64.

    Args:
        shape: (D,) for batches `[N, D]`, any other shape for batches `[N, *shape]`, () for batches `[N]`.
        clip: normalised numbers lie within [-clip, clip].
        epsilon: added to the variance before its root is taken.
        workers: threads of `update`, the caller's included; results do not depend on it.

    Attributes:
        count: rows so far.
        mean, variance: float64 of `shape`; the variance is the population's, 1 before the first row.
    """

    def __init__(self, shape: tuple[int, ...] = (), *, clip: float = 10.0, epsilon: float = 1e-8, workers: int = 1):
        if not clip > 0:
            raise ValueError(f"clip={clip} must be above 0")
        if not epsilon >= 0:
            raise ValueError(f"epsilon={epsilon} must be at least 0")
        self.shape, self.clip, self.epsilon, self.workers = shape, clip, epsilon, workers
        self.count = 0.0
        self._mean, self._squares = np.zeros(math.prod(shape)), np.zeros(math.prod(shape))

    @property
    def mean(self) -> np.ndarray:
        return self._mean.reshape(self.shape).copy()

    @property
    def variance(self) -> np.ndarray:
        return self._variance().reshape(self.shape)

    def update(self, batch: Any) -> None:
        """Takes a batch `[N, *shape]` float32 into the statistics."""
        rows = self._rows(batch)
        self.count = update_moments(self.count, self._mean, self._squares, rows, workers=self.workers)

    def merge(self, other: RunningNormalizer) -> None:
        """Takes in what another has seen, as if its batches had been given to this one (Chan et al. 1983)."""
        if other.shape != self.shape:
            raise ValueError(f"other is of shape {other.shape}, not {self.shape}")
        total = self.count + other.count
        if other.count:
            difference = other._mean - self._mean
            self._mean += difference * (other.count / total)
            self._squares += other._squares + difference**2 * (self.count * other.count / total)
            self.count = total

    def normalize(self, batch: Any, out: Any = None) -> np.ndarray:
        """(batch - mean) / sqrt(variance + epsilon) within [-clip, clip]: `[N, *shape]` float32, in `out`."""
        return self._standardize(batch, self._mean, out)

    def scale(self, batch: Any, out: Any = None) -> np.ndarray:
        """The same without subtracting the mean: batch / sqrt(variance + epsilon)."""
        return self._standardize(batch, np.zeros_like(self._mean), out)

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` of another of the same shape continues from."""
        return {"count": self.count, "mean": self._mean.tolist(), "squares": self._squares.tolist()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned."""
        mean, squares = np.array(state["mean"], np.float64), np.array(state["squares"], np.float64)
        if mean.shape != self._mean.shape or squares.shape != self._mean.shape:
            raise ValueError(f"the state is of {mean.size} features, not of {self._mean.size}")
        self.count, self._mean, self._squares = float(state["count"]), mean, squares

    def _standardize(self, batch: Any, mean: np.ndarray, out: Any) -> np.ndarray:
        rows, scale = self._rows(batch), 1 / np.sqrt(self._variance() + self.epsilon)
        result = standardize(rows, mean, scale, self.clip, out=None if out is None else self._rows(out))
        return result.reshape(len(rows), *self.shape)

    def _variance(self) -> np.ndarray:
        return self._squares / self.count if self.count else np.ones_like(self._squares)

    def _rows(self, batch: Any) -> Any:
        if tuple(batch.shape[1:]) != self.shape or not len(batch.shape):
            raise ValueError(f"batch must be [N, {', '.join(map(str, self.shape))}], not of shape {tuple(batch.shape)}")
        return batch.reshape(len(batch), self._mean.size)


class RewardNormalizer:
    """Rewards divided by the standard deviation of their running discounted sum, each environment's its own.

    As Gymnasium's NormalizeReward and Stable-Baselines3's VecNormalize do, but that the former leaves out of the sum
    what came before the step that terminates.

    Args:
        num_envs: N.
        gamma: the discount.
        clip, epsilon: those of `RunningNormalizer`.
    """

    def __init__(self, num_envs: int, gamma: float = 0.99, *, clip: float = 10.0, epsilon: float = 1e-8):
        self.gamma = gamma
        self.returns = np.zeros(num_envs, np.float32)
        self.statistics = RunningNormalizer(clip=clip, epsilon=epsilon)
        # As there: a first variance of 1 that weighs a ten-thousandth of a reward.
        self.statistics.load_state_dict({"count": 1e-4, "mean": [0.0], "squares": [1e-4]})

    def __call__(self, rewards: Any, ended: Any) -> np.ndarray:
        """One step's rewards `[N]` float32, scaled: `[N]` float32. `ended` `[N]` bool says whose episode is over.

        R = gamma R + r; the scale is the standard deviation of all R so far; then R = 0 where the episode is over.
        """
        reward = as_numpy("rewards", rewards)
        self.returns *= np.float32(self.gamma)
        self.returns += reward
        self.statistics.update(self.returns)
        self.returns[as_numpy("ended", ended)] = 0
        return self.statistics.scale(reward)

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` of another of as many environments continues from."""
        return {"returns": self.returns.tolist(), "statistics": self.statistics.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned."""
        if len(state["returns"]) != len(self.returns):
            raise ValueError(f"the state is of {len(state['returns'])} environments, not of {len(self.returns)}")
        self.returns[:] = state["returns"]
        self.statistics.load_state_dict(state["statistics"])
