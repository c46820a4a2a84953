"""The confidence interval of a mean."""

from __future__ import annotations

import math

import numpy as np


def mean_interval(values: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Student's t-interval of the mean of `values` `[N]`; (nan, nan) of fewer than two.

    It holds for normal values, and about for any others once there are some tens of them.
    """
    if len(values) < 2:
        return math.nan, math.nan
    half = t_quantile(0.5 + confidence / 2, len(values) - 1) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    mean = float(np.mean(values))
    return mean - half, mean + half


def t_quantile(probability: float, degrees: int) -> float:
    """x with P(T <= x) = `probability`, above 0.5, for Student's T of so many degrees of freedom.

    With x = sqrt(degrees) tan(a), P(T <= x) = 1/2 + the integral of cos^(degrees - 1) from 0 to a over that from -pi/2
    to pi/2, which is sqrt(pi) gamma(degrees / 2) / gamma((degrees + 1) / 2).
    """
    nodes, weights = np.polynomial.legendre.leggauss(64)
    whole = 0.5 * math.log(math.pi) + math.lgamma(degrees / 2) - math.lgamma((degrees + 1) / 2)
    low, high = 0.0, 1e4
    for _ in range(100):
        x = (low + high) / 2
        angle = math.atan(x / math.sqrt(degrees))
        cosines = np.cos(angle / 2 * (nodes + 1))
        share = angle / 2 * float(weights @ np.exp((degrees - 1) * np.log(cosines) - whole))
        low, high = (x, high) if 0.5 + share < probability else (low, x)
    return low
