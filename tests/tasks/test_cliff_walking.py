"""CliffWalking: outcomes and their frequencies, and episodes without a limit."""

from collections import Counter

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.envs.toy_text.cliffwalking import CliffWalkingEnv
from support import put, vector
from transitions import distance, reached, same_outcomes

from operant.models import PPO
from operant.models.evaluation import evaluate

CELLS = np.argwhere(np.ones((4, 12)))


@pytest.mark.parametrize("env_id, slippery", [("CliffWalking-v1", False), ("CliffWalkingSlippery-v1", True)])
def test_every_state_and_action_leads_where_gymnasiums_table_says(env_id, slippery):
    same_outcomes(reached(env_id, CELLS), CliffWalkingEnv(is_slippery=slippery).P, range(48))


def test_the_fast_build_slips_as_often_as_it_should():
    count = 60_000
    env = vector("CliffWalkingSlippery-v1", count, autoreset_mode="Disabled")
    env.reset(seed=1)
    put(env, np.tile([1, 5], (count, 1)))
    observations, *_ = env.step(np.full(count, 1))
    assert distance(Counter(observations.tolist()), dict.fromkeys((18, 5, 29), 1 / 3)) < 1


def test_both_builds_walk_alike():
    fast, exact = (vector("CliffWalking-v1", 50, precision=p) for p in ("float32", "float64"))
    assert fast.reset(seed=0)[0].tolist() == exact.reset(seed=9)[0].tolist() == [36] * 50
    for actions in np.random.default_rng(0).integers(0, 4, (300, 50)):
        mine, other = fast.step(actions), exact.step(actions)
        assert [part.tolist() for part in mine[:4]] == [part.tolist() for part in other[:4]]


def test_the_way_along_the_edge_returns_13():
    env = gym.make("operant/CliffWalking-v1")
    env.reset(seed=0)
    steps = [env.step(action) for action in (0, *[1] * 11, 2)]
    assert sum(step[1] for step in steps) == -13
    assert [step[2] for step in steps] == [False] * 12 + [True]
    assert steps[-1][0] == 47


@pytest.mark.parametrize("env_id", ["operant/CliffWalking-v1", "CliffWalking-v1"])
def test_evaluation_cuts_off_a_greedy_policy_that_goes_in_circles(env_id):
    algorithm = PPO("operant/CliffWalking-v1", PPO.Config(num_envs=2, threads=1), seed=0)
    with torch.no_grad():
        algorithm.policy.head.linear.weight.zero_()
        algorithm.policy.head.linear.bias[:] = torch.tensor([0.0, 0.0, 0.0, 1.0])  # left, where the border is
    assert evaluate(algorithm, env_id, episodes=2).tolist() == [-1000, -1000]
    algorithm.close()


def test_an_episode_ends_at_a_limit_only_if_one_is_given():
    free, limited = vector("CliffWalking-v1", 1), vector("CliffWalking-v1", 1, max_episode_steps=7)
    for env in (free, limited):
        env.reset(seed=0)
    truncations = [[env.step(np.zeros(1, np.int64))[3][0] for _ in range(500)] for env in (free, limited)]
    assert sum(truncations[0]) == 0
    assert truncations[1][:9] == [False] * 6 + [True, False, False]
