"""The last layer of a policy: maps features to a distribution over the action space."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from operant.models.networks.distributions import Categorical, Distribution, MultiCategorical, Normal, TanhNormal
from operant.models.networks.spaces import action_choices, check_squash


def orthogonal(layer: nn.Linear | nn.Conv2d, gain: float) -> Any:
    """Initialises a layer with orthogonal weights of gain `gain` (Saxe et al. 2014) and zero biases, and returns it."""
    nn.init.orthogonal_(layer.weight, gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def full_precision(numbers: Tensor) -> Tensor:
    """Converts autocast's 16-bit numbers to float32, because 16 bits are too few for ratios of probabilities."""
    return numbers.float() if numbers.dtype in (torch.bfloat16, torch.float16) else numbers


class ActionHead(nn.Module):
    """Maps features `[..., F]` to a distribution; `mask_size` is the length of an action mask, or 0."""

    mask_size: int
    noise_shape: tuple[int, ...]

    @abstractmethod
    def forward(self, features: Tensor, mask: Tensor | None = None) -> Distribution:
        """Returns the distribution for features `[..., F]` and a bool mask `[..., mask_size]`."""

    def noise(self, leading: Sequence[int], generator: torch.Generator | None = None) -> Tensor:
        """Draws noise for `sample(noise=...)` of distributions `[*leading]`, such as `[T, N]` for a whole rollout."""
        kind = Categorical if self.mask_size else Normal
        return kind.noise((*leading, *self.noise_shape), generator, next(self.parameters()).device)


class CategoricalHead(ActionHead):
    """The head for Discrete(actions, start)."""

    def __init__(self, features: int, actions: int, start: int) -> None:
        super().__init__()
        self.mask_size, self.noise_shape, self.start = actions, (actions,), start
        self.linear = orthogonal(nn.Linear(features, actions), 0.01)

    def forward(self, features: Tensor, mask: Tensor | None = None) -> Categorical:
        return Categorical(full_precision(self.linear(features)), mask, self.start)


class MultiCategoricalHead(ActionHead):
    """The head for MultiDiscrete(sizes, start)."""

    start: Tensor

    def __init__(self, features: int, sizes: Sequence[int], start: Sequence[int]) -> None:
        super().__init__()
        self.sizes = tuple(int(size) for size in sizes)
        self.mask_size, self.noise_shape = sum(self.sizes), (len(self.sizes), max(self.sizes))
        self.linear = orthogonal(nn.Linear(features, self.mask_size), 0.01)
        self.register_buffer("start", torch.tensor([int(k) for k in start]), persistent=False)
        self.shifted = any(start)

    def forward(self, features: Tensor, mask: Tensor | None = None) -> MultiCategorical:
        return MultiCategorical(
            full_precision(self.linear(features)), self.sizes, mask, self.start if self.shifted else 0
        )


class NormalHead(ActionHead):
    """The head for Box: a mean from the features, and a parameter `log_std`, initially 0. `squash`: a TanhNormal."""

    low: Tensor
    high: Tensor

    def __init__(self, features: int, low: np.ndarray, high: np.ndarray, squash: bool) -> None:
        super().__init__()
        self.mask_size, self.noise_shape, self.squash = 0, low.shape, squash
        self.linear = orthogonal(nn.Linear(features, math.prod(low.shape)), 0.01)
        self.log_std = nn.Parameter(torch.zeros(low.shape))
        self.register_buffer("low", torch.tensor(low, dtype=torch.float32), persistent=False)
        self.register_buffer("high", torch.tensor(high, dtype=torch.float32), persistent=False)

    def forward(self, features: Tensor, mask: Tensor | None = None) -> Normal | TanhNormal:
        mean, event = full_precision(self.linear(features)), len(self.noise_shape)
        if event > 1:
            mean = mean.view(*mean.shape[:-1], *self.noise_shape)
        if self.squash:
            return TanhNormal(mean, self.log_std, self.low, self.high, event)
        return Normal(mean, self.log_std, event)


def action_head(space: spaces.Space[Any], features: int, *, squash: bool = False) -> ActionHead:
    """Makes the head for an action space, with `features` inputs.

    `squash` keeps a Box's actions within its bounds, which must be finite.

    Raises:
        TypeError: the space is not supported.
        ValueError: the space cannot be squashed.
    """
    check_squash(space, squash)
    choices, start = action_choices(space)
    if isinstance(space, spaces.Box):
        return NormalHead(features, space.low, space.high, squash)
    if isinstance(space, spaces.Discrete):
        return CategoricalHead(features, choices[0], start[0])
    return MultiCategoricalHead(features, choices, start)
