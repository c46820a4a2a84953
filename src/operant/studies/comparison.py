"""Compares two contenders of a study: on each run, and all runs together, in one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from operant.messages import unknown
from operant.studies.statistics import (
    LEAST_PAIRS,
    LEVEL,
    MOST_SEEDS,
    Improvement,
    fisher_exact,
    holm,
    improvement,
)
from operant.studies.study import Outcome, Study

REACHED = "reached"
WORDS = {"steps": "steps to the goal", "return": "the final return"}


@dataclass(frozen=True)
class Comparison:
    """The comparison of two contenders.

    Attributes:
        seeds: how many both have on each run, which are the pairs.
        left_out: outcomes without a partner of the same seed.
        runs: the improvement of `first` over `second` on each run.
        reached: the p-value that as many seeds reach the goal, by Fisher's exact test, on each run with a goal.
        together: the improvement over all runs.
    """

    first: str
    second: str
    measure: str
    seeds: dict[str, int]
    left_out: int
    runs: dict[str, Improvement]
    reached: dict[str, tuple[int, int, float]]
    together: Improvement

    def sentence(self, p: float | None = None) -> str:
        """Says whether the data can tell the contenders apart, and how many seeds would.

        `p` is the p-value adjusted for other comparisons; without it, it is that of this one.
        """
        found, p = self.together, self.together.p if p is None else p
        better, worse, probability = self.first, self.second, found.probability
        low, high = found.low, found.high
        if probability < 0.5:
            better, worse, probability, low, high = worse, better, 1 - probability, 1 - high, 1 - low
        counts = sorted(set(self.seeds.values()))
        pairs = f"{counts[0]} seeds" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds"
        where = f"{pairs} on {next(iter(self.seeds))}" if len(self.seeds) == 1 else f"{pairs} on {len(self.seeds)} runs"
        numbers = f"a seed of {better} is better than one of {worse} with probability {probability:.2f}"
        if not math.isnan(low):
            numbers += f" ({low:.2f} to {high:.2f})"
        numbers += f", p = {p:.2g}"
        needed = f"{found.seeds:,.0f}" if math.isfinite(found.seeds) else f"more than {MOST_SEEDS:,}"
        if p < LEVEL:
            end = f"{needed} seeds would have been enough" if math.isfinite(found.seeds) else "no fewer would do"
            return f"{better} is better than {worse} in {WORDS[self.measure]}, by {where}: {numbers}; {end}."
        too_few = sum(self.seeds.values()) < LEAST_PAIRS
        start = f"{self.first} and {self.second} cannot be told apart in {WORDS[self.measure]} by {where}"
        if found.probability == 0.5:
            return f"{start}: {numbers}; they look the same, so no number of seeds is known to tell them apart."
        reason = f"; fewer than {LEAST_PAIRS} pairs never can" if too_few else ""
        return f"{start}: {numbers}{reason}; {needed} seeds would tell, were they as they seem."


def compare(study: Study, first: str, second: str, measure: str | None = None) -> Comparison | None:
    """Compares two contenders by the seeds that both have; None if there is no run on which they have any.

    `measure` is "steps" (fewer to the goal are better, and not reaching it is worst) or "return" (of the episodes after
    the training; more is better), by default the study's.

    Raises:
        ValueError: there is no such contender.
    """
    for name in (first, second):
        if name not in study.contenders:
            raise ValueError(unknown("contender", name, study.contenders))
    measure = measure or study.measure
    seeds, pairs, reached, left_out = {}, {}, {}, 0
    for run in study.runs.values():
        of_seed = [{each.seed: each for each in study.of(run.name, name)} for name in (first, second)]
        common = sorted(of_seed[0].keys() & of_seed[1].keys())
        left_out += sum(map(len, of_seed)) - 2 * len(common)
        if not common:
            continue
        outcomes = [[each[seed] for seed in common] for each in of_seed]
        seeds[run.name] = len(common)
        pairs[run.name] = (values(outcomes[0], measure, run.threshold), values(outcomes[1], measure, run.threshold))
        if not study.has_goal(run.name):
            continue
        hits = [sum(each.until(run.threshold)[2] for each in those) for those in outcomes]
        reached[run.name] = (hits[0], hits[1], fisher_exact((hits[0], hits[1]), (len(common), len(common))))
    if not pairs:
        return None
    alone = {name: improvement([pair]) for name, pair in pairs.items()}
    together = next(iter(alone.values())) if len(alone) == 1 else improvement(list(pairs.values()))
    return Comparison(first, second, measure, seeds, left_out, alone, reached, together)


def values(outcomes: Sequence[Outcome], measure: str, threshold: float | None) -> np.ndarray:
    """Returns the measure of each outcome `[N]`, larger ones better."""
    if measure == "return":
        return np.array([each.score for each in outcomes])
    return np.array([-steps if reached else -math.inf for steps, _, reached in (o.until(threshold) for o in outcomes)])


def sentences(comparisons: Sequence[Comparison]) -> list[str]:
    """Returns the sentence of each, with p-values adjusted for their number by Holm's method."""
    adjusted = holm([each.together.p for each in comparisons])
    return [each.sentence(p) for each, p in zip(comparisons, adjusted, strict=True)]
