"""Running statistics of observations and rewards in a GPU's memory; see `utils.normalizer`, whose state they share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class DeviceNormalizer:
    """What `RunningNormalizer` is on the CPU: mean and variance of each feature over all batches so far, in float64.

    Its tensors stay the same ones, so that a CUDA graph may hold it.

    Args:
        shape: (D,) for batches `[M, D]`, () for batches `[M]`.
        clip: normalised numbers lie within [-clip, clip].
        epsilon: added to the variance before its root is taken.
        device: of the batches.
    """

    def __init__(self, shape: tuple[int, ...], *, clip: float, device: torch.device, epsilon: float = 1e-8):
        self.shape, self.clip, self.epsilon = shape, clip, epsilon
        self.count = torch.zeros((), dtype=torch.float64, device=device)
        self.mean = torch.zeros(shape, dtype=torch.float64, device=device)
        self.squares = torch.zeros(shape, dtype=torch.float64, device=device)  # sum of (x - mean)^2

    def update(self, batch: Tensor) -> None:
        """Takes a batch `[M, *shape]` into the statistics, by the merge of Chan et al. (1983)."""
        rows, numbers = len(batch), batch.double()
        mean = numbers.mean(0)
        squares = (numbers - mean).square().sum(0)
        total, apart = self.count + rows, mean - self.mean
        self.squares.add_(squares + apart.square() * (self.count * rows / total))
        self.mean.add_(apart * (rows / total))
        self.count.copy_(total)

    def normalize(self, batch: Tensor) -> Tensor:
        """(batch - mean) / sqrt(variance + epsilon) within [-clip, clip]: float32 of the batch's shape."""
        return ((batch.double() - self.mean) / self._deviation()).clamp(-self.clip, self.clip).float()

    def scale(self, batch: Tensor) -> Tensor:
        """The same without subtracting the mean."""
        return (batch.double() / self._deviation()).clamp(-self.clip, self.clip).float()

    def _deviation(self) -> Tensor:
        variance = torch.where(self.count > 0, self.squares / self.count, 1.0)
        return (variance + self.epsilon).sqrt()

    def state_dict(self) -> dict[str, Any]:
        """`RunningNormalizer.state_dict`'s form; waits for the device."""
        return {
            "count": float(self.count),
            "mean": self.mean.reshape(-1).tolist(),
            "squares": self.squares.reshape(-1).tolist(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what `state_dict` returned, here or on the CPU."""
        if len(state["mean"]) != self.mean.numel():
            raise ValueError(f"the state's mean is of {len(state['mean'])} features, not of {self.mean.numel()}")
        self.count.fill_(state["count"])
        for tensor, numbers in ((self.mean, state["mean"]), (self.squares, state["squares"])):
            tensor.copy_(torch.tensor(numbers, dtype=torch.float64).reshape(self.shape))


class DeviceRewardNormalizer:
    """What `RewardNormalizer` is on the CPU: rewards divided by the deviation of their running discounted sum.

    Args:
        num_envs: N.
        gamma: the discount.
        clip, device: those of `DeviceNormalizer`.
    """

    def __init__(self, num_envs: int, gamma: float, *, clip: float, device: torch.device):
        self.gamma = gamma
        self.returns = torch.zeros(num_envs, device=device)
        self.statistics = DeviceNormalizer((), clip=clip, device=device)
        self.statistics.load_state_dict({"count": 1e-4, "mean": [0.0], "squares": [1e-4]})

    def __call__(self, rewards: Tensor, ended: Tensor) -> Tensor:
        """One step's rewards `[N]`, scaled: `[N]` float32. `ended` `[N]` bool says whose episode is over."""
        self.returns.mul_(self.gamma).add_(rewards)
        self.statistics.update(self.returns)
        self.returns.masked_fill_(ended, 0)
        return self.statistics.scale(rewards)

    def state_dict(self) -> dict[str, Any]:
        """`RewardNormalizer.state_dict`'s form."""
        return {"returns": self.returns.tolist(), "statistics": self.statistics.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what `state_dict` returned, here or on the CPU."""
        if len(state["returns"]) != len(self.returns):
            raise ValueError(f"the state is of {len(state['returns'])} environments, not of {len(self.returns)}")
        self.returns.copy_(torch.tensor(state["returns"]))
        self.statistics.load_state_dict(state["statistics"])
