"""The networks that the algorithms train: a policy and a value function over any observation that has a Layout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from operant.environments.layout import Layout
from operant.models.networks.distributions import Distribution
from operant.models.networks.extractors import extractor_for
from operant.models.networks.heads import action_head, full_precision, orthogonal
from operant.models.networks.recurrent import orthogonal_lstm, run_lstm
from operant.models.networks.seeding import seeded

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}
MASK = "action_mask"


class ActorCritic(nn.Module):
    """Observations to a distribution over actions and a value, each by an MLP of its own over shared features.

    Observations are rows of `Layout(observation_space)`, `[..., *layout.shape]`. The extractor (a CNN for images, see
    `extractor_for`) is always shared; `share` shares the hidden layers too. `lstm` is the number of LSTM units between
    extractor and hidden layers, 0 for a feed-forward network. A part "action_mask" of a Dict is no feature but forbids
    actions where it is 0. `extractor` (a module with `.features`) and `value_head` (a module from the last hidden layer
    to `[..., 1]`) replace the default ones. `action_masks` `[values, actions]` bool says of each value of a Discrete
    observation which actions it allows. `seed` makes the initial weights reproducible and leaves torch's own generator
    alone.
    """

    action_masks: Tensor | None

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        *,
        hidden: Sequence[int] = (64, 64),
        activation: str = "tanh",
        share: bool = False,
        lstm: int = 0,
        squash: bool = False,
        extractor: nn.Module | None = None,
        value_head: nn.Module | None = None,
        action_masks: np.ndarray | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation={activation!r} must be one of {', '.join(ACTIVATIONS)}")
        if lstm < 0 or min(hidden, default=1) < 1:
            raise ValueError(f"hidden={tuple(hidden)} must be positive sizes and lstm={lstm} a size, 0 for none")
        self.observation_space, self.action_space = observation_space, action_space
        self.layout = Layout(observation_space)
        self.masked = isinstance(observation_space, spaces.Dict) and MASK in observation_space.spaces
        with seeded(seed):
            self.extractor = extractor_for(self._feature_space()) if extractor is None else extractor
            if not isinstance(getattr(self.extractor, "features", None), int):
                raise TypeError(f"{type(extractor).__name__} needs an attribute features: how many it returns")
            width = int(self.extractor.features)  # type: ignore[arg-type]
            self.lstm = orthogonal_lstm(width, lstm) if lstm else None
            width = lstm or width
            self.shared = mlp(width, hidden if share else (), activation)
            self.actor = mlp(width, () if share else hidden, activation)
            self.critic = mlp(width, () if share else hidden, activation)
            width = hidden[-1] if hidden else width
            self.head = action_head(action_space, width, squash=squash)
            self.value_head = orthogonal(nn.Linear(width, 1), 1.0) if value_head is None else value_head
        masks = None if action_masks is None else torch.as_tensor(np.asarray(action_masks, np.bool_))
        self.register_buffer("action_masks", masks, persistent=False)
        self._check_mask()
        _check_value_head(self.value_head, width)

    @property
    def recurrent(self) -> bool:
        return self.lstm is not None

    def forward(
        self, observations: Tensor, state: Tensor | None = None, starts: Tensor | None = None
    ) -> tuple[Distribution, Tensor, Tensor | None]:
        """The distribution, the values `[...]` and the LSTM's new state (None without an LSTM).

        A recurrent network takes `[T, N, ...]`, the `state` `[2, N, H]` before the first step (None: zeros) and bool
        `starts` `[T, N]`: whether an episode begins at t, so that its state is zero before t (None: nowhere).
        """
        features, mask = self._features(observations)
        if self.lstm is not None:
            features, state = run_lstm(self.lstm, features, state, starts)
        features = self.shared(features)
        return self.head(self.actor(features), mask), self._value(features), state

    def distribution(self, observations: Tensor) -> Distribution:
        """The actor alone, of a feed-forward network."""
        self._check_feed_forward("distribution")
        features, mask = self._features(observations)
        distribution: Distribution = self.head(self.actor(self.shared(features)), mask)
        return distribution

    def values(self, observations: Tensor) -> Tensor:
        """The critic alone, of a feed-forward network: `[...]`."""
        self._check_feed_forward("values")
        return self._value(self.shared(self._features(observations)[0]))

    def initial_state(self, num_envs: int) -> Tensor | None:
        """The state before the first step: zeros `[2, N, H]`, or None without an LSTM."""
        if self.lstm is None:
            return None
        return torch.zeros(2, num_envs, self.lstm.hidden_size, device=next(self.parameters()).device)

    def noise(self, leading: Sequence[int], generator: torch.Generator | None = None) -> Tensor:
        """Noise for the distributions' `sample(noise=...)`, drawn at once for a whole rollout `[T, N]`."""
        return self.head.noise(leading, generator)

    def _value(self, features: Tensor) -> Tensor:
        return full_precision(self.value_head(self.critic(features))).squeeze(-1)

    def _features(self, observations: Tensor) -> tuple[Tensor, Tensor | None]:
        structure, mask = self.split(self.layout.unflatten(observations))
        return self.extractor(structure), mask

    def split(self, structure: Any) -> tuple[Any, Tensor | None]:
        """What the extractor takes of an observation, and the actions that it allows (None: all)."""
        if self.action_masks is not None:
            return structure, self.action_masks[structure.long()]
        return structure, structure.pop(MASK) != 0 if self.masked else None

    def _feature_space(self) -> spaces.Space[Any]:
        space = self.observation_space
        if not (self.masked and isinstance(space, spaces.Dict)):
            return space
        if len(space.spaces) == 1:
            raise TypeError(f"the observation space {space} has nothing but {MASK!r}: add a part to observe")
        return spaces.Dict({key: part for key, part in space.spaces.items() if key != MASK})

    def _check_mask(self) -> None:
        if self.action_masks is not None:
            space, shape = self.observation_space, tuple(self.action_masks.shape)
            values = int(space.n) if isinstance(space, spaces.Discrete) and space.start == 0 else 0
            if not values or not self.head.mask_size or shape != (values, self.head.mask_size):
                raise ValueError(
                    f"action_masks of shape {shape} are not for {space} and {self.action_space}: they have a row for "
                    "each value of a Discrete observation, and a column for each action"
                )
        if self.masked:
            shape = self.observation_space[MASK].shape  # type: ignore[index]
            if shape != (self.head.mask_size,) or not self.head.mask_size:
                needed = f"masks of shape ({self.head.mask_size},)" if self.head.mask_size else "no masks"
                raise ValueError(f"{MASK!r} has shape {shape}, but {self.action_space} takes {needed}")

    def _check_feed_forward(self, method: str) -> None:
        if self.recurrent:
            raise TypeError(f"{method}() is for feed-forward networks; call network(observations, state, starts)")


