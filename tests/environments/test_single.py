"""OperantEnv under Gymnasium's and Stable-Baselines3's checkers."""

import subprocess
import sys
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.utils.env_match import check_environments_match
from stable_baselines3.common.env_checker import check_env as check_env_of_sb3
from support import CATALOG, GYMNASIUMS, actions_for, bits

from operant.environments.single import OperantEnv


@pytest.mark.parametrize("render_mode", [None, "rgb_array"])
def test_gymnasiums_checker_accepts_every_id(classic_id, precision, render_mode):
    with warnings.catch_warnings():
        # Pendulum's action space is not normalised to [-1, 1]; neither is Gymnasium's.
        warnings.simplefilter("ignore")
        check_env(
            gym.make(f"operant/{classic_id}", precision=precision, render_mode=render_mode).unwrapped,
            skip_render_check=render_mode is None,
        )


def test_sb3s_checker_accepts_every_id(classic_id, precision):
    check_env_of_sb3(gym.make(f"operant/{classic_id}", precision=precision), warn=False)


@pytest.mark.parametrize("env_id", GYMNASIUMS)
def test_the_exact_environment_matches_gymnasiums(env_id):
    check_environments_match(gym.make(f"operant/{env_id}", precision="float64"), gym.make(env_id), 1500, seed=3)


@pytest.mark.parametrize(
    "env_id, options",
    [
        ("CartPole-v1", {"sutton_barto_reward": True}),
        ("MountainCar-v0", {"goal_velocity": 0.01}),
        ("Pendulum-v1", {"g": 5.0}),
        ("FrozenLake-v1", {"reward_schedule": (10, -5, -0.1), "success_rate": 0.8, "desc": ["SFH", "FFG"]}),
        ("CliffWalking-v1", {"is_slippery": True}),
        ("Taxi-v4", {"is_rainy": True, "fickle_passenger": True}),
        ("Blackjack-v1", {"sab": False, "natural": True}),
    ],
)
def test_constructor_options_match_gymnasiums(env_id, options):
    ours, theirs = gym.make(f"operant/{env_id}", precision="float64", **options), gym.make(env_id, **options)
    check_environments_match(ours, theirs, num_steps=300, seed=3)


def test_the_exact_environment_advances_np_random_as_gymnasiums_does(classic_id):
    ours, theirs = gym.make(f"operant/{classic_id}", precision="float64"), gym.make(classic_id)
    for seed in (7, None, None):
        a, b = ours.reset(seed=seed)[0], theirs.reset(seed=seed)[0]
        assert a.tobytes() == b.tobytes()
        assert ours.unwrapped.np_random.bit_generator.state == theirs.unwrapped.np_random.bit_generator.state
        assert bits(ours.unwrapped.state) == bits(theirs.unwrapped.state)


def test_results_have_gymnasiums_types(classic_id, precision):
    env = OperantEnv(classic_id, precision=precision)
    observation, info = env.reset(seed=0)
    assert observation.dtype == np.float32 and observation.shape == env.observation_space.shape and info == {}
    action = actions_for(env.action_space, np.random.default_rng(0), (1,))[0]
    observation, reward, terminated, truncated, info = env.step(action)
    assert observation.dtype == np.float32 and observation.shape == env.observation_space.shape
    numpys = classic_id == "Pendulum-v1" and precision == "float64"
    assert type(reward) is (np.float64 if numpys else float)
    assert (type(terminated), type(truncated), info) == (bool, bool, {})


@pytest.mark.parametrize("action", [1, np.int64(1), np.int32(1), np.array(1), True], ids=repr)
def test_what_gymnasium_accepts_as_a_discrete_action_is_accepted(action):
    ours, theirs = gym.make("operant/CartPole-v1", precision="float64").unwrapped, gym.make("CartPole-v1").unwrapped
    ours.reset(seed=0)
    theirs.reset(seed=0)
    assert ours.step(action)[0].tobytes() == theirs.step(action)[0].tobytes()


def test_the_time_limit_is_gymnasiums_wrapper(classic_id):
    env = gym.make(f"operant/{classic_id}")
    assert isinstance(env, gym.wrappers.TimeLimit)
    assert env.spec.max_episode_steps == CATALOG[classic_id].max_episode_steps


@pytest.mark.parametrize("prefix", ["operant/", "operant:operant/"])
def test_make_returns_our_environment(classic_id, prefix):
    assert type(gym.make(prefix + classic_id).unwrapped) is OperantEnv


def test_the_state_property_is_assigned_and_read(classic_id, precision):
    env = OperantEnv(classic_id, precision=precision)
    env.reset(seed=0)
    wanted = np.arange(1, len(CATALOG[classic_id].state) + 1) / 64  # exact in float32
    env.state = wanted
    assert np.asarray(env.state).tolist() == wanted.tolist()
    with pytest.raises(ValueError):
        env.state = [0.0]


def test_a_step_after_the_episodes_end_says_to_call_reset():
    env = OperantEnv("CartPole-v1")
    env.reset(seed=0)
    while not env.step(0)[2]:
        pass
    with pytest.raises(ResetNeeded, match=r"the episode of environment 0 is over: call reset\(\) before the next step"):
        env.step(0)


def test_an_environment_that_is_open_at_the_interpreters_exit_ends_silently():
    script = "import operant, gymnasium as gym; env = gym.make('operant/CartPole-v1'); env.reset(); env.keep = env"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stderr == ""
