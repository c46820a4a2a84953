"""The networks that the algorithms train: a policy and a value function for any observation with a Layout."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
from operant.models.networks.spaces import MASK, check_masks, has_mask

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


class ActorCritic(nn.Module):
    """Maps observations to a distribution over actions and to a value, with an MLP for each over shared features.

    Observations are rows of `Layout(observation_space)`, `[..., *layout.shape]`. A part "action_mask" of a Dict is not
    a feature; it forbids the actions for which it is 0.

    Args:
        hidden: sizes of the hidden layers.
        activation: a key of `ACTIVATIONS`.
        share: share the hidden layers between actor and critic. The extractor is always shared.
        value_hidden: sizes of the critic's hidden layers; () for those of the actor. Not with `share`.
        lstm: the number of LSTM units between extractor and hidden layers; 0 for a feed-forward network.
        squash: keep continuous actions within their bounds by tanh.
        extractor: replaces the default of `extractor_for` (a CNN for images); a module with `.features`.
        value_head: replaces the default; a module from the last hidden layer to `[..., 1]`.
        action_masks: bool `[values, actions]`, the allowed actions for each value of a Discrete observation.
        seed: makes the initial weights reproducible; torch's own generator is not used then.

    Raises:
        ValueError: an option is invalid, or a mask does not fit the spaces.
        TypeError: a space is not supported.
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
        value_hidden: Sequence[int] = (),
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
        if lstm < 0 or min((*hidden, *value_hidden), default=1) < 1:
            sizes = f"hidden={tuple(hidden)} and value_hidden={tuple(value_hidden)}"
            raise ValueError(f"{sizes} must be positive sizes, and lstm={lstm} must be at least 0")
        if share and value_hidden:
            raise ValueError(f"value_hidden={tuple(value_hidden)} is for a network of its own: set share=False")
        self.observation_space, self.action_space = observation_space, action_space
        self.layout = Layout(observation_space)
        self.masked = has_mask(observation_space)
        masks = None if action_masks is None else np.asarray(action_masks, np.bool_)
        check_masks(observation_space, action_space, masks)
        with seeded(seed):
            self.extractor = extractor_for(self._feature_space()) if extractor is None else extractor
            if not isinstance(getattr(self.extractor, "features", None), int):
                raise TypeError(f"{type(extractor).__name__} needs an attribute features: the number of its outputs")
            width = int(self.extractor.features)  # type: ignore[arg-type]
            self.lstm = orthogonal_lstm(width, lstm) if lstm else None
            width = lstm or width
            self.shared = mlp(width, hidden if share else (), activation)
            self.actor = mlp(width, () if share else hidden, activation)
            value_hidden = hidden if share else value_hidden or hidden
            self.critic = mlp(width, () if share else value_hidden, activation)
            self.head = action_head(action_space, hidden[-1] if hidden else width, squash=squash)
            width = value_hidden[-1] if value_hidden else width
            self.value_head = orthogonal(nn.Linear(width, 1), 1.0) if value_head is None else value_head
        self.register_buffer("action_masks", None if masks is None else torch.as_tensor(masks), persistent=False)
        _check_value_head(self.value_head, width)

    @property
    def recurrent(self) -> bool:
        """True with an LSTM."""
        return self.lstm is not None

    def forward(
        self, observations: Tensor, state: Tensor | None = None, starts: Tensor | None = None
    ) -> tuple[Distribution, Tensor, Tensor | None]:
        """Returns the distribution, the values `[...]`, and the LSTM's new state (None without an LSTM).

        A recurrent network takes observations `[T, N, ...]`, the `state` `[2, N, H]` before the first step (None:
        zeros), and bool `starts` `[T, N]`. If `starts` is true at t, an episode begins there, and the state before t is
        zero (None: no episode begins).
        """
        features, mask = self._features(observations)
        if self.lstm is not None:
            features, state = run_lstm(self.lstm, features, state, starts)
        features = self.shared(features)
        return self.head(self.actor(features), mask), self._value(features), state

    def distribution(self, observations: Tensor) -> Distribution:
        """Evaluates only the actor; for feed-forward networks."""
        self._check_feed_forward("distribution")
        features, mask = self._features(observations)
        distribution: Distribution = self.head(self.actor(self.shared(features)), mask)
        return distribution

    def values(self, observations: Tensor) -> Tensor:
        """Evaluates only the critic, `[...]`; for feed-forward networks."""
        self._check_feed_forward("values")
        return self._value(self.shared(self._features(observations)[0]))

    def initial_state(self, num_envs: int) -> Tensor | None:
        """Returns the state before the first step: zeros `[2, N, H]`, or None without an LSTM."""
        if self.lstm is None:
            return None
        return torch.zeros(2, num_envs, self.lstm.hidden_size, device=next(self.parameters()).device)

    def noise(self, leading: Sequence[int], generator: torch.Generator | None = None) -> Tensor:
        """Draws noise for the distributions' `sample(noise=...)`, for example for a whole rollout `[T, N]` at once."""
        return self.head.noise(leading, generator)

    def _value(self, features: Tensor) -> Tensor:
        return full_precision(self.value_head(self.critic(features))).squeeze(-1)

    def _features(self, observations: Tensor) -> tuple[Tensor, Tensor | None]:
        structure, mask = self.split(self.layout.unflatten(observations))
        return self.extractor(structure), mask

    def split(self, structure: Any) -> tuple[Any, Tensor | None]:
        """Splits an observation into the extractor's input and the mask of allowed actions (None: all are allowed)."""
        if self.action_masks is not None:
            return structure, self.action_masks[structure.long()]
        return structure, structure.pop(MASK) != 0 if self.masked else None

    def _feature_space(self) -> spaces.Space[Any]:
        space = self.observation_space
        if not (self.masked and isinstance(space, spaces.Dict)):
            return space
        return spaces.Dict({key: part for key, part in space.spaces.items() if key != MASK})

    def _check_feed_forward(self, method: str) -> None:
        if self.recurrent:
            raise TypeError(f"{method}() is for feed-forward networks; call network(observations, state, starts)")


