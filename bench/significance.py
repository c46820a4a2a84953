"""Exact tests of two samples, and Holm's correction for many of them."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np

SHUFFLES = 100_000  # so the smallest p-value is 1e-5
BLOCK = 1000  # shuffles at a time


def fisher_exact(successes: tuple[int, int], trials: tuple[int, int]) -> float:
    """Computes the two-sided p-value of Fisher's exact test that two success rates are equal.

    With the numbers of trials and of all successes fixed, it is the probability of every outcome that is no more
    probable than the observed one. Counts are integers, so the result is exact.
    """
    (first, second), (a, b) = trials, successes
    together = a + b
    ways = [comb(first, k) * comb(second, together - k) for k in range(together + 1)]
    return sum(way for way in ways if way <= ways[a]) / sum(ways)


def rank_test(a: Sequence[float], b: Sequence[float], seed: int = 0) -> float:
    """Computes the two-sided p-value that `a` and `b` are from one distribution, of the sum of the ranks of `a`.

    That is the Mann-Whitney test. Equal values share their mean rank; infinite ones are equal. The sum is compared with
    those of SHUFFLES random divisions of all values into two samples and of the observed one (Phipson and Smyth 2010),
    so the test keeps its level with ties and with few values too.
    """
    values = np.concatenate([np.asarray(a, float), np.asarray(b, float)])
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    doubled = (2 * np.cumsum(counts) - counts + 1)[places]  # twice the mean ranks: integers, whose sums are exact
    middle = len(a) * (len(values) + 1)
    observed = abs(int(doubled[: len(a)].sum()) - middle)
    generator = np.random.default_rng(seed)
    extreme = 0
    for _ in range(SHUFFLES // BLOCK):
        shuffled = generator.permuted(np.tile(doubled, (BLOCK, 1)), axis=1)
        extreme += int((abs(shuffled[:, : len(a)].sum(axis=1) - middle) >= observed).sum())
    return (extreme + 1) / (SHUFFLES + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusts p-values for their number (Holm 1979): those below a level are significant together at that level.

    With p(1) <= ... <= p(m), the k-th is the largest of (m - j + 1) p(j) over j <= k, and at most 1.
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted
