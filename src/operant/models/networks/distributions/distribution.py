"""What every distribution over actions can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor


class Distribution(ABC):
    """What every distribution can do; actions have the shape and the values that the environment takes."""

    @abstractmethod
    def sample(self, generator: torch.Generator | None = None, noise: Tensor | None = None) -> Tensor:
        """Actions drawn by `generator`, or made of `noise` that the class's `noise` drew earlier. No gradient."""

    @abstractmethod
    def log_prob(self, actions: Tensor) -> Tensor:
        """Log of the probability, or density, of the actions: `[...]`."""

    @abstractmethod
    def entropy(self) -> Tensor:
        """In nats: `[...]`."""

    @abstractmethod
    def mode(self) -> Tensor:
        """The greedy actions."""

    @abstractmethod
    def kl(self, other: Any) -> Tensor:
        """KL(self || other) to a distribution of the same kind, in nats: `[...]`."""

    @abstractmethod
    def detach(self) -> Distribution:
        """The same distribution, cut from the graph."""
