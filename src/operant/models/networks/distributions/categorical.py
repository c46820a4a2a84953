"""Distributions over one or several discrete actions."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from operant.cuda.graphs import inside_graph
from operant.models.networks.distributions.distribution import Distribution


class Categorical(Distribution):
    """A distribution over K actions, int64 `[...]` counted from `start`, with `logits` `[..., K]`.

    `mask` (bool, broadcast to the logits) is true for allowed actions. Forbidden actions have probability exactly 0,
    while entropy and gradients stay finite. `sample` and `mode` raise ValueError if a row allows no action, except
    while a CUDA graph is recorded, which cannot check values. The other methods treat such a row as uniform, because
    its actions cannot have been sampled.
    """

    def __init__(self, logits: Tensor, mask: Tensor | None = None, start: int | Tensor = 0) -> None:
        # The value is finite, so that 0 * log 0 is 0. It is half of the lowest number, so that the difference to the
        # largest logit is finite too.
        self.logits = logits if mask is None else logits.masked_fill(~mask, torch.finfo(logits.dtype).min / 2)
        self.mask = mask
        self.start = start
        self._log_probs: Tensor | None = None

    @staticmethod
    def noise(shape: Sequence[int], generator: torch.Generator | None = None, device: Any = None) -> Tensor:
        """Draws Gumbel noise of the logits' shape; `argmax(logits + noise)` is a sample (Maddison et al. 2014)."""
        return torch.empty(tuple(shape), device=device).exponential_(generator=generator).log_().neg_()

    @property
    def log_probs(self) -> Tensor:
        """The log-probabilities `[K, ...]`, computed once. Actions come first: short rows waste vector units."""
        if self._log_probs is None:
            self._log_probs = functional.log_softmax(self.logits.movedim(-1, 0).contiguous(), 0)
        return self._log_probs

    def sample(self, generator: torch.Generator | None = None, noise: Tensor | None = None) -> Tensor:
        self._check()
        if noise is None:
            noise = self.noise(self.logits.shape, generator, self.logits.device)
        return self._shifted((self.logits.detach() + noise).argmax(-1))

    def log_prob(self, actions: Tensor) -> Tensor:
        index = actions if isinstance(self.start, int) and self.start == 0 else actions - self.start
        return self.log_probs.gather(0, index.unsqueeze(0)).squeeze(0)

    def entropy(self) -> Tensor:
        return -(self.log_probs.exp() * self.log_probs).sum(0)

    def mode(self) -> Tensor:
        self._check()
        return self._shifted(self.logits.argmax(-1))

    def kl(self, other: Categorical) -> Tensor:
        return (self.log_probs.exp() * (self.log_probs - other.log_probs)).sum(0)

    def detach(self) -> Categorical:
        copy = Categorical(self.logits.detach(), None, self.start)
        copy.mask = self.mask
        copy._log_probs = None if self._log_probs is None else self._log_probs.detach()
        return copy

    def _shifted(self, index: Tensor) -> Tensor:
        return index if isinstance(self.start, int) and self.start == 0 else index + self.start

    def _check(self) -> None:
        if self.mask is not None and not inside_graph() and not bool(self.mask.any(-1).all()):
            row = (~self.mask.any(-1)).nonzero()[0].tolist()
            raise ValueError(f"the action mask of row {row} allows no action: allow at least one in each row")


class MultiCategorical(Distribution):
    """A distribution over D independent choices, int64 `[..., D]`; choice d has `sizes[d]` actions.

    `logits` `[..., sum(sizes)]` and `mask` are concatenated over the choices; `start` `[D]` is each choice's first
    action. All choices are computed as one padded Categorical `[..., D, max(sizes)]`.
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
    """Returns each place's index in the concatenation, `[D, max(sizes)]`, and False for places that are padding."""
    offsets = torch.tensor([0, *sizes[:-1]], device=device).cumsum(0)
    places = torch.arange(max(sizes), device=device)
    valid = places < torch.tensor(sizes, device=device).unsqueeze(-1)
    return torch.where(valid, offsets.unsqueeze(-1) + places, 0), valid
