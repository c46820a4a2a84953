"""The environment part of CleanRL's scripts on the gymnasium that CleanRL pins, 0.29.1."""

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


# CartPole's numbers are the same bits. MountainCarContinuous's differ, since NumPy 1 promotes otherwise than NumPy 2,
# whose bits our exact build has: 1e-5 is some 80 float32 roundings of observations below 1, after 999 steps.
@pytest.mark.parametrize(
    "env_id, steps, tolerance", [("CartPole-v1", 400, 0), ("MountainCarContinuous-v0", 1100, 1e-5)]
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
    assert set(other) < set(mine)  # ours has 1.x's names too
    for key in ("_final_info", "_final_observation"):
        assert mine[key].dtype == other[key].dtype and (mine[key] == other[key]).all()
    for i, expected in enumerate(other["final_observation"]):
        got = mine["final_observation"][i]
        assert (got is None) == (expected is None)
        assert expected is None or (got == expected).all()
    for got, expected in zip(mine["final_info"], other["final_info"], strict=True):
        assert (got is None) == (expected is None)
        if expected is not None:
            for name in ("r", "l", "t"):
                assert got["episode"][name].shape == expected["episode"][name].shape == (1,)
            assert got["episode"]["r"].dtype == expected["episode"]["r"].dtype
            assert got["episode"]["l"].dtype == expected["episode"]["l"].dtype
            assert (got["episode"]["r"], got["episode"]["l"]) == (expected["episode"]["r"], expected["episode"]["l"])


def test_the_wrappers_of_continuous_scripts_go_around_the_batch():
    envs = make_vec_env("MountainCarContinuous-v0", 4)
    envs = gym.wrappers.NormalizeReward(gym.wrappers.NormalizeObservation(envs))
    envs.reset(seed=0)
    observations = [envs.step(np.ones((4, 1), np.float32))[0] for _ in range(300)]
    assert np.abs(np.mean(observations)) < 3 and np.isfinite(observations).all()


def test_it_is_a_vector_env_that_closes_twice():
    envs = make_vec_env("operant/CartPole-v1", 2)
    assert isinstance(envs, gym.vector.VectorEnv)
    assert isinstance(envs.single_action_space, gym.spaces.Discrete)
    envs.close()
    envs.close()
