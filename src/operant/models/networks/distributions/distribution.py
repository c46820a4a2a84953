"""The interface of distributions over actions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor


class Distribution(ABC):
    """A distribution over actions; they have the shape and the values that the environment takes."""

    @abstractmethod
    def sample(self, generator: torch.Generator | None = None, noise: Tensor | None = None) -> Tensor:
        """Draws actions with `generator`, or computes them from `noise` drawn earlier by the class's `noise`.

        They have no gradient.
        """

    @abstractmethod
    def log_prob(self, actions: Tensor) -> Tensor:
        """Computes the log of the actions' probability or density, `[...]`."""

    @abstractmethod
    def entropy(self) -> Tensor:
        """Computes the entropy in nats, `[...]`."""

    @abstractmethod
    def mode(self) -> Tensor:
        """Returns the greedy actions."""

    @abstractmethod
    def kl(self, other: Any) -> Tensor:
        """Computes KL(self || other) to a distribution of the same class, in nats, `[...]`."""

    @abstractmethod
    def detach(self) -> Distribution:
        """Returns the same distribution, detached from the autograd graph."""
