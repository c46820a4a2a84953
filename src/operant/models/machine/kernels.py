"""The kernels of a device: an update calls the same methods on the CPU and on a GPU."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from operant.cuda.adam import FusedAdam
from operant.cuda.engine import Engine
from operant.cuda.graphs import Graph
from operant.cuda.training import TrainingKernels
from operant.models.machine.adam import Adam
from operant.models.machine.data_parallel import world_size
from operant.models.machine.threads import choose_threads
from operant.rollout.advantages import discounted_returns, gae, vtrace

Pair = tuple[Tensor, Tensor]
Update = Callable[[], dict[str, Tensor]]


class Steps(Protocol):
    """The parts of a rollout that advantages are computed from; `operant.rollout.gae` has their shapes."""

    rewards: Tensor
    values: Tensor
    terminated: Tensor
    truncated: Tensor
    last_values: Tensor
    final_values: Tensor


class Optimizer(Protocol):
    """Moves parameters down their gradient; `learning_rate` may be set between steps."""

    learning_rate: float

    def step(self, norm: Tensor | None = None, max_norm: float = 1.0) -> None:
        """One step; a gradient of length `norm` counts as one of at most `max_norm`, and is of no use afterwards."""

    def state_dict(self) -> dict[str, Any]:
        """The state for `load_state_dict`, of this or another device."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues from a state."""


class KernelsBase(ABC):
    """The computations of training that differ from device to device. All tensors are on `device`."""

    device: torch.device

    @abstractmethod
    def gae(self, steps: Steps, *, gamma: float, lam: float) -> Pair:
        """Advantages and returns `[T, N]`: `operant.rollout.gae`."""

    @abstractmethod
    def vtrace(self, steps: Steps, values: Tensor, log_ratios: Tensor, *, gamma: float, lam: float) -> Pair:
        """Value targets and advantages `[T, N]`, from `values` instead of the rollout's: `operant.rollout.vtrace`."""

    @abstractmethod
    def discounted_returns(self, steps: Steps, *, gamma: float) -> Tensor:
        """Returns `[T, N]`, bootstrapped from final and last values: `operant.rollout.discounted_returns`."""

    @abstractmethod
    def optimizer(self, parameters: Tensor, learning_rate: float, *, epsilon: float) -> Optimizer:
        """Adam for one flat tensor of parameters."""

    @abstractmethod
    def recorded(self, update: Update, generators: Sequence[torch.Generator]) -> Update:
        """The function in the fastest form that the device has.

        It must do the same at every call, on the same tensors, without waiting for the device. It may draw from
        `generators`. The next call overwrites its results.
        """

    @abstractmethod
    def threads(self, parameters: Sequence[Tensor], compute: Callable[[], Tensor]) -> int:
        """The best number of PyTorch's threads for networks as large as `compute`'s: see `choose_threads`."""


class CpuKernels(KernelsBase):
    """Kernels for environments in the CPU's memory; the policy may still be on a GPU, `device`."""

    def __init__(self, device: torch.device):
        self.device = device

    def gae(self, steps: Steps, *, gamma: float, lam: float) -> Pair:
        return self._moved(*gae(*_in_memory(steps.rewards, steps.values, *_ends(steps)), gamma=gamma, lam=lam))

    def vtrace(self, steps: Steps, values: Tensor, log_ratios: Tensor, *, gamma: float, lam: float) -> Pair:
        parts = _in_memory(steps.rewards, values, log_ratios, *_ends(steps))
        return self._moved(*vtrace(*parts, gamma=gamma, lam=lam))

    def discounted_returns(self, steps: Steps, *, gamma: float) -> Tensor:
        returns = discounted_returns(*_in_memory(steps.rewards, *_ends(steps)), gamma=gamma)
        return torch.from_numpy(returns).to(self.device)

    def optimizer(self, parameters: Tensor, learning_rate: float, *, epsilon: float) -> Adam:
        return Adam(parameters, learning_rate, epsilon=epsilon)

    def recorded(self, update: Update, generators: Sequence[torch.Generator]) -> Update:
        return update

    def threads(self, parameters: Sequence[Tensor], compute: Callable[[], Tensor]) -> int:
        return choose_threads(parameters, compute) if self.device.type == "cpu" else 1

    def _moved(self, first: np.ndarray, second: np.ndarray) -> Pair:
        return torch.from_numpy(first).to(self.device), torch.from_numpy(second).to(self.device)


class DeviceKernels(KernelsBase):
    """Kernels for environments in a GPU's memory, or an emulated one's."""

    def __init__(self, engine: Engine):
        self.device, self.engine = engine.device, engine
        self._kernels = TrainingKernels(engine)

    def gae(self, steps: Steps, *, gamma: float, lam: float) -> Pair:
        return self._kernels.gae(steps.rewards, steps.values, *_ends(steps), gamma=gamma, lam=lam)

    def vtrace(self, steps: Steps, values: Tensor, log_ratios: Tensor, *, gamma: float, lam: float) -> Pair:
        return self._kernels.vtrace(steps.rewards, values, log_ratios, *_ends(steps), gamma=gamma, lam=lam)

    def discounted_returns(self, steps: Steps, *, gamma: float) -> Tensor:
        return self._kernels.discounted_returns(steps.rewards, *_ends(steps), gamma=gamma)

    def optimizer(self, parameters: Tensor, learning_rate: float, *, epsilon: float) -> FusedAdam:
        return FusedAdam(parameters, learning_rate, engine=self.engine, epsilon=epsilon)

    def recorded(self, update: Update, generators: Sequence[torch.Generator]) -> Update:
        """One CUDA graph; of several processes the function itself, whose messages a graph cannot hold."""
        return update if world_size() > 1 else Graph(update, self.device, generators)

    def threads(self, parameters: Sequence[Tensor], compute: Callable[[], Tensor]) -> int:
        return 1


def _ends(steps: Steps) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return steps.terminated, steps.truncated, steps.last_values, steps.final_values


def _in_memory(*tensors: Tensor) -> list[Tensor]:
    """Tensors that the core's kernels can read."""
    return [tensor.cpu().contiguous() for tensor in tensors]
