"""Gymnasium spaces of an environment, from its descriptor and its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np

from operant.spec import Bound, EnvSpec


def _resolve(bound: Bound, extremes: Mapping[str, float]) -> float:
    if isinstance(bound, tuple):
        name, factor = bound
        return extremes[name] * factor
    return bound


def observation_space(spec: EnvSpec, lows: Mapping[str, float], highs: Mapping[str, float]) -> gymnasium.spaces.Box:
    """Box `[D]` float32. `lows` and `highs` hold each parameter's smallest and largest value in the batch."""
    low = [_resolve(part.low, highs if _grows_down(part.low) else lows) for part in spec.observation]
    high = [_resolve(part.high, highs) for part in spec.observation]
    return gymnasium.spaces.Box(np.array(low, np.float32), np.array(high, np.float32), dtype=np.float32)


def _grows_down(bound: Bound) -> bool:
    return isinstance(bound, tuple) and bound[1] < 0


def action_space(spec: EnvSpec, highs: Mapping[str, float]) -> gymnasium.spaces.Space[Any]:
    """Discrete(n), or Box `[A]` float32."""
    if spec.actions:
        return gymnasium.spaces.Discrete(spec.actions)
    low = [_resolve(bounds[0], highs) for bounds in spec.action_bounds]
    high = [_resolve(bounds[1], highs) for bounds in spec.action_bounds]
    return gymnasium.spaces.Box(np.array(low, np.float32), np.array(high, np.float32), dtype=np.float32)
