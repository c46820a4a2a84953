"""Squared-v0 plays by PufferLib's rules."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import step_both_builds, vector

from operant.environments.single import OperantEnv

STAY, DOWN, UP, LEFT, RIGHT = range(5)
SIDE, MIDDLE, TARGET_CELL = 11, 60, 5 * 11 + 7  # two to the right of the middle


def placed(precision, state=(5, 5, TARGET_CELL, 0)):
    """One environment in a state of row, column, target and ticks."""
    env = OperantEnv("Squared-v0", precision=precision)
    env.reset(seed=0)
    env.state = state
    return env


def test_the_agent_begins_in_the_middle_and_the_target_anywhere_else(precision):
    observations, _ = vector("Squared-v0", 4096, precision=precision).reset(seed=0)
    cells = observations.reshape(4096, 121)
    assert (cells[:, MIDDLE] == 1).all()
    assert ((cells == 2).sum(1) == 1).all() and ((cells == 0).sum(1) == 119).all()
    counts = (cells == 2).sum(0)
    # There are 120 free cells. Chi-square with 119 degrees of freedom exceeds 200 about once in 2e5; the seed is fixed.
    expected = 4096 / 120
    assert ((np.delete(counts, MIDDLE) - expected) ** 2 / expected).sum() < 200


@pytest.mark.parametrize(
    ("action", "place"), [(STAY, (5, 5)), (DOWN, (6, 5)), (UP, (4, 5)), (LEFT, (5, 4)), (RIGHT, (5, 6))]
)
def test_an_action_moves_the_agent_by_a_cell(precision, action, place):
    env = placed(precision)
    observation, reward, terminated, _, _ = env.step(action)
    assert np.argwhere(observation == 1).tolist() == [list(place)]
    assert (reward, terminated) == (0.0, False)
    assert env.state.tolist() == [*place, TARGET_CELL, 1]


def test_the_target_is_worth_one_and_ends_the_episode(precision):
    env = placed(precision)
    assert env.step(RIGHT)[1:3] == (0.0, False)
    observation, reward, terminated, _, _ = env.step(RIGHT)
    assert (reward, terminated) == (1.0, True)
    assert observation[5, 7] == 1 and observation.sum() == 1  # the agent hides it


@pytest.mark.parametrize(("action", "start"), [(DOWN, (10, 3)), (UP, (0, 3)), (LEFT, (3, 0)), (RIGHT, (3, 10))])
def test_leaving_the_grid_costs_one_and_ends_the_episode(precision, action, start):
    env = placed(precision, (*start, TARGET_CELL, 4))
    observation, reward, terminated, _, _ = env.step(action)
    assert (reward, terminated) == (-1.0, True)
    assert observation[5, 7] == 2 and observation.sum() == 2  # only the target is in the grid


def test_patience_ends_with_the_34th_step(precision):
    env = placed(precision)
    for _ in range(33):
        assert env.step(STAY)[1:3] == (0.0, False)
    assert env.step(STAY)[1:3] == (-1.0, True)


def test_patience_can_be_set():
    env = OperantEnv("Squared-v0", params={"patience": 2})
    env.reset(seed=0)
    assert [env.step(STAY)[2] for _ in range(3)] == [False, False, True]


@given(st.lists(st.tuples(*(st.integers(0, high) for high in (10, 10, 120, 33, 4))), min_size=1, max_size=40))
def test_both_builds_step_alike_from_any_state(cases):
    *state, actions = np.array(cases).T
    fast, exact = step_both_builds("Squared-v0", np.stack(state, 1), actions)
    assert fast == exact
