"""The limits of PPO in the core: whatever it does not train is torch's."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces

from operant.batch.core import isas
from operant.environments.layout import Layout
from operant.models.algorithms.configs import PPOConfig
from operant.models.native.parts import why_unreadable

ACTIVATIONS = ("tanh", "relu", "silu")
FUSED = ("avx512", "avx2", "neon")
"""The targets with a fused multiply-add; the scalar one computes the same bits, slowly."""
MOST_LAYERS, MOST_WIDTH, MOST_CHOICES = 8, 4096, 64


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
    return None


def why_not_spaces(observation_space: spaces.Space[Any], action_space: spaces.Space[Any]) -> str | None:
    """Names the space that the core does not train, or returns None."""
    if reason := why_unreadable(Layout(observation_space)):
        return reason
    return None


def is_fast() -> bool:
    """Returns True if this CPU has a fused multiply-add."""
    runs = isas()
    return any(runs.get(name) for name in FUSED)
