"""The normal distribution of native/core/normal.h, in plain Python."""

from __future__ import annotations

import math

import numpy as np


def normal(random: np.random.Generator, mean: float, deviation: float) -> float:
    """A normally distributed number from two uniform ones, by Box and Muller (1958)."""
    radius = math.sqrt(-2.0 * math.log(1.0 - random.random()))
    angle = 6.283185307179586 * random.random()
    return mean + deviation * (radius * math.cos(angle))
