"""The limits of PPO in the core: whatever it does not train is torch's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from gymnasium import spaces

from operant.batch.core import isas
from operant.environments.layout import Layout
from operant.models.algorithms.configs import PPOConfig
from operant.models.native.actions import ActionForm
from operant.models.native.parts import input_parts, why_unreadable

ACTIVATIONS = ("tanh", "relu", "silu")
FUSED = ("avx512", "avx2", "neon")
"""The targets with a fused multiply-add; the scalar one computes the same bits, slowly."""
FLOATS = (
    *("learning_rate", "clip", "value_clip", "dual_clip", "target_kl", "max_grad_norm"),
    *("value_coefficient", "entropy_coefficient"),
)
"""The options that the core holds in float32, and for which 0 or infinity has another meaning or is refused."""
MOST_COUNT = (1 << 31) - 1  # an int32_t
MOST_LOG_STD = 20  # log standard deviations are from -20 to 20
MOST_LAYERS, MOST_WIDTH, MOST_NUMBERS, MOST_CHOICES = 8, 4096, 256, 1024
"""Of a network: hidden layers, and units of a layer or inputs; of an action: numbers, and choices of all of them."""


def why_not(config: PPOConfig, observation_space: spaces.Space[Any], action_space: spaces.Space[Any]) -> str | None:
    """Names the first option or space that the core does not train, or returns None if it trains them all."""
    return why_not_options(config) or why_not_spaces(observation_space, action_space)


def why_not_options(config: PPOConfig) -> str | None:
    """Names the first option that the core does not train, or returns None."""
    if config.lstm:
        return f"lstm={config.lstm}"
    if config.activation not in ACTIVATIONS:
        return f"activation={config.activation!r}"
    for name in ("vtrace", "amp", "tf32"):
        if getattr(config, name):
            return f"{name}=True"
    if config.device != "cpu":
        return f"device={config.device!r}"
    for name in ("hidden", "value_hidden"):
        sizes = getattr(config, name)
        if len(sizes) > MOST_LAYERS or max(sizes, default=0) > MOST_WIDTH:
            return f"{name}={sizes} (more than {MOST_LAYERS} layers, or {MOST_WIDTH} units)"
    if config.learning_rate > 1:
        return f"learning_rate={config.learning_rate} (above 1)"
    if abs(config.log_std) > MOST_LOG_STD:
        return f"log_std={config.log_std} (not from {-MOST_LOG_STD} to {MOST_LOG_STD})"
    if config.clip == math.inf:
        return "clip=inf"
    for name in FLOATS:
        value = getattr(config, name)
        with np.errstate(over="ignore"):
            rounded = np.float32(value)
        if (value != 0 and rounded == 0) or (math.isfinite(value) and not math.isfinite(rounded)):
            return f"{name}={value} (as a float32 it is {rounded:g})"
    for name in ("epochs", "minibatches"):
        if getattr(config, name) > MOST_COUNT:
            return f"{name}={getattr(config, name)} (above {MOST_COUNT})"
    return None


def why_not_spaces(observation_space: spaces.Space[Any], action_space: spaces.Space[Any]) -> str | None:
    """Names the space that the core does not train, or returns None."""
    layout = Layout(observation_space)
    if reason := why_unreadable(layout):
        return reason
    inputs = sum(part.inputs for part in input_parts(layout))
    if not 1 <= inputs <= MOST_WIDTH:
        return f"{inputs} inputs (the core takes from 1 to {MOST_WIDTH})"
    form = ActionForm(action_space)
    choices = form.size if form.choices is None else int(form.choices.sum())
    if form.size > MOST_NUMBERS or choices > MOST_CHOICES:
        most = f"at most {MOST_NUMBERS} and {MOST_CHOICES}"
        return f"actions of {form.size} numbers with {choices} choices (the core takes {most})"
    return None


def is_fast() -> bool:
    """Returns True if this CPU has a fused multiply-add."""
    runs = isas()
    return any(runs.get(name) for name in FUSED)
