"""Bandit-v0 is Sutton & Barto's ten-armed testbed."""

import math

import numpy as np
import pytest
from support import vector

from operant.conformance.parity import parity
from operant.environments.lookup import find_spec
from operant.environments.single import OperantEnv
from operant.reference.normal import normal

ID = "operant/Bandit-v0"
# P(X < x) of the standard normal distribution, from tables.
QUANTILES = {-2.326348: 0.01, -1.281552: 0.1, -0.674490: 0.25, 0.0: 0.5, 0.524401: 0.7, 1.644854: 0.95, 3.090232: 0.999}


class Given:
    """A generator that returns given numbers."""

    def __init__(self, *numbers):
        self.numbers = iter(numbers)

    def random(self):
        return next(self.numbers)


def test_the_exact_build_is_the_plain_python_class_bit_for_bit():
    assert "operant.reference.bandit:Bandit bit for bit" in parity(find_spec(ID))


@pytest.mark.parametrize(
    "u, v, expected",
    [
        (0.5, 0.0, math.sqrt(2 * math.log(2))),
        (0.5, 0.5, -math.sqrt(2 * math.log(2))),
        (0.0, 0.3, 0.0),
        (1 - 1 / math.e, 1 / 6, math.sqrt(2) / 2),
    ],
)
def test_a_normal_number_is_box_and_mullers(u, v, expected):
    assert normal(Given(u, v), 0.0, 1.0) == pytest.approx(expected, abs=1e-15)
    assert normal(Given(u, v), 3.0, 2.0) == pytest.approx(3 + 2 * expected, abs=1e-14)


def rewards_of_one_arm(precision, **params):
    """4096 environments, 64 pulls of an arm whose mean is 0: 262,144 rewards."""
    env = vector(ID, 4096, precision=precision, params={"mean_deviation": 0, **params})
    env.reset(seed=0)
    return np.concatenate([env.step(np.full(4096, 7))[1] for _ in range(64)]).astype(float)


def test_rewards_are_normally_distributed_around_the_arms_mean(precision):
    rewards = rewards_of_one_arm(precision)
    count = len(rewards)
    for x, share in QUANTILES.items():
        # 4.5 standard errors of a share: one of the 14 fails once in 10^4 seeds, and the seed is fixed.
        assert (rewards < x).mean() == pytest.approx(share, abs=4.5 * math.sqrt(share * (1 - share) / count)), x
    assert rewards.mean() == pytest.approx(0, abs=4.5 / math.sqrt(count))
    assert (rewards**2).mean() == pytest.approx(1, abs=4.5 * math.sqrt(2 / count))
    assert np.abs(rewards).max() < (5.78 if precision == "float32" else 8.6)
    apart = rewards.reshape(64, -1)
    assert abs((apart[:-1] * apart[1:]).mean()) < 4.5 / math.sqrt(count)  # a pull says nothing about the next


def test_deviation_and_mean_are_parameters(precision):
    rewards = rewards_of_one_arm(precision, mean=5.0, reward_deviation=0.5)
    assert rewards.mean() == pytest.approx(5.0, abs=0.01)
    assert rewards.std() == pytest.approx(0.5, abs=0.01)


def test_the_arms_of_an_episode_differ_and_the_best_of_ten_has_the_mean_of_the_tables(precision):
    env = vector(ID, 8192, precision=precision)
    env.reset(seed=0)
    means = env.get_state()["means"].astype(float)
    assert len(np.unique(means)) > 0.99 * means.size
    assert means.mean() == pytest.approx(0, abs=0.02)
    assert means.std() == pytest.approx(1, abs=0.02)
    assert np.abs(np.corrcoef(means.T) - np.eye(10)).max() < 0.06  # 5 standard errors
    assert means.max(axis=1).mean() == pytest.approx(1.53875, abs=0.03)  # the expected maximum of ten


def test_without_noise_a_pull_gives_the_mean_of_its_arm_in_every_lane(isa):
    env = vector(ID, 64, isa=isa, params={"reward_deviation": 0})
    env.reset(seed=0)
    means = env.get_state()["means"]
    for shift in range(10):
        arms = (np.arange(64) + shift) % 10
        observations, rewards, terminated, truncated, _ = env.step(arms)
        assert (rewards == means[np.arange(64), arms]).all()
        assert (observations[:, 0] == rewards).all()
        assert (observations[:, 1:] == np.eye(10, dtype=np.float32)[arms]).all()
        assert not terminated.any() and not truncated.any()
    assert (env.get_state()["means"] == means).all()


def test_before_the_first_pull_nothing_is_observed(precision):
    env = OperantEnv(ID, precision=precision)
    observation, _ = env.reset(seed=3)
    assert observation.tolist() == [0.0] * 11
    assert env.state[11] == -1


def test_an_episode_has_a_thousand_pulls():
    env = vector(ID, 3)
    env.reset(seed=0)
    for pull in range(1000):
        truncated = env.step(np.zeros(3, np.int64))[3]
        assert truncated.all() == truncated.any() == (pull == 999)


def test_a_fast_pull_without_noise_is_an_exact_one():
    fast, exact = (vector(ID, 512, precision=p, params={"reward_deviation": 0}) for p in ("float32", "float64"))
    means = np.random.default_rng(0).normal(size=(512, 10)).astype(np.float32)
    arms = np.arange(512) % 10
    results = []
    for env in (fast, exact):
        env.reset(seed=0)
        records = env.get_state()
        records["means"] = means
        env.set_state(records)
        results.append(env.step(arms))
    assert (results[0][0] == results[1][0]).all()
    assert (results[0][1] == results[1][1]).all()


def test_a_frame_has_a_bar_for_each_arm_and_marks_the_one_that_was_pulled():
    env = OperantEnv(ID, render_mode="rgb_array", params={"reward_deviation": 0})
    env.reset(seed=0)
    env.state = [2.0, -2.0] + [0.0] * 8 + [0.0, -1]
    frame = env.render()
    assert frame.shape == (200, 320, 3) and frame.dtype == np.uint8
    assert frame[60, 16].tolist() == frame[140, 48].tolist() == [93, 139, 176]  # a bar up, a bar down
    assert frame[140, 16].tolist() == frame[60, 48].tolist() == frame[60, 80].tolist() == [250, 250, 250]
    env.step(0)
    assert env.render()[60, 16].tolist() == [243, 156, 18]
    assert env.render()[50, 2].tolist() == [44, 62, 80]  # the reward, at the height of 2
