"""The collector: the content of a rollout, for the core's and for Gymnasium's environments."""

import numpy as np
import pytest
import torch
from toys import Countdown, vector

from operant.models.collection.collector import Collector
from operant.models.collection.sources import make_environments
from operant.models.networks.actor_critic import ActorCritic
from operant.models.networks.popart import PopArtValueHead
from operant.rollout.advantages import gae

torch.set_num_threads(1)

# Values of one row and of many rows are float32 sums in different orders.
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


def collector(env, steps, num_envs=4, options=None, policy=None, **more):
    environments = make_environments(env, num_envs, options or {})
    policy = policy or ActorCritic(environments.observation_space, environments.action_space, hidden=(8,), seed=0)
    arguments = {"gamma": 0.9, "normalize_observations": False, "normalize_rewards": False, "seed": 0, **more}
    return Collector(environments, policy, steps, device=torch.device("cpu"), **arguments)


def the_observation_is_the_value(**options):
    """A policy for Countdown whose V(s) is the observation."""
    policy = ActorCritic(Countdown.observation_space, Countdown.action_space, hidden=(), **options)
    with torch.no_grad():
        policy.value_head.weight.fill_(1)
    return policy


def two_countdowns():
    """Two environments; one terminates after three steps, one is truncated."""
    return vector(Countdown, lambda: Countdown(truncates=True))


def test_a_truncated_episode_is_bootstrapped_and_a_terminated_one_is_not():
    rollout = collector(two_countdowns(), 4, policy=the_observation_is_the_value()).collect()
    assert rollout.observations[..., 0].T.tolist() == [[0, 1, 2, 0], [0, 1, 2, 0]]
    assert rollout.starts.T.tolist() == [[True, False, False, True]] * 2
    assert rollout.terminated.T.tolist() == [[False, False, True, False], [False] * 4]
    assert rollout.truncated.T.tolist() == [[False] * 4, [False, False, True, False]]
    assert rollout.values.T.tolist() == [[0, 1, 2, 0]] * 2
    assert rollout.final_values.T.tolist() == [[0, 0, 0, 0], [0, 0, 3, 0]]
    assert rollout.last_values.tolist() == [1, 1]
    parts = (rollout.rewards, rollout.values, rollout.terminated, rollout.truncated)
    _, returns = gae(*parts, rollout.last_values, rollout.final_values, gamma=0.5, lam=1.0)
    # 1 + 0.5 (1 + 0.5 (1 + 0.5 V)), V = 0 and V(3) = 3; after the last step V(1) = 1.
    assert returns.T.tolist() == [[1.75, 1.5, 1, 1.5], [2.125, 2.25, 2.5, 1.5]]


def test_episodes_go_on_from_one_rollout_to_the_next():
    each = collector(two_countdowns(), 2, policy=the_observation_is_the_value())
    first, second = each.collect().starts.tolist(), each.collect().starts.tolist()
    assert (first, second) == ([[True, True], [False, False]], [[False, False], [True, True]])
    assert each.episode_count == 2 and list(each.returns) == [3, 3] and list(each.lengths) == [3, 3]


@pytest.mark.parametrize("env", ["operant/CartPole-v1", "CartPole-v1"])
@pytest.mark.parametrize("lstm", [0, 6])
def test_a_rollout_records_the_policys_decisions(env, lstm):
    environments = make_environments(env, 5, {"max_episode_steps": 12})
    policy = ActorCritic(environments.observation_space, environments.action_space, hidden=(8,), lstm=lstm, seed=1)
    each = collector(env, 30, 5, {"max_episode_steps": 12}, policy)
    each.collect()
    rollout = each.collect()
    assert rollout.observations.shape == (30, 5, 4) and rollout.observations.dtype == torch.float32
    assert rollout.actions.shape == (30, 5) and rollout.actions.dtype == torch.int64
    inputs = (rollout.observations, rollout.lstm_state, rollout.starts)
    with torch.no_grad():
        distribution, values, state = policy(*inputs)
        torch.testing.assert_close(rollout.log_probs, distribution.log_prob(rollout.actions), **CLOSE)
        torch.testing.assert_close(rollout.values, values, **CLOSE)
        last = policy(rollout.last_observations[None], state, each.starts[None])[1][0]
        torch.testing.assert_close(rollout.last_values, last, **CLOSE)
    ended = rollout.terminated | rollout.truncated
    assert torch.equal(rollout.starts[1:], ended[:-1])
    assert torch.equal(rollout.final_values != 0, rollout.truncated & ~rollout.terminated)
    assert rollout.truncated.any() and rollout.terminated.any()
    assert torch.equal(rollout.rewards, torch.ones(30, 5))
    assert list(each.returns) == list(each.lengths) and max(each.lengths) == 12
    # The first observation of an episode lies within the limits of reset's draws.
    assert rollout.observations[rollout.starts].abs().max() <= 0.05