class DiscreteActorCritic(ActorCritic):
    """An ActorCritic from sizes: observations `[..., observation_size]` float32, actions 0 to `actions` - 1."""

    def __init__(self, observation_size: int, actions: int, **options: Any) -> None:
        super().__init__(_vector(observation_size, -np.inf, np.inf), spaces.Discrete(actions), **options)


class ContinuousActorCritic(ActorCritic):
    """An ActorCritic from sizes: observations `[..., observation_size]`, actions `[..., action_size]`, both float32.

    `low` and `high` are the bounds of an action, numbers or `[action_size]`.
    """

    def __init__(
        self, observation_size: int, action_size: int, low: Any = -np.inf, high: Any = np.inf, **options: Any
    ) -> None:
        super().__init__(_vector(observation_size, -np.inf, np.inf), _vector(action_size, low, high), **options)


def _check_value_head(head: nn.Module, features: int) -> None:
    try:
        with torch.no_grad():
            fits = head(torch.zeros(1, features)).shape == (1, 1)
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(
            f"value_head {type(head).__name__} must map the {features} features of this network to [..., 1]"
        )


def _vector(size: int, low: Any, high: Any) -> spaces.Box:
    bounds = [np.broadcast_to(np.asarray(bound, np.float32), (size,)) for bound in (low, high)]
    return spaces.Box(bounds[0], bounds[1], dtype=np.float32)


def mlp(features: int, hidden: Sequence[int], activation: str) -> nn.Sequential:
    """Linear layers of the sizes `hidden`, each followed by the activation, orthogonal with gain sqrt(2)."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [orthogonal(nn.Linear(features, width), math.sqrt(2)), ACTIVATIONS[activation]()]
        features = width
    return nn.Sequential(*layers)


def flatten_parameters(module: nn.Module) -> Tensor:
    """One contiguous tensor that all the module's parameters, and their gradients, become slices of.

    An optimiser of `[flat]` moves the module, and `backward` fills `flat.grad`, so that a step, a norm and a clip are
    one kernel each. Empty the gradient with `flat.grad.zero_()`: `zero_grad()` would cut the slices off. Call it again
    after `module.to(device)` or a deep copy, whose parameters are separate tensors.
    """
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if len({(parameter.dtype, parameter.device) for parameter in parameters}) != 1:
        raise ValueError("flatten_parameters needs parameters of one dtype on one device")
    flat = torch.cat([parameter.detach().reshape(-1) for parameter in parameters])
    flat.requires_grad_()
    flat.grad = torch.zeros_like(flat)
    offset = 0
    for parameter in parameters:
        end = offset + parameter.numel()
        parameter.data = flat.detach()[offset:end].view_as(parameter)
        parameter.grad = flat.grad[offset:end].view_as(parameter)
        offset = end
    return flat
