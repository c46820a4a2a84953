"""The statistics of a study: Agarwal et al. 2021 (arXiv:2108.13264), Patterson et al. 2024 (arXiv:2304.01315).

SciPy computes them. Every interval is at 95%. What is drawn at random is drawn from the same seed, so the same data
give the same numbers.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    pass

CONFIDENCE = 0.95
LEVEL = 0.05
POWER = 0.8
RESAMPLES = 9999  # so the smallest p-value is 2e-4
BAND_RESAMPLES = 999  # at each point of a curve, and of a profile
BLOCK = 4_000_000  # numbers of resamples in memory at a time
MOST_SEEDS = 100_000
SEED = 0


@dataclass(frozen=True)
class Estimate:
    """An estimate with its interval; `low` and `high` are NaN where the data give none."""

    value: float
    low: float
    high: float

    @property
    def width(self) -> float:
        return self.high - self.low


def scipy_stats() -> Any:
    """Imports scipy.stats; raises ImportError with the remedy if it is missing."""
    try:
        from scipy import stats
    except ImportError:
        raise ImportError("the statistics of a study need SciPy: pip install 'operant[study]'", name="scipy") from None
    return stats


def iqm(samples: Sequence[np.ndarray], axis: int = -1) -> Any:
    """Computes the interquartile mean of all samples together: the mean of the middle half of their values."""
    return scipy_stats().trim_mean(np.concatenate(samples, axis=axis), 0.25, axis=axis)


def mean(samples: Sequence[np.ndarray], axis: int = -1) -> Any:
    """Computes the mean of all samples together."""
    return np.concatenate(samples, axis=axis).mean(axis=axis)


def estimate(samples: Sequence[np.ndarray], statistic: Callable[..., Any] = iqm) -> Estimate:
    """Computes a statistic of the samples, one for each run, with a stratified bootstrap interval.

    Each resample draws from every sample as many values as it has; the interval holds 95% of their statistics.
    """
    value = float(statistic(samples))
    return Estimate(value, *_bootstrap(samples, lambda *drawn, axis: statistic(drawn, axis=axis)))


def _bootstrap(samples: Sequence[np.ndarray], statistic: Callable[..., Any]) -> tuple[float, float]:
    if min(map(len, samples)) < 2:
        return math.nan, math.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of samples whose values are all equal: the interval is that value
        result = scipy_stats().bootstrap(
            samples,
            statistic,
            confidence_level=CONFIDENCE,
            n_resamples=RESAMPLES,
            batch=max(1, BLOCK // sum(map(len, samples))),
            method="percentile",
            vectorized=True,
            rng=np.random.default_rng(SEED),
        )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def band(values: np.ndarray, statistic: Callable[..., Any] = iqm) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Computes a statistic of `values` `[K, N]` along N, and the ends of its bootstrap intervals, `[K]` each.

    One value has no interval: the ends are the value.
    """
    middle = np.asarray(statistic([values]))
    if values.shape[1] < 2:
        return middle, middle, middle
    points, count = values.shape
    places = np.random.default_rng(SEED).integers(count, size=(BAND_RESAMPLES, count))
    parts = np.array_split(places, math.ceil(points * places.size / BLOCK))
    drawn = np.concatenate([statistic([values[:, part]]) for part in parts], axis=1)
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=1)
    return middle, low, high