def test_a_seed_determines_a_rollout():
    first, again, other = (collector("operant/CartPole-v1", 20, seed=seed).collect() for seed in (3, 3, 4))
    assert torch.equal(first.actions, again.actions) and torch.equal(first.observations, again.observations)
    assert not torch.equal(first.observations, other.observations)


def test_observations_are_normalised_by_earlier_statistics():
    each = collector("operant/CartPole-v1", 20, normalize_observations=True)
    raw = [each.collect().observations.clone(), torch.from_numpy(each.buffer.observations[:-1].copy())]
    assert torch.equal(raw[0], raw[1])  # there are no statistics yet
    mean, variance = raw[0].double().flatten(0, 1).mean(0), raw[0].double().flatten(0, 1).var(0, correction=0)
    rollout = each.collect()
    expected = (torch.from_numpy(each.buffer.observations).double() - mean) / (variance + 1e-8).sqrt()
    every = torch.cat((rollout.observations, rollout.last_observations[None]))
    torch.testing.assert_close(every.double(), expected.clamp(-10, 10), rtol=1e-4, atol=1e-4)


def test_rewards_are_divided_by_the_deviation_of_their_discounted_sum():
    rollout = collector(two_countdowns(), 4, policy=the_observation_is_the_value(), normalize_rewards=True).collect()
    # The sums of two environments at gamma 0.9: 1, 1.9, 2.71, and 1 again; a first variance of 1 weighs 1e-4.
    sums, seen = [1, 1.9, 2.71, 1], []
    for t, total in enumerate(sums):
        seen += [total, total]
        weights = np.array([1e-4, *[1] * len(seen)])
        mean = (weights * [0, *seen]).sum() / weights.sum()
        variance = (1e-4 * (1 + mean**2) + ((np.array(seen) - mean) ** 2).sum()) / weights.sum()
        expected = min(1 / np.sqrt(variance + 1e-8), 10)
        assert rollout.rewards[t].tolist() == pytest.approx([expected] * 2, rel=1e-3)


@pytest.mark.parametrize("lstm", [0, 3])
def test_values_of_a_popart_head_are_in_units_of_reward(lstm):
    policy = ActorCritic(
        Countdown.observation_space,
        Countdown.action_space,
        hidden=(8,),
        lstm=lstm,
        value_head=PopArtValueHead(8),
        seed=0,
    )
    before = collector(two_countdowns(), 4, policy=policy).collect()
    before = [before.values.clone(), before.final_values.clone(), before.last_values.clone()]
    policy.value_head.update(torch.tensor([100.0, 300.0]))
    after = collector(two_countdowns(), 4, policy=policy).collect()
    # float32 of size 200 that is divided by and multiplied with 100.
    for old, new in zip(before, (after.values, after.final_values, after.last_values), strict=True):
        torch.testing.assert_close(new, old, rtol=0, atol=1e-3)


def test_only_vectors_of_float32_are_normalised():
    with pytest.raises(ValueError, match=r"normalize_observations=True needs vectors of float32, not .*: set it to f"):
        collector("FrozenLake-v1", 4, normalize_observations=True)
