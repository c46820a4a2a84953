"""RolloutBuffer: T steps of N environments in NumPy arrays; the core fills them and torch reads them in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from operant.batch.batch import Batch
from operant.batch.stepping import RolloutStepper
from operant.rollout.advantages import gae
from operant.rollout.tensors import NAMES, Tensors

Allocate = Callable[[tuple[int, ...], np.dtype], np.ndarray]


class RolloutBuffer:
    """A rollout in NumPy arrays.

    Args:
        steps: T.
        num_envs: N.
        observation_shape, observation_dtype: those of one environment's observation.
        action_shape, action_dtype: those of one environment's action; shape () for a discrete one.
        allocate: makes an array of a shape and dtype; `numpy.zeros` by default.

    Attributes:
        observations: `[T + 1, N, *observation_shape]`; row t is before step t, row T after the last step.
        actions: `[T, N, *action_shape]`.
        rewards, values, log_probs, advantages, returns: `[T, N]` float32.
        terminated, truncated: `[T, N]` bool.
        final_values: `[T, N]` float32, the value of a truncated episode's final observation; not read elsewhere.
        last_values: `[N]` float32, the values of `observations[T]`.
    """

    def __init__(
        self,
        steps: int,
        num_envs: int,
        observation_shape: tuple[int, ...],
        observation_dtype: Any = np.float32,
        action_shape: tuple[int, ...] = (),
        action_dtype: Any = np.int64,
        *,
        allocate: Allocate = np.zeros,
    ):
        for name, size in (("steps", steps), ("num_envs", num_envs)):
            if size < 1:
                raise ValueError(f"{name}={size} must be at least 1")
        self.steps, self.num_envs = steps, num_envs
        scalar, real, flag = (steps, num_envs), np.dtype(np.float32), np.dtype(np.bool_)
        self.observations = allocate((steps + 1, num_envs, *observation_shape), np.dtype(observation_dtype))
        self.actions = allocate((*scalar, *action_shape), np.dtype(action_dtype))
        self.rewards, self.values, self.log_probs = (allocate(scalar, real) for _ in range(3))
        self.terminated, self.truncated = (allocate(scalar, flag) for _ in range(2))
        self.advantages, self.returns, self.final_values = (allocate(scalar, real) for _ in range(3))
        self.last_values = allocate((num_envs,), real)
        self._recorder: RolloutStepper | None = None
        self._tensors: Tensors | None = None

    @classmethod
    def for_batch(cls, batch: Batch, steps: int, **options: Any) -> RolloutBuffer:
        """Makes a buffer whose `step` steps a float32 batch under "SameStep" in place; N is the batch's rows."""
        if batch.exact:
            raise ValueError("rollouts hold float32 rewards: make the batch with precision='float32'")
        if batch.autoreset != "SameStep":
            raise ValueError(
                f"a rollout needs autoreset 'SameStep', not {batch.autoreset!r}: in other modes some steps are resets"
            )
        discrete = bool(batch.spec.actions)
        buffer = cls(
            steps,
            batch.num_rows,
            batch.observation_shape,
            batch.observation_type,
            batch.spec.action_shape,
            np.int64 if discrete else np.float32,
            **options,
        )
        buffer._recorder = batch.record_into(
            buffer.observations, buffer.actions, buffer.rewards, buffer.terminated, buffer.truncated
        )
        return buffer

    @property
    def tensors(self) -> Tensors:
        """The same memory as torch tensors."""
        if self._tensors is None:
            import torch

            self._tensors = Tensors({name: torch.from_numpy(getattr(self, name)) for name in NAMES})
        return self._tensors

    def begin(self, observations: Any = None) -> None:
        """Writes row 0, the rollout's first observations: by default the batch's current ones."""
        if observations is not None:
            self.observations[0] = observations
        else:
            self._own_recorder().observe()

    def step(self, t: int) -> None:
        """Steps the batch with `actions[t]` and fills row t (row t + 1 of observations). Needs `for_batch`.

        Raises the errors of `Batch.step`; then nothing was written.
        """
        self._own_recorder().step(t)

    def record(self, t: int, observations: Any, rewards: Any, terminated: Any, truncated: Any) -> None:
        """Copies the results of step t of any vector environment into the buffer."""
        self.observations[t + 1] = observations
        self.rewards[t], self.terminated[t], self.truncated[t] = rewards, terminated, truncated

    def compute_advantages(self, *, gamma: float, lam: float, workers: int = 1) -> None:
        """Fills `advantages` and `returns` by `operant.rollout.gae`."""
        gae(
            self.rewards,
            self.values,
            self.terminated,
            self.truncated,
            self.last_values,
            self.final_values,
            gamma=gamma,
            lam=lam,
            out=(self.advantages, self.returns),
            workers=workers,
        )

    def roll(self) -> None:
        """Copies the last row of observations to row 0, for the next rollout."""
        self.observations[0] = self.observations[self.steps]

    def __getstate__(self) -> dict[str, Any]:
        """The arrays: a copy has no batch to step."""
        return self.__dict__ | {"_recorder": None, "_tensors": None}

    def _own_recorder(self) -> RolloutStepper:
        if self._recorder is None:
            raise ValueError(
                "this buffer has no batch to step: use RolloutBuffer.for_batch, or begin(observations) and record"
            )
        return self._recorder
