"""The environment part of CleanRL's scripts on the gymnasium that CleanRL pins, 0.29.1."""

import gc
import importlib

import gymnasium as gym
import numpy as np
import pytest
from cleanrl_script import returns_as_in_0_29, rollout, sync_vector_env

from operant.compat.cleanrl import make_vec_env


def test_this_is_the_gymnasium_that_cleanrl_pins():
    assert gym.__version__ == "0.29.1"


@pytest.mark.parametrize("prefix", ["operant/", "operant:operant/"])
def test_a_script_runs_on_our_ids_unmodified(prefix):
    envs = sync_vector_env(f"{prefix}CartPole-v1", 3)
    _, rewards, returns = rollout(envs, returns_as_in_0_29, "final_observation", 300)
    assert rewards.shape == (300, 3)
    assert len(returns) > 20 and all(r == length for r, length in returns)


# CartPole's numbers have the same bits. MountainCarContinuous's differ, since our exact build has the bits of NumPy 2,
# and NumPy 1 promotes differently: 1e-5 is some 80 float32 roundings of observations below 1, after 999 steps. Costs
# of Hopper's actions differ by the rounding of numbers below 0.01 to float32.
@pytest.mark.parametrize(
    "env_id, steps, tolerance",
    [("CartPole-v1", 400, 0), ("MountainCarContinuous-v0", 1100, 1e-5), ("Hopper-v4", 200, 1e-6)],
)
def test_make_vec_env_gives_a_script_what_sync_vector_env_gives_it(env_id, steps, tolerance):
    ours = rollout(make_vec_env(env_id, 3, precision="float64"), returns_as_in_0_29, "final_observation", steps)
    theirs = rollout(sync_vector_env(env_id, 3), returns_as_in_0_29, "final_observation", steps)
    for mine, other in zip(ours[:2], theirs[:2], strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=tolerance)
    assert len(ours[2]) == len(theirs[2]) > 0
    np.testing.assert_allclose(ours[2], theirs[2], rtol=tolerance)


def test_infos_have_the_layout_of_sync_vector_env():
    ours, theirs = make_vec_env("CartPole-v1", 3, precision="float64"), sync_vector_env("CartPole-v1", 3)
    ours.reset(seed=0)
    theirs.reset(seed=0)
    while True:
        actions = np.array([1, 1, 0])
        mine, other = ours.step(actions)[4], theirs.step(actions)[4]
        if other:
            break
        assert not mine
    assert set(mine) == set(other)
    for key in ("final_info", "final_observation"):
        assert type(mine[key]) is type(other[key])
        assert mine[key].dtype == other[key].dtype and mine[key].shape == other[key].shape == (3,)
        assert mine[f"_{key}"].dtype == other[f"_{key}"].dtype and (mine[f"_{key}"] == other[f"_{key}"]).all()
    assert not np.shares_memory(mine["_final_info"], mine["_final_observation"])
    for i, expected in enumerate(other["final_observation"]):
        got = mine["final_observation"][i]
        assert (got is None) == (expected is None)
        assert expected is None or (got == expected).all()
    for got, expected in zip(mine["final_info"], other["final_info"], strict=True):
        assert (got is None) == (expected is None)
        if expected is not None:
            for name in ("r", "l", "t"):
                assert got["episode"][name].shape == expected["episode"][name].shape == (1,)
                assert got["episode"][name].dtype == expected["episode"][name].dtype
            assert (got["episode"]["r"], got["episode"]["l"]) == (expected["episode"]["r"], expected["episode"]["l"])
            assert 0 < got["episode"]["t"] < 60


def test_the_wrappers_of_continuous_scripts_go_around_the_batch():
    envs = make_vec_env("MountainCarContinuous-v0", 4)
    envs = gym.wrappers.NormalizeReward(gym.wrappers.NormalizeObservation(envs))
    envs.reset(seed=0)
    observations = [envs.step(np.ones((4, 1), np.float32))[0] for _ in range(300)]
    assert np.abs(np.mean(observations)) < 3 and np.isfinite(observations).all()


def test_a_wrapper_for_vector_environments_steps_the_batch():
    """VectorEnvWrapper calls the halves: reset_async, reset_wait, step_async, step_wait."""
    wrapped, bare = gym.vector.VectorEnvWrapper(make_vec_env("CartPole-v1", 2)), make_vec_env("CartPole-v1", 2)
    assert (wrapped.reset(seed=5)[0] == bare.reset(seed=5)[0]).all()
    assert (wrapped.step(np.ones(2, int))[0] == bare.step(np.ones(2, int))[0]).all()
    wrapped.set_attr("force_mag", [5.0, 2.5])
    assert wrapped.call("force_mag") == (5.0, 2.5)
    with pytest.raises(AttributeError, match="unknown attribute 'graviti'"):
        wrapped.env.get_attr("graviti")


def test_several_agents_are_rows():
    envs = make_vec_env("simple_spread-v3", 2, max_episode_steps=3)
    envs.reset(seed=0)
    infos = [envs.step(np.zeros(6, int))[4] for _ in range(3)][-1]
    assert [info["episode"]["l"].item() for info in infos["final_info"]] == [3] * 6  # 2 environments of 3 agents
    assert envs.num_envs == 6 and envs.action_space.shape == (6,)


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_refused_environment_leaves_nothing_to_close():
    """Gymnasium closes environments when they are collected, even those whose constructor raised."""
    with pytest.raises(ValueError, match="unknown precision 'float16'"):
        make_vec_env("CartPole-v1", 2, precision="float16")
    with pytest.raises(gym.error.DependencyNotInstalled, match="moviepy"):
        make_vec_env("CartPole-v1", 2, True)  # this environment has no moviepy
    gc.collect()


def test_envpools_form_says_which_gymnasium_it_needs():
    with pytest.raises(ImportError, match=r"needs gymnasium 1.1 or newer, not 0.29.1: pip install -U gymnasium"):
        importlib.import_module("operant.compat.envpool")


def test_it_is_a_vector_env_that_closes_twice():
    envs = make_vec_env("operant/CartPole-v1", 2)
    assert isinstance(envs, gym.vector.VectorEnv)
    assert isinstance(envs.single_action_space, gym.spaces.Discrete)
    envs.close()
    envs.close()
