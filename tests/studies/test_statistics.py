"""The statistics of studies, against numbers counted by hand and published ones."""

import math

import numpy as np
import pytest
from scipy import stats

from operant.studies import statistics
from operant.studies.statistics import (
    LEAST_PAIRS,
    band,
    estimate,
    fisher_exact,
    holm,
    improvement,
    iqm,
    mean,
    median_time,
    profile,
    seeds_needed,
)

NEVER = -math.inf
# Weeks of remission with 6-MP and with a placebo (Freireich et al. 1963); True: it ended then.
WITH_6MP = [(t, True) for t in (6, 6, 6, 7, 10, 13, 16, 22, 23)]
WITH_6MP += [(t, False) for t in (6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35)]
PLACEBO = [(t, True) for t in (1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23)]


def array(*values):
    return np.array(values, float)


def test_the_interquartile_mean_is_of_the_middle_half_of_all_samples_together():
    assert iqm([array(1, 2, 3, 4, 5, 6, 7, 8)]) == 4.5
    assert iqm([array(-100, 1), array(2, 100)]) == 1.5
    assert iqm([array(1, 3)]) == 2


def test_an_interval_of_two_values_reaches_from_one_to_the_other():
    found = estimate([array(0, 1)], mean)
    assert (found.value, found.low, found.high, found.width) == (0.5, 0, 1, 1)


def test_the_bootstrap_is_stratified():
    found = estimate([array(0, 0), array(1, 1)], mean)  # without strata it would be from 0 to 1
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)


def test_the_interval_of_a_share_is_that_of_the_binomial_distribution():
    found = estimate([np.repeat([0.0, 1.0], 50)], mean)
    low, high = stats.binom(100, 0.5).ppf([0.025, 0.975]) / 100  # 0.4 and 0.6
    # An end is a quantile of 9999 resamples, whose steps are 0.01.
    assert (found.low, found.high) == (pytest.approx(low, abs=0.011), pytest.approx(high, abs=0.011))


def test_one_value_has_no_interval():
    found = estimate([array(3)])
    assert found.value == 3 and math.isnan(found.low) and math.isnan(found.high)


def test_a_band_has_an_interval_at_each_point():
    middle, low, high = band(array(0, 1, 5, 5).reshape(2, 2), mean)
    assert (middle.tolist(), low.tolist(), high.tolist()) == ([0.5, 5], [0, 5], [1, 5])
    assert [each.tolist() for each in band(array(2, 3).reshape(2, 1))] == [[2, 3]] * 3


def test_a_profile_is_the_share_of_scores_above_each_threshold():
    shares, low, high = profile([array(0, 1, 2, 3)], array(-1, 0, 1.5, 3))
    assert shares.tolist() == [1, 0.75, 0.5, 0]
    assert (low[0], high[0], low[3], high[3]) == (1, 1, 0, 0)
    assert (low[2], high[2]) == (0, 1)  # 1 / 16 of the resamples have all four above, or none
    assert profile([array(0, 0), array(1, 1)], array(0.5))[0].tolist() == [0.5]


@pytest.mark.parametrize("data, expected", [(WITH_6MP, (23, 13, math.inf)), (PLACEBO, (8, 4, 11))])
def test_the_kaplan_meier_median_is_the_published_one(data, expected):
    times, reached = map(np.array, zip(*data, strict=True))
    found = median_time(times.astype(float), reached)  # SAS's PROC LIFETEST: 23 (13 to .), 8 (4 to 11)
    assert (found.value, found.low, found.high) == expected


def test_a_median_that_fewer_than_half_reach_is_infinite():
    found = median_time(array(10, 50, 50, 50), np.array([True, False, False, False]))
    assert found.value == found.high == math.inf and found.low == 10


def test_equal_times_bound_their_median_from_six_seeds_on():
    for count, high in ((5, math.inf), (6, 7.0)):
        found = median_time(np.full(count, 7.0), np.ones(count, bool))
        assert (found.value, found.low, found.high) == (7, 7, high)


def test_the_probability_of_improvement_counts_pairs_and_halves_ties():
    found = improvement([(array(3, 4, 5), array(1, 2, 3))])
    assert found.probability == pytest.approx(8.5 / 9)
    assert found.p == 2 / 8  # all three rank differences are positive: of 8 exchanges, as are two at the ends
    assert improvement([(array(1, 2, 3), array(3, 4, 5))]).probability == pytest.approx(0.5 / 9)


