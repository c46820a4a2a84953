"""Studies made of numbers, for tests."""

from pathlib import Path

import numpy as np

from operant.studies import Outcome, Run, Study
from operant.studies.study import Curve

VERSIONS = {"operant": "0.1.0"}


def run(name="cartpole", goal=500.0, threshold=None, random=None, reference=None, seeds=4):
    return Run(name, f"operant/{name}", goal, threshold, random, reference, tuple(range(seeds)))


def outcome(name, contender, seed, score=500.0, steps=1000, solved=True, versions=VERSIONS, returns=(10.0, 100.0)):
    places = np.linspace(steps / len(returns), steps, len(returns))
    curve = Curve(places, places / 1000, np.array(returns))
    return Outcome(name, contender, seed, solved, score, steps, steps / 1000, curve, versions)


def study(runs, outcomes, measure="steps", folder="somewhere", name="made"):
    """A study of these runs, whose contenders are in the order of the outcomes."""
    contenders = tuple(dict.fromkeys(each.contender for each in outcomes))
    pairs = [(run.name, contender) for run in runs for contender in contenders]
    of = {pair: tuple(each for each in outcomes if (each.run, each.contender) == pair) for pair in pairs}
    plans = {run.name: run for run in runs}
    return Study(name, Path(folder), measure, contenders, plans, {pair: those for pair, those in of.items() if those})


def two(seeds=10, runs=("cartpole",), faster=100):
    """A study in which every seed of `fast` needs `faster` steps fewer than that of `slow`."""
    outcomes = [
        outcome(name, contender, seed, steps=1000 + 10 * seed - (faster if contender == "fast" else 0))
        for name in runs
        for contender in ("fast", "slow")
        for seed in range(seeds)
    ]
    return study([run(name, seeds=seeds) for name in runs], outcomes)