class DiscreteActorCritic(ActorCritic):
    """An ActorCritic made from sizes: observations `[..., observation_size]` float32, actions 0 to `actions` - 1."""

    def __init__(self, observation_size: int, actions: int, **options: Any) -> None:
        super().__init__(_vector(observation_size, -np.inf, np.inf), spaces.Discrete(actions), **options)


class ContinuousActorCritic(ActorCritic):
    """An ActorCritic made from sizes, for continuous actions.

    Observations are `[..., observation_size]` and actions `[..., action_size]`, both float32. `low` and `high` are the
    bounds of an action, numbers or `[action_size]`.
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
    """Makes linear layers of the sizes `hidden`, orthogonal with gain sqrt(2), each followed by the activation."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [orthogonal(nn.Linear(features, width), math.sqrt(2)), ACTIVATIONS[activation]()]
        features = width
    return nn.Sequential(*layers)


def load_weights(module: nn.Module, weights: Mapping[str, Tensor | np.ndarray]) -> None:
    """Copies `module.state_dict()`, or a checkpoint's arrays of the same names, into the module."""
    module.load_state_dict({name: torch.as_tensor(weight) for name, weight in weights.items()})


def flatten_parameters(module: nn.Module) -> Tensor:
    """Turns the module's parameters and their gradients into slices of one contiguous tensor, and returns it.

    An optimiser of `[flat]` updates the module, and `backward` fills `flat.grad`, so a step, a norm and a clip are one
    kernel each. Clear the gradient with `flat.grad.zero_()`, because `zero_grad()` would detach the slices. Call this
    again after `module.to(device)` or a deep copy, because both make separate tensors.

    Raises:
        ValueError: the parameters differ in dtype or device.
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
