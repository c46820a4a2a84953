"""Fisher's exact test, the permutation test of ranks, and Holm's correction."""

import math

import numpy as np
import pytest
from scipy import stats

from operant.bench.significance import SHUFFLES, fisher_exact, holm, rank_test


@pytest.mark.parametrize(
    "successes, trials, expected",
    [
        ((3, 1), (4, 4), 34 / 70),  # Fisher's tea: 1 + 16 + 16 + 1 of 70 ways
        ((4, 0), (4, 4), 2 / 70),
        ((1, 9), (12, 12), 0.0027594561852200836),  # R's fisher.test(matrix(c(1, 9, 11, 3), 2))
        ((20, 20), (20, 20), 1.0),
        ((0, 0), (5, 7), 1.0),
    ],
)
def test_fishers_test_counts_the_ways(successes, trials, expected):
    assert fisher_exact(successes, trials) == pytest.approx(expected, rel=1e-12)
    assert fisher_exact(successes[::-1], trials[::-1]) == fisher_exact(successes, trials)


def error(p):
    """Five standard errors of a share p of SHUFFLES, and the observed division, which counts too."""
    return 5 * math.sqrt(p * (1 - p) / SHUFFLES) + 1 / SHUFFLES


@pytest.mark.parametrize(
    "a, b, expected",
    [
        ([1, 2, 3], [4, 5, 6], 2 / 20),
        ([1, 2, 4], [3, 5, 6], 4 / 20),
        ([1, 1, 2], [2, 2, 3], 6 / 20),  # ranks 1.5, 1.5, 4 and 4, 4, 6: three ways to the sum 7, three to 14
        ([5, math.inf], [math.inf, math.inf], 1.0),
    ],
)
def test_the_rank_test_counts_divisions_with_ties(a, b, expected):
    assert rank_test(a, b) == pytest.approx(expected, abs=error(expected))


def test_the_rank_test_agrees_with_scipys_exact_mann_whitney_test():
    generator = np.random.default_rng(0)
    for shift in (0.0, 0.5, 1.0):
        a, b = generator.normal(size=20), generator.normal(shift, size=15)
        exact = stats.mannwhitneyu(a, b, method="exact").pvalue
        assert rank_test(a, b) == pytest.approx(exact, abs=error(exact))


def test_no_p_value_is_zero():
    assert rank_test(range(200), range(1000, 1200)) == 1 / (SHUFFLES + 1)


def test_holms_correction_multiplies_the_smallest_most_and_keeps_the_order():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.01, 0.6]) == pytest.approx([1.0, 0.03, 1.0])
    assert holm([0.2]) == [0.2] and holm([]) == []
