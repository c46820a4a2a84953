"""Intrinsic rewards for novelty, passed to an algorithm: RND and ICM.

```python
PPO("MountainCar-v0", config, exploration=RND(observation_space, coefficient=0.5))
```

An intrinsic reward is a prediction error for the observation after a step, divided by the running standard deviation of
the errors' discounted sum. It is 0 if the step ended its episode, because the next observation belongs to another
episode. It is added to the reward, so one value function learns the sum.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from operant.environments.layout import Layout
from operant.models.collection.collector import Rollout
from operant.models.machine.adam import Adam
from operant.models.machine.data_parallel import mean_in_place
from operant.models.networks.actor_critic import flatten_parameters, load_weights, mlp
from operant.models.networks.extractors import extractor_for
from operant.models.networks.heads import action_head, orthogonal
from operant.models.networks.seeding import seeded
from operant.rollout.normalizer import RewardNormalizer, RunningNormalizer

CLIP = 5.0  # bound of normalised observations: Burda et al. (2018), section 2.4
CHUNK = 16_384  # transitions in one call of the network


class Exploration(ABC):
    """Intrinsic rewards from the prediction error of a network.

    Args:
        coefficient: the weight of the intrinsic rewards.
        features: the number of predicted features.
        hidden: sizes of the hidden layers.
        learning_rate: the learning rate of Adam.
        gamma: the discount factor of the errors' sum; errors are divided by its deviation.
        minibatches: the number of minibatches in one pass over a rollout's transitions.
        seed: the seed of the weights and of the order of transitions.
        device: the device of the networks.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        *,
        coefficient: float = 1.0,
        features: int = 64,
        hidden: tuple[int, ...] = (64,),
        learning_rate: float = 1e-3,
        gamma: float = 0.99,
        minibatches: int = 4,
        seed: int = 0,
        device: str = "cpu",
    ):
        if not hidden or min(features, minibatches, *hidden) < 1:
            raise ValueError(
                f"hidden={hidden} must be positive sizes, features={features} and minibatches={minibatches} at least 1"
            )
        if not (coefficient >= 0 and learning_rate > 0 and 0 <= gamma <= 1):
            raise ValueError(
                f"coefficient={coefficient} must be at least 0, learning_rate={learning_rate} above 0, and "
                f"gamma={gamma} from 0 to 1"
            )
        self.coefficient, self.gamma, self.minibatches = coefficient, gamma, minibatches
        self.device = torch.device(device)
        self.layout = Layout(observation_space)
        vector = len(self.layout.shape) == 1 and self.layout.dtype == np.float32
        # Images and one-hot vectors are scaled already.
        self.normalizer = RunningNormalizer(self.layout.shape, clip=CLIP) if vector else None
        self.reward_normalizer: RewardNormalizer | None = (
            None  # made for the number of environments of the first rollout
        )
        with seeded(seed):
            self.network = self._make(observation_space, features, hidden).to(self.device)
        self.parameters = flatten_parameters(self.network)
        self.optimizer = Adam(self.parameters, learning_rate)
        self.generator = torch.Generator(self.device).manual_seed(seed)

    @abstractmethod
    def _make(self, space: spaces.Space[Any], features: int, hidden: tuple[int, ...]) -> nn.ModuleDict:
        """Makes the networks; parameters without a gradient are not trained."""

    @abstractmethod
    def _errors(self, before: Tensor, actions: Tensor, after: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Computes the errors `[B]` of transitions `[B, ...]`, and the losses, whose sum is minimised."""

    def rewards(self, rollout: Rollout) -> Tensor:
        """Computes the intrinsic rewards `[T, N]` of a rollout, after updating the statistics with its observations."""
        steps, num_envs = rollout.rewards.shape
        if self.normalizer:
            self.normalizer.update(_rows(rollout.observations))
        with torch.no_grad():
            parts = zip(*(torch.split(part, CHUNK) for part in self._transitions(rollout)), strict=True)
            errors = torch.cat([self._errors(*part)[0] for part in parts]).view(steps, num_envs)
        errors = errors.cpu().masked_fill((rollout.terminated | rollout.truncated).cpu(), 0)
        if self.reward_normalizer is None:
            self.reward_normalizer = RewardNormalizer(num_envs, self.gamma)
        never = np.zeros(num_envs, np.bool_)  # the errors' sum does not end with the episodes
        scaled = np.stack([self.reward_normalizer(row, never) for row in errors.numpy()])
        return self.coefficient * torch.from_numpy(scaled).to(rollout.rewards.device)

    def update(self, rollout: Rollout) -> dict[str, Tensor]:
        """Makes one pass of Adam over the rollout's transitions within episodes; returns the mean losses."""
        inside = ~(rollout.terminated | rollout.truncated).flatten().to(self.device)
        order = inside.nonzero().flatten()
        order = order[torch.randperm(len(order), generator=self.generator, device=self.device)]
        transitions = self._transitions(rollout)
        gradient = self.parameters.grad
        assert gradient is not None
        each = []
        for rows in order.tensor_split(self.minibatches):
            gradient.zero_()
            _, losses = self._errors(*(part[rows] for part in transitions))
            each.append(losses)
            torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
            mean_in_place(gradient)
            self.optimizer.step()
        # If nearly all steps ended an episode, a minibatch may be empty: its loss is NaN, its gradient 0.
        return {name: torch.stack([losses[name].detach() for losses in each]).nanmean() for name in each[0]}

    def _transitions(self, rollout: Rollout) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the observations before, the actions, and the observations after each step, `[T * N, ...]`."""
        observations = torch.cat((rollout.observations, rollout.last_observations[None]))
        rows = observations.flatten(0, 1)
        if self.normalizer:
            rows = torch.from_numpy(self.normalizer.normalize(rows.cpu()))
        rows = rows.to(self.device)
        num_envs = rollout.rewards.shape[1]
        return rows[:-num_envs], rollout.actions.flatten(0, 1).to(self.device), rows[num_envs:]

    def state_dict(self) -> dict[str, Any]:
        """Returns the state for `load_state_dict` of an object with the same sizes."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "normalizer": self.normalizer.state_dict() if self.normalizer else None,
            "reward_normalizer": self.reward_normalizer.state_dict() if self.reward_normalizer else None,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores a state of `state_dict`."""
        load_weights(self.network, state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(torch.as_tensor(state["generator"]))
        if self.normalizer:
            self.normalizer.load_state_dict(state["normalizer"])
        self.reward_normalizer = None
        if (returns := state["reward_normalizer"]) is not None:
            self.reward_normalizer = RewardNormalizer(len(returns["returns"]), self.gamma)
            self.reward_normalizer.load_state_dict(returns)


class RND(Exploration):
    """Random network distillation: the error of predicting a fixed random network's features of an observation.

    Burda et al. (2018), https://arxiv.org/abs/1810.12894.
    """

    def _make(self, space: spaces.Space[Any], features: int, hidden: tuple[int, ...]) -> nn.ModuleDict:
        target = _encoder(space, features, hidden).requires_grad_(False)
        return nn.ModuleDict({"target": target, "predictor": _encoder(space, features, (*hidden, hidden[-1]))})

    def _errors(self, before: Tensor, actions: Tensor, after: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        observations = self.layout.unflatten(after)
        difference = self.network["predictor"](observations) - self.network["target"](observations)
        errors = difference.square().mean(-1)
        return errors, {"prediction_loss": errors.mean()}


class ICM(Exploration):
    """Intrinsic curiosity module: the error of predicting the next observation's features from action and features.

    The features are learnt by predicting the action from the observations before and after it, so they represent what
    actions can change. Pathak et al. (2017), https://arxiv.org/abs/1705.05363; observations and rewards are normalised
    as in RND.

    Args:
        beta: the weight of the forward model's loss; the inverse model's is 1 - beta.

    The other arguments are those of `Exploration`.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        *,
        beta: float = 0.2,
        **options: Any,
    ):
        if not 0 <= beta <= 1:
            raise ValueError(f"beta={beta} must be from 0 to 1")
        self.action_space, self.beta = action_space, beta
        super().__init__(observation_space, **options)

    def _make(self, space: spaces.Space[Any], features: int, hidden: tuple[int, ...]) -> nn.ModuleDict:
        actions = extractor_for(self.action_space)
        return nn.ModuleDict(
            {
                "encoder": _encoder(space, features, hidden),
                "actions": actions,
                "dynamics": _layers(features + actions.features, features, hidden),
                "inverse": mlp(2 * features, hidden, "relu"),
                "head": action_head(self.action_space, hidden[-1]),
            }
        )

    def _errors(self, before: Tensor, actions: Tensor, after: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        network = self.network
        encode, unflatten = network["encoder"], self.layout.unflatten
        first, second = encode(unflatten(before)), encode(unflatten(after))
        predicted = network["dynamics"](torch.cat((first, network["actions"](actions)), -1))
        errors = (predicted - second).square().mean(-1)
        distribution = network["head"](network["inverse"](torch.cat((first, second), -1)))
        inverse = -distribution.log_prob(actions).mean()
        return errors, {"forward_loss": self.beta * errors.mean(), "inverse_loss": (1 - self.beta) * inverse}


def _encoder(space: spaces.Space[Any], features: int, hidden: tuple[int, ...]) -> nn.Sequential:
    extractor = extractor_for(space)
    return nn.Sequential(extractor, _layers(extractor.features, features, hidden))


def _layers(size: int, features: int, hidden: tuple[int, ...]) -> nn.Sequential:
    """Makes hidden layers and a linear output layer."""
    return nn.Sequential(mlp(size, hidden, "relu"), orthogonal(nn.Linear(hidden[-1], features), math.sqrt(2)))


def _rows(observations: Tensor) -> np.ndarray:
    """Returns observations as rows `[T * N, ...]` on the CPU."""
    rows: np.ndarray = observations.flatten(0, 1).cpu().contiguous().numpy()
    return rows
