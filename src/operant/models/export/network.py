"""The network of a trained policy as arrays, without torch: what `operant export --format c` writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

from operant.models.algorithms.algorithm import Algorithm

LAYERS = ("shared", "actor")


@dataclass(frozen=True)
class Network:
    """A policy made by an algorithm's config.

    Args:
        weights: arrays by their names in `ActorCritic.state_dict()`.
        activation: the name of the function after each hidden layer.
        squash: continuous actions are kept within their bounds by tanh.
    """

    observation_space: spaces.Space[Any]
    action_space: spaces.Space[Any]
    weights: Mapping[str, np.ndarray]
    activation: str
    squash: bool

    def hidden(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The weights `[out, in]` and biases of the policy's hidden layers."""
        names = [name.removesuffix(".weight") for name in self.weights if name.endswith(".weight")]
        return [self.linear(name) for name in names if name.partition(".")[0] in LAYERS]

    def linear(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The weights `[out, in]` and biases `[out]` of a layer."""
        return self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]

    @property
    def lstm_units(self) -> int:
        """The number of LSTM units, or 0."""
        return self.weights["lstm.weight_hh_l0"].shape[1] if "lstm.weight_hh_l0" in self.weights else 0


def network_of(algorithm: Algorithm) -> Network:
    """Returns the network of an algorithm whose policy is not the user's own."""
    environments, c = algorithm.environments, algorithm.config
    return Network(
        environments.observation_space, environments.action_space, algorithm.weights(), c.activation, c.squash
    )
