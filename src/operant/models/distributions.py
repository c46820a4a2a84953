"""Distributions over actions, lean enough for updates of many small minibatches on a CPU.

Each takes its parameters with any leading dimensions `[...]` and offers `sample`, `log_prob`, `entropy`, `mode`, `kl`
and `detach`. Nothing is validated and nothing is computed before it is asked for.
"""

from __future__ import annotations

import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

LOG_SQRT_2_PI = 0.5 * math.log(2 * math.pi)


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


class Categorical(Distribution):
    """One of K actions, int64 `[...]` from `start` on, of `logits` `[..., K]`.

    `mask` (bool, broadcast to the logits) is true where an action is allowed; the others have probability exactly 0,
    and entropy and gradients stay finite. `sample` and `mode` raise ValueError where a row allows no action; the other
    methods take such a row for uniform, because its actions cannot have been sampled.
    """

    def __init__(self, logits: Tensor, mask: Tensor | None = None, start: int | Tensor = 0) -> None:
        # Finite, so that 0 * log 0 is 0; half of the least number, so that subtracting the largest logit stays finite.
        self.logits = logits if mask is None else logits.masked_fill(~mask, torch.finfo(logits.dtype).min / 2)
        self.mask = mask
        self.start = start
        self._log_probs: Tensor | None = None

    @staticmethod
    def noise(shape: Sequence[int], generator: torch.Generator | None = None, device: Any = None) -> Tensor:
        """Gumbel noise of the logits' shape: `argmax(logits + noise)` is a sample (Maddison et al. 2014)."""
        return torch.empty(tuple(shape), device=device).exponential_(generator=generator).log_().neg_()

    @property
    def log_probs(self) -> Tensor:
        """Log-probabilities `[..., K]`, computed once."""
        if self._log_probs is None:
            self._log_probs = functional.log_softmax(self.logits, -1)
        return self._log_probs

    def sample(self, generator: torch.Generator | None = None, noise: Tensor | None = None) -> Tensor:
        self._check()
        if noise is None:
            noise = self.noise(self.logits.shape, generator, self.logits.device)
        return self._shifted((self.logits.detach() + noise).argmax(-1))

    def log_prob(self, actions: Tensor) -> Tensor:
        index = actions if isinstance(self.start, int) and self.start == 0 else actions - self.start
        return self.log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)

    def entropy(self) -> Tensor:
        return -(self.log_probs.exp() * self.log_probs).sum(-1)

    def mode(self) -> Tensor:
        self._check()
        return self._shifted(self.logits.argmax(-1))

    def kl(self, other: Categorical) -> Tensor:
        return (self.log_probs.exp() * (self.log_probs - other.log_probs)).sum(-1)

    def detach(self) -> Categorical:
        copy = Categorical(self.logits.detach(), None, self.start)
        copy.mask = self.mask
        copy._log_probs = None if self._log_probs is None else self._log_probs.detach()
        return copy

    def _shifted(self, index: Tensor) -> Tensor:
        return index if isinstance(self.start, int) and self.start == 0 else index + self.start

    def _check(self) -> None:
        if self.mask is not None and not bool(self.mask.any(-1).all()):
            row = (~self.mask.any(-1)).nonzero()[0].tolist()
            raise ValueError(f"the action mask of row {row} allows no action: let at least one be allowed in each")


class MultiCategorical(Distribution):
    """D independent choices, int64 `[..., D]`, choice d of `sizes[d]`, from the concatenated `logits` `[..., sum]`.

    `mask` is concatenated likewise, `start` `[D]` is the least action of each choice. All choices are one padded
    Categorical `[..., D, max(sizes)]`, whatever D.
    """

    def __init__(
        self, logits: Tensor, sizes: Sequence[int], mask: Tensor | None = None, start: int | Tensor = 0
    ) -> None:
        self.sizes = tuple(sizes)
        shape = (len(self.sizes), max(self.sizes))
        if len(set(self.sizes)) == 1:
            logits = logits.view(*logits.shape[:-1], *shape)
            mask = None if mask is None else mask.view(*mask.shape[:-1], *shape)
        else:
            index, valid = _padding(self.sizes, logits.device)
            lowest = torch.finfo(logits.dtype).min / 2
            logits = logits[..., index].masked_fill(~valid, lowest)
            mask = None if mask is None else mask[..., index] & valid
        self.choices = Categorical(logits, mask, start)

    noise = staticmethod(Categorical.noise)

    def sample(self, generator: torch.Generator | None = None, noise: Tensor | None = None) -> Tensor:
        return self.choices.sample(generator, noise)

    def log_prob(self, actions: Tensor) -> Tensor:
        return self.choices.log_prob(actions).sum(-1)

    def entropy(self) -> Tensor:
        return self.choices.entropy().sum(-1)

    def mode(self) -> Tensor:
        return self.choices.mode()

    def kl(self, other: MultiCategorical) -> Tensor:
        return self.choices.kl(other.choices).sum(-1)

    def detach(self) -> MultiCategorical:
        copy = object.__new__(MultiCategorical)
        copy.sizes, copy.choices = self.sizes, self.choices.detach()
        return copy