def profile(samples: Sequence[np.ndarray], thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Computes the performance profile: the share of scores above each of `thresholds` `[K]`, the mean over samples.

    Returns:
        The shares, and the lower and upper ends of their stratified bootstrap intervals, `[K]` each.
    """
    stats = scipy_stats()
    shares = np.mean([stats.ecdf(sample).sf.evaluate(thresholds) for sample in samples], axis=0)
    generator = np.random.default_rng(SEED)
    drawn = np.zeros((BAND_RESAMPLES, len(thresholds)))
    for sample in samples:
        above = (sample[:, None] > thresholds).astype(float)
        counts = generator.multinomial(len(sample), np.full(len(sample), 1 / len(sample)), len(drawn))
        drawn += counts @ above / (len(sample) * len(samples))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    return shares, low, high


def median_time(times: np.ndarray, reached: np.ndarray) -> Estimate:
    """Computes the Kaplan-Meier median of `times` `[N]`; where `reached` `[N]` is False, it had not come by that time.

    It is infinite if fewer than half come. The interval is that of Brookmeyer and Crowley (1982), from the log-log
    interval of the survival function; an infinite end means that the data do not bound it.
    """
    stats = scipy_stats()
    curve = stats.ecdf(stats.CensoredData.right_censored(times, ~reached)).sf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the interval is undefined where all or none survive
        band = curve.confidence_interval(CONFIDENCE, method="log-log")

    def first(probabilities: np.ndarray) -> float:
        below = np.flatnonzero(probabilities <= 0.5)
        return float(curve.quantiles[below[0]]) if len(below) else math.inf

    # Where all have come by a time, the interval is undefined. Of N independent ones, all come before the median with
    # probability 2^-N.
    none = curve.probabilities == 0
    low = np.where(none, 0.0, band.low.probabilities)
    high = np.where(none, 0.0 if 0.5 ** len(times) <= (1 - CONFIDENCE) / 2 else 1.0, band.high.probabilities)
    return Estimate(first(curve.probabilities), first(low), first(high))


def fisher_exact(successes: tuple[int, int], trials: tuple[int, int]) -> float:
    """Computes the two-sided p-value of Fisher's exact test that two success rates are equal."""
    (a, b), (first, second) = successes, trials
    return float(scipy_stats().fisher_exact([[a, first - a], [b, second - b]]).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusts p-values for their number (Holm 1979): those below a level are significant together at that level.

    With p(1) <= ... <= p(m), the k-th is the largest of (m - j + 1) p(j) over j <= k, and at most 1. SciPy has no such
    function.
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


@dataclass(frozen=True)
class Improvement:
    """The probability that one contender is better than another.

    Attributes:
        probability: of a seed of the first being better than one of the second, ties counted as half; the mean over
            the runs. `low` and `high` are the ends of its interval.
        p: of the observed difference, or a larger one, if the two contenders were the same.
        seeds: how many would tell them apart in four cases of five at the level of 5%, were the probability as it
            seems; infinite if it is 0.5, or more than MOST_SEEDS would be needed.
    """

    probability: float
    low: float
    high: float
    p: float
    seeds: float


LEAST_PAIRS = math.ceil(math.log2(2 / LEVEL))
"""With fewer pairs, no test that exchanges their values can reach the level: the p-value is at least 2 / 2^pairs."""


def improvement(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> Improvement:
    """Compares two contenders by their values on each run, `[N]` and `[N]`, larger ones better and paired by seed.

    Infinite values are equal. On a run, the probability is the Mann-Whitney statistic divided by N^2. Its interval is
    by a bootstrap of the pairs, stratified by run. The test exchanges the values of pairs: it is the permutation test
    of the difference of mean ranks, all runs together.
    """
    stats = scipy_stats()
    wins = [(x[:, None] > y) + 0.5 * (x[:, None] == y) for x, y in pairs]
    generator = np.random.default_rng(SEED)
    drawn = np.zeros(RESAMPLES)
    for won in wins:
        size = len(won)
        counts = generator.multinomial(size, np.full(size, 1 / size), RESAMPLES) / size
        drawn += ((counts @ won) * counts).sum(axis=1) / len(wins)
    single = min(map(len, wins)) < 2
    low, high = (math.nan, math.nan) if single else np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    ranks = [_mid_ranks(x, y) / (len(x) * len(pairs)) for x, y in pairs]
    if sum(map(len, wins)) < 2:
        p = 1.0
    else:
        test = stats.permutation_test(
            tuple(np.concatenate(ranks, axis=1)),
            lambda first, second, axis: (first - second).sum(axis=axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=RESAMPLES,
            rng=np.random.default_rng(SEED),
        )
        p = min(1.0, float(test.pvalue))
    return Improvement(float(np.mean([won.mean() for won in wins])), float(low), float(high), p, seeds_needed(pairs))


def seeds_needed(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """Computes how many seeds on each run `improvement` needs to tell the contenders apart, were they as they seem.

    The difference of mean ranks, which estimates the probability d above one half, is about normal. For N seeds its
    variance is v0 / N in the permutation distribution, and v1 / N in other samples, where v1 is that of the
    Mann-Whitney statistic. So a test at LEVEL has POWER at N = ((z_level sqrt(v0) + z_power sqrt(v1)) / d)^2, as in
    Noether (1987), but for ties and pairs.
    """
    difference = v0 = v1 = 0.0
    for x, y in pairs:
        first, second = _mid_ranks(x, y)
        d = first - second
        h = 2 * d - (_placements(x, x) - _placements(y, y))  # F_Y(x) - F_X(y)
        difference += float(d.mean()) / len(pairs)
        v0 += float((d**2).mean()) / len(pairs) ** 2
        v1 += float(h.var()) / len(pairs) ** 2
    if difference == 0:
        return math.inf
    normal = scipy_stats().norm
    z_level, z_power = float(normal.ppf(1 - LEVEL / 2)), float(normal.ppf(POWER))
    seeds = math.ceil(((z_level * math.sqrt(v0) + z_power * math.sqrt(v1)) / difference) ** 2)
    seeds = max(seeds, math.ceil(LEAST_PAIRS / len(pairs)))
    return seeds if seeds <= MOST_SEEDS else math.inf


def _mid_ranks(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The ranks of both `[2, N]` among all 2N values, divided by 2N; equal values share their mean rank."""
    both = np.concatenate([x, y])
    return np.asarray(scipy_stats().rankdata(both)).reshape(2, -1) / len(both)


def _placements(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The share of `y` below each of `x` `[N]`, and half of that equal to it."""
    return np.asarray(((x[:, None] > y) + 0.5 * (x[:, None] == y)).mean(axis=1))
