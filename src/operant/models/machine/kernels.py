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
from operant.messages import NotCopyable
from operant.models.machine.adam import Adam
from operant.models.machine.data_parallel import world_size
from operant.models.machine.threads import choose_threads
from operant.rollout.advantages import discounted_returns, gae, vtrace

Pair = tuple[Tensor, Tensor]
Update = Callable[[], dict[str, Tensor]]


class Steps(Protocol):
    """The parts of a rollout from which advantages are computed; `operant.rollout.gae` gives their shapes."""

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
        """Takes one step; a gradient with norm `norm` is scaled to at most `max_norm`, and may be overwritten."""

    def state_dict(self) -> dict[str, Any]:
        """Returns the state for `load_state_dict`, on this or another device."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues from a state of `state_dict`."""


class KernelsBase(NotCopyable, ABC):
    """The computations of training that differ from device to device. All tensors are on `device`."""

    instead = "make new ones"

    device: torch.device

    @abstractmethod
    def gae(self, steps: Steps, *, gamma: float, lam: float) -> Pair:
        """Computes advantages and returns `[T, N]`; see `operant.rollout.gae`."""

    @abstractmethod
    def vtrace(self, steps: Steps, values: Tensor, log_ratios: Tensor, *, gamma: float, lam: float) -> Pair:
        """Computes value targets and advantages `[T, N]` from `values`; see `operant.rollout.vtrace`."""

    @abstractmethod
    def discounted_returns(self, steps: Steps, *, gamma: float) -> Tensor:
        """Computes returns `[T, N]` with final and last values; see `operant.rollout.discounted_returns`."""

    @abstractmethod
    def optimizer(self, parameters: Tensor, learning_rate: float, *, epsilon: float) -> Optimizer:
        """Makes an Adam optimiser for one flat tensor of parameters."""

    @abstractmethod
    def recorded(self, update: Update, generators: Sequence[torch.Generator]) -> Update:
        """Returns `update` in the fastest form for the device.

        It must do the same at every call, on the same tensors, without waiting for the device. It may draw from
        `generators`. The next call overwrites its results.
        """

    @abstractmethod
    def threads(self, parameters: Sequence[Tensor], compute: Callable[[], Tensor]) -> int:
        """Chooses the number of PyTorch's threads for the network of `compute`; see `choose_threads`."""


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
    """Kernels for environments in the memory of a GPU, real or emulated."""

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
        """Returns a CUDA graph, or for several processes `update`, because a graph cannot hold their messages."""
        return update if world_size() > 1 else Graph(update, self.device, generators)

    def threads(self, parameters: Sequence[Tensor], compute: Callable[[], Tensor]) -> int:
        return 1


def _ends(steps: Steps) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return steps.terminated, steps.truncated, steps.last_values, steps.final_values


def _in_memory(*tensors: Tensor) -> list[Tensor]:
    """Converts tensors for the core's kernels: contiguous, in the CPU's memory."""
    return [tensor.cpu().contiguous() for tensor in tensors]
