"""The names and shapes of a network's weights, which are those of torch's `ActorCritic`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from operant.models.algorithms.configs import OnPolicyConfig


def weight_shapes(
    inputs: int, config: OnPolicyConfig, outputs: int, log_std: tuple[int, ...] | None
) -> dict[str, tuple[int, ...]]:
    """Returns the shape of each array of weights by its name, in the order of `ActorCritic.parameters()`.

    Args:
        inputs: D.
        config: has the sizes of the hidden layers.
        outputs: of the policy: all choices of an action, or the numbers of a continuous one.
        log_std: the shape of a continuous action; None for a discrete one.
    """
    hidden, value_hidden = config.hidden, config.value_hidden or config.hidden
    shapes: dict[str, tuple[int, ...]] = {}
    if config.share:
        shapes |= _layers("shared", inputs, hidden)
    else:
        shapes |= _layers("actor", inputs, hidden) | _layers("critic", inputs, value_hidden)
    if log_std is not None:
        shapes["head.log_std"] = log_std
    shapes |= _linear("head.linear", hidden[-1] if hidden else inputs, outputs)
    last = hidden if config.share else value_hidden
    shapes |= _linear("value_head", last[-1] if last else inputs, 1)
    return shapes


def named_weights(parameters: np.ndarray, shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Splits flat parameters `[P]` into arrays by name, views."""
    named, offset = {}, 0
    for name, shape in shapes.items():
        end = offset + math.prod(shape)
        named[name] = parameters[offset:end].reshape(shape)
        offset = end
    return named


def _layers(name: str, inputs: int, hidden: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """The layers of a Sequential, in which each is followed by an activation."""
    shapes: dict[str, tuple[int, ...]] = {}
    for k, (width, features) in enumerate(zip(hidden, (inputs, *hidden), strict=False)):
        shapes |= _linear(f"{name}.{2 * k}", features, width)
    return shapes


def _linear(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}