@functools.lru_cache(maxsize=64)
def _padding(sizes: tuple[int, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """For each place of `[D, max(sizes)]` its index in the concatenation, and whether there is one."""
    offsets = torch.tensor([0, *sizes[:-1]], device=device).cumsum(0)
    places = torch.arange(max(sizes), device=device)
    valid = places < torch.tensor(sizes, device=device).unsqueeze(-1)
    return torch.where(valid, offsets.unsqueeze(-1) + places, 0), valid


class Normal(Distribution):
    """Independent normal components: actions, `mean` and `log_std` (broadcast to it) are `[..., *A]`.

    `event` is the number of dimensions of one action, A. The actions have no bounds: clip what the environment gets,
    and keep what was sampled for `log_prob`.
    """

    def __init__(self, mean: Tensor, log_std: Tensor, event: int = 1) -> None:
        self.mean, self.log_std, self.event = mean, log_std, event
        self._dims = tuple(range(-event, 0))

    @staticmethod
    def noise(shape: Sequence[int], generator: torch.Generator | None = None, device: Any = None) -> Tensor:
        """Standard normal noise of the mean's shape."""
        return torch.randn(tuple(shape), generator=generator, device=device)

    def sample(self, generator: torch.Generator | None = None, noise: Tensor | None = None) -> Tensor:
        mean = self.mean.detach()
        if noise is None:
            noise = torch.empty_like(mean).normal_(generator=generator)
        return mean + self.log_std.detach().exp() * noise

    def log_prob(self, actions: Tensor) -> Tensor:
        scaled = (actions - self.mean) * torch.exp(-self.log_std)
        return -0.5 * scaled.square().sum(self._dims) - self._log_scale()

    def entropy(self) -> Tensor:
        components = math.prod(self.mean.shape[-self.event :])
        return (self._log_scale() + 0.5 * components).expand(self.mean.shape[: -self.event])

    def mode(self) -> Tensor:
        return self.mean.detach()

    def kl(self, other: Normal) -> Tensor:
        ratio = torch.exp(2 * (self.log_std - other.log_std))
        distance = ((self.mean - other.mean) * torch.exp(-other.log_std)).square()
        return (0.5 * (ratio + distance - 1) + other.log_std - self.log_std).sum(self._dims)

    def detach(self) -> Normal:
        return Normal(self.mean.detach(), self.log_std.detach(), self.event)

    def _log_scale(self) -> Tensor:
        """Log of the density's normaliser, `[...]` or what broadcasts to it."""
        log_std = self.log_std
        if log_std.shape[-self.event :] != self.mean.shape[-self.event :]:
            log_std = log_std.expand_as(self.mean)
        return log_std.sum(self._dims) + LOG_SQRT_2_PI * math.prod(self.mean.shape[-self.event :])


# Nodes and weights of E[f(x)] for a standard normal x; 32 of them integrate log sech^2 within 0.002 up to log_std = 1.
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(32)


class TanhNormal(Distribution):
    """`u` of Normal(mean, log_std) squashed to the bounds: `low + (high - low) (tanh u + 1) / 2`.

    Log-probabilities include the change of variables, log sech^2 u = 2 (log 2 - u - softplus(-2 u)) (Haarnoja et al.
    2018, appendix C), with the action taken back to u; actions at a bound count as the nearest number inside. The
    entropy has no closed form: it is the normal's plus the expectation of the logarithm by Gauss-Hermite quadrature,
    which is deterministic and differentiable. `mode` is the median, tanh of the mean.
    """

    def __init__(self, mean: Tensor, log_std: Tensor, low: Tensor, high: Tensor, event: int = 1) -> None:
        self.normal = Normal(mean, log_std, event)
        self.low, self.high = low, high

    noise = staticmethod(Normal.noise)

    def sample(self, generator: torch.Generator | None = None, noise: Tensor | None = None) -> Tensor:
        return self._squash(self.normal.sample(generator, noise))

    def log_prob(self, actions: Tensor) -> Tensor:
        inside = 1 - torch.finfo(actions.dtype).eps / 2
        unit = (2 * actions - self.high - self.low) / (self.high - self.low)
        u = torch.atanh(unit.clamp(-inside, inside))
        return self.normal.log_prob(u) - self._log_slope(u).sum(self.normal._dims)

    def entropy(self) -> Tensor:
        mean, log_std = self.normal.mean, self.normal.log_std
        nodes = torch.as_tensor(_NODES, dtype=mean.dtype, device=mean.device)
        weights = torch.as_tensor(_WEIGHTS / _WEIGHTS.sum(), dtype=mean.dtype, device=mean.device)
        u = mean.unsqueeze(-1) + log_std.exp().unsqueeze(-1) * nodes
        slope = self._log_slope(u, self.low.unsqueeze(-1), self.high.unsqueeze(-1)) @ weights
        return self.normal.entropy() + slope.sum(self.normal._dims)

    def mode(self) -> Tensor:
        return self._squash(self.normal.mean.detach())

    def kl(self, other: TanhNormal) -> Tensor:
        """That of the normals: squashing is one to one, and the bounds are the same."""
        return self.normal.kl(other.normal)

    def detach(self) -> TanhNormal:
        normal = self.normal.detach()
        return TanhNormal(normal.mean, normal.log_std, self.low, self.high, normal.event)

    def _squash(self, u: Tensor) -> Tensor:
        # Rounding may step over a bound.
        scaled = self.low + (self.high - self.low) * (0.5 * (torch.tanh(u) + 1))
        return torch.clamp(scaled, self.low, self.high)

    def _log_slope(self, u: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
        """Log of the derivative of the action by u."""
        width = (self.high if high is None else high) - (self.low if low is None else low)
        return 2 * (math.log(2) - u - functional.softplus(-2 * u)) + torch.log(0.5 * width)
