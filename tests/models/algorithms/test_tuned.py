"""Tuned options are valid for their algorithm, and their environments exist."""

import pytest

from operant.catalog import CATALOG, ENGINES
from operant.cli.names import find_algorithm
from operant.models.algorithms.options import make_config
from operant.models.algorithms.tuned import TUNED, goal, tuned


@pytest.mark.parametrize("name, algorithm", [(name, each) for name, of in TUNED.items() for each in of])
def test_tuned_options_make_a_config(name, algorithm):
    assert name in CATALOG or name in ENGINES
    options = tuned(f"operant/{name}", algorithm)
    assert options.pop("timesteps") >= 100_000
    assert (goal(f"operant/{name}") is None) == (name in ENGINES)  # nobody knows how good a cheetah can get
    config = make_config(find_algorithm(algorithm).Config, options)
    assert {key: getattr(config, key) for key in options} == options


def test_only_operants_environments_have_tuned_options():
    assert tuned("operant:operant/CartPole-v1", "ppo")["epochs"] == 4
    assert goal("CartPole-v1") is None and goal("operant/CartPole-v1") == 500
    assert tuned("CartPole-v1", "ppo") == {} and tuned("operant/CartPole-v0", "ppo") == {}
    tuned("operant/CartPole-v1", "ppo")["epochs"] = 9
    assert tuned("operant/CartPole-v1", "ppo")["epochs"] == 4