def test_pairs_tell_apart_what_overlaps():
    x = np.arange(6.0)
    found = improvement([(x + 1, x)])
    assert found.probability == pytest.approx(23.5 / 36) and found.p == 2 / 64


def test_several_runs_are_one_test_of_all_their_pairs():
    found = improvement([(array(3, 4), array(1, 2)), (array(9, 9), array(0, 9))])
    assert found.probability == pytest.approx((1 + 0.75) / 2)
    # The ranks differ by 2/4, 2/4, 2/4 and 0 of all, so the third and fourth pair count 1/2 and 0: 2 of 8 exchanges.
    assert found.p == 2 / 8


def test_seeds_that_never_reach_the_goal_are_equal_and_worst():
    found = improvement([(array(NEVER, NEVER, -5), array(NEVER, NEVER, NEVER))])
    assert found.probability == pytest.approx((2 * 0.5 + 1) / 3)
    same = improvement([(array(NEVER, NEVER), array(NEVER, NEVER))])
    assert (same.probability, same.p, same.seeds) == (0.5, 1.0, math.inf)


def test_the_interval_of_an_improvement_is_by_pairs():
    x = array(0, 0, 1, 1)
    found = improvement([(x, x)])
    assert (found.probability, found.low, found.high) == (0.5, 0.5, 0.5)  # unpaired, it would be from 0 to 1
    alone = improvement([(array(1), array(0))])
    assert (alone.probability, alone.p) == (1.0, 1.0) and math.isnan(alone.low)


def test_the_seeds_needed_are_those_of_the_formula():
    # Differences of mid-ranks: 1/2, 1/2, 0, so d = 1/3 and v0 = 1/6; F_Y(x) - F_X(y) is 5/6, 5/6, 1/3, so v1 = 1/18.
    # ((1.960 sqrt(1/6) + 0.842 sqrt(1/18)) / (1/3))^2 = 8.97
    assert seeds_needed([(array(1, 1, 0), array(0, 0, 0))]) == 9
    assert seeds_needed([(array(0, 0, 0), array(1, 1, 0))]) == 9
    assert seeds_needed([(array(1, 0), array(0, 1))]) == math.inf


def test_no_fewer_seeds_are_needed_than_can_tell():
    separate = (array(7, 8, 9), array(1, 2, 3))
    assert seeds_needed([separate]) == LEAST_PAIRS == 6
    assert seeds_needed([separate, separate]) == 3


def test_of_normal_values_as_many_seeds_are_needed_as_noether_says():
    quantiles = stats.norm.ppf((np.arange(2000) + 0.5) / 2000)
    x, y = quantiles + 0.5, np.random.default_rng(0).permutation(quantiles)
    d = stats.norm.cdf(0.5 / math.sqrt(2)) - 0.5
    noether = (1.959964 + 0.841621) ** 2 / (6 * d**2)  # 69 in each sample, with v1 as if they were equal
    # The permutation distribution is wider by d^2, a tenth of v0, and these pairs correlate by 0.02.
    assert seeds_needed([(x, y)]) == pytest.approx(noether, rel=0.1)


@pytest.mark.test_long("makes four hundred tests of fresh samples")
def test_as_many_seeds_as_needed_tell_contenders_apart_in_four_cases_of_five(monkeypatch):
    monkeypatch.setattr(statistics, "RESAMPLES", 999)
    generator = np.random.default_rng(1)

    def sample(middle, count):
        return np.minimum(generator.normal(middle, 1, count), 1.0)  # a tenth to a third are ties

    large = [(sample(0.5, 4000), sample(0, 4000)), (sample(0.2, 4000), sample(0, 4000))]
    seeds = int(seeds_needed(large))
    assert 60 < seeds < 90
    told, false = 0, 0
    for _ in range(200):
        told += improvement([(sample(0.5, seeds), sample(0, seeds)), (sample(0.2, seeds), sample(0, seeds))]).p < 0.05
        false += improvement([(sample(0, seeds), sample(0, seeds)), (sample(0, seeds), sample(0, seeds))]).p < 0.05
    assert told / 200 == pytest.approx(0.8, abs=0.13)  # four standard errors, and the error of `seeds`
    assert false / 200 == pytest.approx(0.05, abs=0.06)  # four standard errors


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


def test_holms_correction_multiplies_the_smallest_most_and_keeps_the_order():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.01, 0.6]) == pytest.approx([1.0, 0.03, 1.0])
    assert holm([0.2]) == [0.2] and holm([]) == []
