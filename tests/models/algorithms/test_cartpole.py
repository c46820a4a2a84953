"""Every algorithm solves CartPole: a mean return of 475 over 100 episodes, within the timesteps of its tuned options.

`make study` trains to 500 over greedy episodes, on five seeds each; here it is one.
"""

import pytest
import torch

from operant.cli.names import ALGORITHMS, find_algorithm
from operant.models.algorithms.tuned import tuned

torch.set_num_threads(1)

SOLVED = 475  # Gymnasium's threshold
CARTPOLE = "operant/CartPole-v1"


def solves(name, **changed):
    """Trains; returns True if the mean return reaches SOLVED."""
    kind, options = find_algorithm(name), tuned(CARTPOLE, name)
    budget = options.pop("timesteps")
    algorithm = kind(CARTPOLE, kind.Config(**options | changed), seed=0)
    return any(metrics["episode_return"] >= SOLVED for metrics in algorithm.iterate(budget))


@pytest.mark.parametrize("name", ALGORITHMS)
def test_cartpole_is_solved(name):
    assert solves(name)


def test_cartpole_is_solved_without_a_baseline():
    assert solves("reinforce", baseline=False, learning_rate=3e-2)
