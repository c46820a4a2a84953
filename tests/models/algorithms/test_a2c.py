"""A2C: its gradient and its returns against numbers computed by hand."""

import pytest
import torch
from toys import Countdown, vector

from operant.models.algorithms.a2c import A2C, A2CConfig
from operant.models.networks.actor_critic import ActorCritic

torch.set_num_threads(1)


def linear_policy():
    """A policy for Countdown with even chances and V(s) = s."""
    policy = ActorCritic(Countdown.observation_space, Countdown.action_space, hidden=())
    with torch.no_grad():
        policy.head.linear.weight.zero_()
        policy.value_head.weight.fill_(1)
    return policy


def test_losses_are_those_of_n_step_returns():
    config = A2CConfig(num_envs=1, rollout_steps=4, gamma=0.5)
    a2c = A2C(vector(lambda: Countdown(truncates=True)), config, policy=linear_policy())
    metrics = a2c.update(a2c.collector.collect())
    # Returns 2.125, 2.25, 2.5, 1.5 (bootstrapped by V(3) = 3 and V(1) = 1) and values 0, 1, 2, 0.
    assert metrics["policy_loss"].item() == pytest.approx(0.6931472 * (2.125 + 1.25 + 0.5 + 1.5) / 4, rel=1e-6)
    assert metrics["value_loss"].item() == pytest.approx((2.125**2 + 1.25**2 + 0.5**2 + 1.5**2) / 8, rel=1e-6)
    assert metrics["entropy"].item() == pytest.approx(0.6931472, rel=1e-6)


def test_advantages_may_be_normalised():
    config = A2CConfig(num_envs=1, rollout_steps=4, gamma=0.5, normalize_advantages=True)
    a2c = A2C(vector(lambda: Countdown(truncates=True)), config, policy=linear_policy())
    assert a2c.update(a2c.collector.collect())["policy_loss"].item() == pytest.approx(0, abs=1e-6)


def test_the_entropy_bonus_keeps_chances_even():
    entropies = {}
    for coefficient in (0.0, 10.0):
        config = A2CConfig(num_envs=16, rollout_steps=8, learning_rate=0.01, entropy_coefficient=coefficient)
        *_, last = A2C("operant/CartPole-v1", config).iterate(16 * 8 * 40)
        entropies[coefficient] = last["entropy"]
    assert entropies[10.0] > 0.69 > entropies[0.0]
