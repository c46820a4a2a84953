"""REINFORCE: returns with and without a baseline, against numbers computed by hand."""

import pytest
import torch
from test_a2c import linear_policy
from toys import Countdown, vector

from operant.models.algorithms.reinforce import REINFORCE, REINFORCEConfig

torch.set_num_threads(1)


def first_losses(**options):
    """Returns the losses for Countdowns of three steps, of which one terminates and one is truncated."""
    config = REINFORCEConfig(num_envs=2, rollout_steps=4, gamma=0.5, normalize_advantages=False, **options)
    envs = vector(Countdown, lambda: Countdown(truncates=True))
    reinforce = REINFORCE(envs, config, policy=linear_policy())
    rollout = reinforce.collector.collect()
    return reinforce._returns(rollout).T.tolist(), reinforce.update(rollout)


def test_with_a_baseline_truncated_returns_are_bootstrapped():
    returns, metrics = first_losses(baseline=True)
    assert returns == [[1.75, 1.5, 1, 1.5], [2.125, 2.25, 2.5, 1.5]]
    # Minus the values 0, 1, 2, 0 of each.
    advantages = [1.75, 0.5, -1, 1.5, 2.125, 1.25, 0.5, 1.5]
    assert metrics["policy_loss"].item() == pytest.approx(0.6931472 * sum(advantages) / 8, rel=1e-6)
    assert metrics["value_loss"].item() == pytest.approx(sum(a * a for a in advantages) / 16, rel=1e-6)


def test_without_a_baseline_truncated_returns_end_with_zero():
    returns, metrics = first_losses(baseline=False)
    assert returns == [[1.75, 1.5, 1, 1], [1.75, 1.5, 1, 1]]
    assert metrics["policy_loss"].item() == pytest.approx(0.6931472 * 5.25 / 4, rel=1e-6)
    assert "value_loss" not in metrics and "explained_variance" not in metrics


def test_without_a_baseline_the_value_function_is_left_alone():
    for baseline in (True, False):
        config = REINFORCEConfig(num_envs=4, rollout_steps=8, baseline=baseline)
        reinforce = REINFORCE("operant/CartPole-v1", config)
        before = reinforce.policy.value_head.weight.clone()
        reinforce.learn(64)
        assert torch.equal(reinforce.policy.value_head.weight, before) is not baseline
