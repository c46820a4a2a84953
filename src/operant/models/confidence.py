"""The confidence interval of a mean."""

from __future__ import annotations

import math

import numpy as np


def mean_interval(values: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Computes Student's t-interval of the mean of `values` `[N]`; (nan, nan) for fewer than two values.

    It is exact for normally distributed values, and a good approximation for some tens of any other values.
    """
    if len(values) < 2:
        return math.nan, math.nan
    half = t_quantile(0.5 + confidence / 2, len(values) - 1) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    mean = float(np.mean(values))
    return mean - half, mean + half


def t_quantile(probability: float, degrees: int) -> float:
    """Computes x with P(T <= x) = `probability`, above 0.5, for Student's T with `degrees` degrees of freedom.

    With x = sqrt(degrees) tan(a), P(T <= x) = 1/2 + I(0, a) / I(-pi/2, pi/2), where I(a, b) is the integral of
    cos^(degrees - 1) from a to b. I(-pi/2, pi/2) = sqrt(pi) gamma(degrees / 2) / gamma((degrees + 1) / 2).
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
