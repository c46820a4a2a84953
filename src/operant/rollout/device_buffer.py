"""DeviceBuffer: a rollout of environments that are on the GPU too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from operant.cuda.batch import CudaBatch, Outputs
from operant.cuda.training import TrainingKernels
from operant.messages import NotCopyable
from operant.rollout.tensors import Tensors


class DeviceBuffer(NotCopyable):
    """The rollout of a `CudaBatch`: kernels write into its rows, and nothing is copied. See `GpuBuffer.for_batch`.

    Args:
        batch: the batch, under "SameStep".
        steps: T.

    Attributes:
        tensors: the rollout on the device, as in `RolloutBuffer`.
        window: a number of consecutive steps in which an environment is truncated at most once.
        final_observations: `[K, N, *D]`; row k has the final observations of the episodes that were truncated in the
            steps from k * window to (k + 1) * window. Other elements are arbitrary.
    """

    instead = "copy its tensors: tensors.observations.clone()"

    def __init__(self, batch: CudaBatch, steps: int):
        if batch.autoreset != "SameStep":
            raise ValueError(
                f"a rollout needs autoreset 'SameStep', not {batch.autoreset!r}: in other modes some steps are resets"
            )
        if steps < 1:
            raise ValueError(f"steps={steps} must be at least 1")
        self.batch, self.device, self.steps, self.num_envs = batch, batch.device, steps, batch.num_rows
        device, scalar = self.device, (steps, self.num_envs)
        rows = (self.num_envs, *batch.observation_shape)
        action_type = torch.int64 if batch.actions.discrete else torch.float32
        tensors = {
            "observations": torch.zeros((steps + 1, *rows), dtype=batch.observation_type, device=device),
            "actions": torch.zeros((steps, *batch.actions.shape), dtype=action_type, device=device),
            "last_values": torch.zeros(self.num_envs, device=device),
        }
        for name in ("rewards", "values", "log_probs", "advantages", "returns", "final_values"):
            tensors[name] = torch.zeros(scalar, device=device)
        for name in ("terminated", "truncated"):
            tensors[name] = torch.zeros(scalar, dtype=torch.bool, device=device)
        self.tensors = Tensors(tensors)
        self.window = min(batch.max_episode_steps or steps, steps)
        windows = -(-steps // self.window)
        self.final_observations = torch.zeros((windows, *rows), dtype=batch.observation_type, device=device)
        self._outputs = [self._output(t) for t in range(steps)]
        self._kernels = TrainingKernels(batch.engine)

    def _output(self, t: int) -> Outputs:
        rows = self.tensors
        final = self.final_observations[t // self.window]
        return Outputs(rows.observations[t + 1], rows.rewards[t], rows.terminated[t], rows.truncated[t], final)

    def begin(self, observations: Tensor | None = None) -> None:
        """See `RolloutBuffer.begin`."""
        if observations is None:
            self.batch.observe(self.tensors.observations[0])
        else:
            self.tensors.observations[0].copy_(observations)

    def step(self, t: int) -> None:
        """Steps with `tensors.actions[t]`; does not wait for the device."""
        self.batch.step(self.tensors.actions[t], self._outputs[t], final_truncated=True)

    def spread_final_values(self, values: Any) -> None:
        """Fills `final_values` from the values of `final_observations`, `[K, N]`."""
        for k, row in enumerate(values):
            self.tensors.final_values[k * self.window : (k + 1) * self.window] = row

    def compute_advantages(self, *, gamma: float, lam: float, workers: int = 1) -> None:
        """Fills `advantages` and `returns` by GAE on the device, where `workers` has no effect."""
        data = self.tensors
        parts = (data.rewards, data.values, data.terminated, data.truncated, data.last_values, data.final_values)
        self._kernels.gae(*parts, gamma=gamma, lam=lam, out=(data.advantages, data.returns))

    def fill(self, policy: Callable[[Tensor], Any]) -> None:
        """Runs a policy for T steps, from the environments' current states on.

        `policy` maps observations `[N, *D]` to actions, to actions and log-probabilities `[N]`, or to actions,
        log-probabilities and values `[N]`. The buffer keeps them.
        """
        self.begin()
        data = self.tensors
        for t in range(self.steps):
            answer = policy(data.observations[t])
            parts = answer if isinstance(answer, tuple) else (answer,)
            for rows, part in zip((data.actions, data.log_probs, data.values), parts, strict=False):
                rows[t].copy_(part.detach())
            self.step(t)

    def roll(self) -> None:
        """See `RolloutBuffer.roll`."""
        self.tensors.observations[0].copy_(self.tensors.observations[self.steps])


def byte_rows(observations: Tensor) -> Tensor:
    """Views observations `[T, N, *D]` int64 as the bytes of `Layout`; returns other dtypes unchanged."""
    if observations.dtype != torch.int64:
        return observations
    return observations.reshape(*observations.shape[:2], -1).view(torch.uint8)
