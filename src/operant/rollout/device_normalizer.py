"""Running statistics of observations and rewards in a GPU's memory, with the same saved state as `normalizer`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class DeviceNormalizer:
    """`RunningNormalizer` on a device: mean and variance of each feature over all batches so far, in float64.

    Its tensors are updated in place, so that a CUDA graph can use them.

    Args:
        shape: (D,) for batches `[M, D]`, () for batches `[M]`.
        clip: normalised numbers are clipped to [-clip, clip].
        epsilon: added to the variance before its root is taken.
        device: the batches' device.
    """

    def __init__(self, shape: tuple[int, ...], *, clip: float, device: torch.device, epsilon: float = 1e-8):
        self.shape, self.clip, self.epsilon = shape, clip, epsilon
        self.count = torch.zeros((), dtype=torch.float64, device=device)
        self.mean = torch.zeros(shape, dtype=torch.float64, device=device)
        self.squares = torch.zeros(shape, dtype=torch.float64, device=device)  # sum of (x - mean)^2

    def update(self, batch: Tensor) -> None:
        """Adds a batch `[M, *shape]` to the statistics, by the merge of Chan et al. (1983)."""
        rows, numbers = len(batch), batch.double()
        mean = numbers.mean(0)
        squares = (numbers - mean).square().sum(0)
        total, apart = self.count + rows, mean - self.mean
        self.squares.add_(squares + apart.square() * (self.count * rows / total))
        self.mean.add_(apart * (rows / total))
        self.count.copy_(total)

    def normalize(self, batch: Tensor) -> Tensor:
        """(batch - mean) / sqrt(variance + epsilon), clipped to [-clip, clip]: float32 of the batch's shape."""
        return ((batch.double() - self.mean) / self._deviation()).clamp(-self.clip, self.clip).float()

    def scale(self, batch: Tensor) -> Tensor:
        """`normalize` without subtracting the mean."""
        return (batch.double() / self._deviation()).clamp(-self.clip, self.clip).float()

    def _deviation(self) -> Tensor:
        variance = torch.where(self.count > 0, self.squares / self.count, 1.0)
        return (variance + self.epsilon).sqrt()

    def state_dict(self) -> dict[str, Any]:
        """The statistics in the form of `RunningNormalizer.state_dict`; waits for the device."""
        return {
            "count": float(self.count),
            "mean": self.mean.reshape(-1).tolist(),
            "squares": self.squares.reshape(-1).tolist(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores the result of `state_dict`, of this class or of its counterpart on the CPU."""
        if len(state["mean"]) != self.mean.numel():
            raise ValueError(
                f"the state's mean has {len(state['mean'])} features, but this normaliser has {self.mean.numel()}"
            )
        self.count.fill_(state["count"])
        for tensor, numbers in ((self.mean, state["mean"]), (self.squares, state["squares"])):
            tensor.copy_(torch.tensor(numbers, dtype=torch.float64).reshape(self.shape))


class DeviceRewardNormalizer:
    """`RewardNormalizer` on a device: rewards divided by the standard deviation of their running discounted sum.

    Args:
        num_envs: N.
        gamma: the discount.
        clip, device: as for `DeviceNormalizer`.
    """

    def __init__(self, num_envs: int, gamma: float, *, clip: float, device: torch.device):
        self.gamma = gamma
        self.returns = torch.zeros(num_envs, device=device)
        self.statistics = DeviceNormalizer((), clip=clip, device=device)
        self.statistics.load_state_dict({"count": 1e-4, "mean": [0.0], "squares": [1e-4]})

    def __call__(self, rewards: Tensor, ended: Tensor) -> Tensor:
        """Scales one step's rewards `[N]`: `[N]` float32. `ended` `[N]` bool marks the episodes that are over."""
        self.returns.mul_(self.gamma).add_(rewards)
        self.statistics.update(self.returns)
        self.returns.masked_fill_(ended, 0)
        return self.statistics.scale(rewards)

    def state_dict(self) -> dict[str, Any]:
        """The statistics in the form of `RewardNormalizer.state_dict`."""
        return {"returns": self.returns.tolist(), "statistics": self.statistics.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores the result of `state_dict`, of this class or of its counterpart on the CPU."""
        if len(state["returns"]) != len(self.returns):
            raise ValueError(
                f"the state has {len(state['returns'])} environments, but this normaliser has {len(self.returns)}"
            )
        self.returns.copy_(torch.tensor(state["returns"]))
        self.statistics.load_state_dict(state["statistics"])
