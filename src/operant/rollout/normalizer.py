"""Normalises observations and rewards by running statistics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from operant.rollout.arguments import BOOL, FLOAT32, as_numpy, checked
from operant.rollout.moments import Moments


def prior(features: int) -> dict[str, Any]:
    """The statistics that Stable-Baselines3 and Gymnasium begin with: variance 1, as of a ten-thousandth of a row."""
    return {"count": 1e-4, "mean": [0.0] * features, "squares": [1e-4] * features}


class RunningNormalizer:
    """Mean and variance of each feature over all batches so far, in float64.

    Args:
        shape: (D,) for batches `[N, D]`, any other shape for batches `[N, *shape]`, () for batches `[N]`.
        clip: normalised numbers are clipped to [-clip, clip].
        epsilon: added to the variance before its root is taken.
        workers: the number of threads of `update`, the caller's included; results do not depend on it.

    Attributes:
        count: the number of rows so far.
        mean, variance: float64 of `shape`; the population variance, 1 before the first row.
    """

    def __init__(self, shape: tuple[int, ...] = (), *, clip: float = 10.0, epsilon: float = 1e-8, workers: int = 1):
        if not clip > 0:
            raise ValueError(f"clip={clip} must be above 0")
        if not epsilon >= 0:
            raise ValueError(f"epsilon={epsilon} must be at least 0")
        self.shape, self.clip, self.epsilon, self.workers = shape, clip, epsilon, workers
        self._batch_shape = (-1, math.prod(shape))
        self._moments = Moments(math.prod(shape))

    @property
    def count(self) -> float:
        """The number of samples seen."""
        return self._moments.count

    @property
    def mean(self) -> np.ndarray:
        """The mean of the samples, of the normaliser's shape, float64; a copy."""
        return self._moments.mean.reshape(self.shape).copy()

    @property
    def variance(self) -> np.ndarray:
        """The variance of the samples, of the normaliser's shape, float64."""
        return self._moments.variance.reshape(self.shape)

    def update(self, batch: Any) -> None:
        """Adds a batch `[N, *shape]` float32 to the statistics."""
        self._moments.update(self._rows("batch", batch), workers=self.workers)

    def merge(self, other: RunningNormalizer) -> None:
        """Adds another's rows, as if its batches had been given to this one (Chan et al. 1983)."""
        if other.shape != self.shape:
            raise ValueError(f"other has shape {other.shape}, but this normaliser has {self.shape}")
        self._moments.merge(other._moments)

    def normalize(self, batch: Any, out: Any = None) -> np.ndarray:
        """(batch - mean) / sqrt(variance + epsilon), clipped to [-clip, clip]: `[N, *shape]` float32.

        `out`, if given, holds the result; it may be `batch`.
        """
        return self._standardize(batch, True, out)

    def scale(self, batch: Any, out: Any = None) -> np.ndarray:
        """`normalize` without subtracting the mean: batch / sqrt(variance + epsilon)."""
        return self._standardize(batch, False, out)

    def state_dict(self) -> dict[str, Any]:
        """The statistics, for `load_state_dict` of a normaliser of the same shape."""
        moments = self._moments
        return {"count": moments.count, "mean": moments.mean.tolist(), "squares": moments.squares.tolist()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores the result of `state_dict`."""
        features, count = len(self._moments.mean), float(state["count"])
        mean, squares = (np.array(state[name], np.float64) for name in ("mean", "squares"))
        for name, numbers in (("mean", mean), ("squares", squares)):
            if len(numbers) != features:
                raise ValueError(f"the state's {name} has {len(numbers)} features, but this normaliser has {features}")
            if not np.isfinite(numbers).all():
                raise ValueError(f"the state's {name} must be finite, not {numbers[~np.isfinite(numbers)][0]}")
        if (squares < 0).any():
            raise ValueError(f"the state's squares must be at least 0, not {squares.min()}")
        if not (math.isfinite(count) and count >= 0):
            raise ValueError(f"the state's count must be at least 0, not {count}")
        self._moments.mean[:], self._moments.squares[:], self._moments.count = mean, squares, count

    def _standardize(self, batch: Any, centred: bool, out: Any) -> np.ndarray:
        rows, target = self._rows("batch", batch), None if out is None else self._rows("out", out)
        result = self._moments.standardize(rows, epsilon=self.epsilon, clip=self.clip, centred=centred, out=target)
        return result.reshape(batch.shape)

    def _rows(self, name: str, batch: Any) -> Any:
        """A batch as `[N, D]`, over the same memory."""
        array = as_numpy(name, batch)
        if array.shape[1:] != self.shape or not array.ndim:
            sizes = ", ".join(map(str, ("N", *self.shape)))
            raise ValueError(f"{name} must have shape [{sizes}], not {array.shape}")
        if not array.flags.c_contiguous:
            raise ValueError(f"{name} must be C-contiguous: give numpy.ascontiguousarray({name})")
        return array.reshape(self._batch_shape)


class RewardNormalizer:
    """Divides rewards by the standard deviation of their discounted sums, of which each environment has one.

    Like Stable-Baselines3's VecNormalize. Gymnasium's NormalizeReward differs: in a step that terminates, it omits the
    earlier rewards from the sum.

    Args:
        num_envs: N.
        gamma: the discount.
        clip, epsilon: as for `RunningNormalizer`.
    """

    def __init__(self, num_envs: int, gamma: float = 0.99, *, clip: float = 10.0, epsilon: float = 1e-8):
        if not 0 <= gamma <= 1:
            raise ValueError(f"gamma={gamma} must be from 0 to 1")
        self.gamma = gamma
        self.returns = np.zeros(num_envs, np.float32)
        self.statistics = RunningNormalizer(clip=clip, epsilon=epsilon)
        self.statistics.load_state_dict(prior(1))

    def __call__(self, rewards: Any, ended: Any, counted: Any = None) -> np.ndarray:
        """Scales one step's rewards: `[N]` float32.

        R = gamma R + r; the scale is the standard deviation of all R so far; then R = 0 where the episode is over.

        Args:
            rewards: `[N]` float32.
            ended: `[N]` bool marks the episodes that are over.
            counted: `[N]` bool marks the environments that made a step of an episode; None: all. The others, which
                autoreset "NextStep" resets, add nothing to the statistics.
        """
        reward = checked("rewards", rewards, self.returns.shape, FLOAT32)
        over = checked("ended", ended, self.returns.shape, BOOL)
        rows = None if counted is None else checked("counted", counted, self.returns.shape, BOOL)
        self.returns *= np.float32(self.gamma)
        self.returns += reward
        self.statistics.update(self.returns if rows is None else self.returns[rows])
        self.returns[over] = 0
        return self.statistics.scale(reward)

    def state_dict(self) -> dict[str, Any]:
        """The sums and statistics, for `load_state_dict` of a normaliser of as many environments."""
        return {"returns": self.returns.tolist(), "statistics": self.statistics.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores the result of `state_dict`."""
        returns = np.array(state["returns"], np.float32)
        if len(returns) != len(self.returns):
            raise ValueError(f"the state has {len(returns)} environments, but this normaliser has {len(self.returns)}")
        if not np.isfinite(returns).all():
            raise ValueError(f"the state's returns must be finite, not {returns[~np.isfinite(returns)][0]}")
        self.statistics.load_state_dict(state["statistics"])
        self.returns[:] = returns
