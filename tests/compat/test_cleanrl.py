"""operant.compat.cleanrl under gymnasium 1.x; tests/compat/own_environment/cleanrl has gymnasium 0.29.1."""

import copy
import os
import pickle
import sys

import gymnasium as gym
import numpy as np
import pytest
from cleanrl_script import make_env, returns_as_in_0_29, returns_as_in_1, rollout, sync_vector_env
from gymnasium.error import ClosedEnvironmentError, DependencyNotInstalled, NoAsyncCallError, ResetNeeded
from snippets import run_snippets
from support import same_arrays

from operant.compat.cleanrl import make_vec_env


def test_a_script_runs_on_our_id_unmodified_and_sees_gymnasiums_numbers():
    ids = ("operant:operant/CartPole-v1", "CartPole-v1")
    ours, theirs = (
        gym.vector.SyncVectorEnv(
            [lambda env_id=env_id, kwargs=kwargs: gym.wrappers.RecordEpisodeStatistics(gym.make(env_id, **kwargs))] * 3,
            autoreset_mode=gym.vector.AutoresetMode.SAME_STEP,
        )
        for env_id, kwargs in zip(ids, ({"precision": "float64"}, {}), strict=True)
    )
    mine, other = (rollout(envs, returns_as_in_1, "final_obs", 300) for envs in (ours, theirs))
    assert (mine[0] == other[0]).all()
    assert mine[2] == other[2] and len(other[2]) > 20


def test_mujocos_tasks_have_their_attributes_and_come_as_float64():
    envs = make_vec_env("HalfCheetah-v5", 2, frame_skip=3)
    assert envs.single_observation_space.dtype == envs.reset(seed=0)[0].dtype == np.float64
    assert envs.get_attr("frame_skip") == (3, 3) and envs.get_attr("data")[1].qpos.shape == (9,)
    assert make_vec_env("HalfCheetah-v5", 2, precision="float32").reset()[0].dtype == np.float32


def test_a_script_films_our_single_environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    env = make_env("operant:operant/CartPole-v1", 0, True, "run")()
    env.reset(seed=0)
    while not env.step(0)[2]:
        pass
    env.close()
    assert os.listdir("videos/run") == ["rl-video-episode-0.mp4"]


@pytest.mark.parametrize(
    "env_id, steps", [("CartPole-v1", 300), ("Pendulum-v1", 401), ("MountainCarContinuous-v0", 999), ("Hopper-v5", 200)]
)
def test_make_vec_env_gives_a_script_what_sync_vector_env_gives_it(env_id, steps):
    """Compares observations, final ones included, rewards, returns and lengths, bit for bit."""
    ours = rollout(make_vec_env(env_id, 3, precision="float64"), returns_as_in_1, "final_obs", steps)
    theirs = rollout(sync_vector_env(env_id, 3), returns_as_in_1, "final_obs", steps)
    assert (ours[0] == theirs[0]).all()
    assert (ours[1] == theirs[1]).all()
    assert ours[2] == theirs[2] and len(ours[2]) >= 3


def test_scripts_written_for_0_29_find_their_infos():
    old = rollout(make_vec_env("CartPole-v1", 3), returns_as_in_0_29, "final_observation", 300)
    new = rollout(make_vec_env("CartPole-v1", 3), returns_as_in_1, "final_obs", 300)
    assert old[2] == new[2] and len(old[2]) > 20
    assert (old[0] == new[0]).all()


def test_infos_have_the_layout_of_sync_vector_env():
    ours, theirs = make_vec_env("CartPole-v1", 3, precision="float64"), sync_vector_env("CartPole-v1", 3)
    same_arrays(ours.reset(seed=0)[0], theirs.reset(seed=0)[0])
    other = {}
    while not other:
        actions = np.array([1, 1, 0])
        mine, other = ours.step(actions)[4], theirs.step(actions)[4]
        assert bool(mine) == bool(other)
    assert set(mine) == {*other, "final_observation", "_final_observation"}
    for key in ("_final_info", "_final_obs"):
        same_arrays(mine[key], other[key])
    for got, expected in zip(mine["final_obs"], other["final_obs"], strict=True):
        assert (got is None) == (expected is None)
        if expected is not None:
            same_arrays(got, expected)
    info, expected = mine["final_info"], other["final_info"]
    assert set(info.keys()) == set(expected)
    assert set(info["episode"]) == set(expected["episode"])
    same_arrays(info["_episode"], expected["_episode"])
    for name in ("r", "l", "_r", "_l", "_t"):
        same_arrays(info["episode"][name], expected["episode"][name])
    assert info["episode"]["t"].dtype == expected["episode"]["t"].dtype
    assert 0 < info["episode"]["t"].max() < 60
    assert (info["episode"]["t"] > 0).tolist() == info["_episode"].tolist()


def test_final_info_can_be_indexed_by_number_as_in_0_29():
    envs = make_vec_env("CartPole-v1", 3, max_episode_steps=4)
    envs.reset(seed=0)
    info = [envs.step(np.ones(3, int))[4] for _ in range(4)][-1]["final_info"]
    assert float(info[2]["episode"]["r"][0]) == 4
    assert [each["episode"]["l"].item() for each in info] == [4, 4, 4]
    assert len(info[np.array([True, False, True])]) == 2
    assert len(info) == 3 and info[1] is info[1]  # 0.29's array is made once
    same_arrays(pickle.loads(pickle.dumps(info))["episode"]["l"], info["episode"]["l"])


def arrays_of(value):
    """Every array in nested infos."""
    if isinstance(value, dict):
        return [array for each in value.values() for array in arrays_of(each)]
    return [value] if isinstance(value, np.ndarray) else []


def test_no_two_arrays_of_the_infos_share_memory():
    envs = make_vec_env("CartPole-v1", 3, max_episode_steps=2)
    envs.reset(seed=0)
    arrays = arrays_of([envs.step(np.ones(3, int)) for _ in range(2)][-1][4])
    assert len(arrays) == 7 + 1 + 2 + 2  # of final_info, its mask, and final observations in two forms with masks
    assert not any(np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])


def test_several_agents_are_rows_with_infos_of_their_own():
    """Returns differ between agents: in simple_spread agents that collide get a penalty."""
    envs = make_vec_env("operant/simple_spread-v3", 4, max_episode_steps=5)
    reference = gym.make_vec("operant:operant/simple_spread-v3", 4, max_episode_steps=5, autoreset_mode="SameStep")
    assert envs.num_envs == 12  # 4 environments of 3 agents
    assert envs.observation_space.shape == (12, 18) and envs.action_space.shape == (12,)
    same_arrays(envs.reset(seed=0)[0], reference.reset(seed=0)[0])
    random, total = np.random.default_rng(0), np.zeros(12, np.float32)
    for step in range(1, 6):
        actions = random.integers(0, 5, 12)
        (*results, infos), (*expected, theirs) = envs.step(actions), reference.step(actions)
        total += results[1]
        for mine, other in zip(results, expected, strict=True):
            same_arrays(mine, other)
        assert bool(infos) == (step == 5)
    assert infos["final_info"]["_episode"].all() and infos["final_info"]["episode"]["l"].tolist() == [5] * 12
    assert infos["final_info"]["episode"]["r"].tolist() == total.tolist()
    assert [float(info["episode"]["r"][0]) for info in infos["final_info"]] == total.tolist()
    same_arrays(np.stack(infos["final_obs"]), np.stack(theirs["final_obs"]))
    assert not (np.stack(infos["final_obs"]) == results[0]).all(axis=1).any()


def test_arguments_that_choose_a_variant_are_taken():
    envs = make_vec_env("simple_spread-v3", 2, N=2)
    assert envs.num_envs == 4
    with pytest.raises(ValueError, match="N=77"):
        make_vec_env("simple_spread-v3", 2, N=77)


def test_vector_wrappers_go_around_the_batch():
    """Gymnasium itself refuses NormalizeObservation, which does not support same-step resets."""
    envs = make_vec_env("Pendulum-v1", 4)
    with pytest.raises(ValueError, match=r"SAME_STEP|SameStep"):
        gym.wrappers.vector.NormalizeObservation(envs)
    wrapped = gym.wrappers.vector.NormalizeReward(gym.wrappers.vector.ClipAction(envs), gamma=0.99)
    wrapped = gym.wrappers.vector.TransformReward(wrapped, lambda reward: np.clip(reward, -10, 10))
    wrapped.reset(seed=0)
    rewards = np.array([wrapped.step(np.full((4, 1), 9.0, np.float32))[1] for _ in range(250)])
    assert np.abs(rewards).max() <= 10 and -1 < rewards[50:].mean() < 0


def test_dict_info_to_list_reads_final_info():
    envs = gym.wrappers.vector.DictInfoToList(make_vec_env("CartPole-v1", 2, max_episode_steps=3))
    envs.reset(seed=0)
    infos = [envs.step(np.ones(2, int))[4] for _ in range(3)][-1]
    assert [info["final_info"]["episode"]["r"] for info in infos] == [3, 3]


def test_capture_video_films_the_episodes_of_environment_0(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    envs = make_vec_env("CartPole-v1", 3, True, "run", max_episode_steps=5)
    envs.reset(seed=0)
    for _ in range(12):  # episode 0 and 1 are filmed, 2 is not
        envs.step(np.array([0, 1, 0]))
    envs.close()
    assert sorted(os.listdir("videos/run")) == ["rl-video-episode-0.mp4", "rl-video-episode-1.mp4"]


def test_several_agents_are_filmed_together(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    envs = make_vec_env("simple_spread-v3", 2, True, "run", max_episode_steps=3)
    envs.reset(seed=0)
    for _ in range(3):
        envs.step(np.zeros(6, int))
    envs.close()
    assert sorted(os.listdir("videos/run")) == ["rl-video-episode-0.mp4", "rl-video-episode-1.mp4"]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda envs: pickle.loads(pickle.dumps(envs))])
def test_an_environment_that_films_can_be_copied(copied, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    envs = make_vec_env("CartPole-v1", 2, True, "run", max_episode_steps=5)
    envs.reset(seed=0)
    envs.step(np.zeros(2, int))
    other = copied(envs)
    for _ in range(4):
        same_arrays(other.step(np.ones(2, int))[0], envs.step(np.ones(2, int))[0])
    os.remove("videos/run/rl-video-episode-0.mp4")  # written by both
    other.close()
    assert os.listdir("videos/run") == ["rl-video-episode-1.mp4"]


def test_capture_video_without_moviepy_says_so_at_once(monkeypatch):
    monkeypatch.delitem(sys.modules, "gymnasium.utils.save_video", raising=False)
    monkeypatch.setitem(sys.modules, "moviepy", None)
    for name in [name for name in sys.modules if name.startswith("moviepy.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(DependencyNotInstalled, match="moviepy"):
        make_vec_env("CartPole-v1", 2, True, "run")


@pytest.mark.parametrize("env_id", ["CartPole-v1", "operant/CartPole-v1", "operant:operant/CartPole-v1"])
def test_every_form_of_an_id_is_taken(env_id):
    envs = make_vec_env(env_id, 2)
    assert isinstance(envs, gym.vector.VectorEnv)
    assert isinstance(envs.single_action_space, gym.spaces.Discrete)
    assert envs.single_observation_space == gym.make("CartPole-v1").observation_space
    assert envs.metadata["autoreset_mode"] is gym.vector.AutoresetMode.SAME_STEP
    assert envs.action_space.shape == (2,) and envs.observation_space.shape == (2, 4)


def test_parameters_and_limits_are_those_of_the_native_batch():
    envs = make_vec_env("Pendulum-v1", 2, g=3.7, max_episode_steps=7)
    reference = gym.make_vec("operant:operant/Pendulum-v1", num_envs=2, g=3.7, autoreset_mode="SameStep")
    assert (envs.reset(seed=4)[0] == reference.reset(seed=4)[0]).all()
    steps = [(envs.step(np.ones((2, 1))), reference.step(np.ones((2, 1)))) for _ in range(7)]
    assert all((ours[1] == theirs[1]).all() for ours, theirs in steps)
    assert steps[-1][0][3].all() and not steps[-2][0][3].any()


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"env_id": "HalfCheeta-v4"}, ValueError, "unknown environment 'HalfCheeta-v4'"),
        ({"wrappers": [gym.wrappers.ClipAction]}, TypeError, "cannot take wrappers=.*around the result"),
        ({"autoreset_mode": "NextStep"}, TypeError, "cannot take autoreset_mode='NextStep'.*gymnasium.make_vec"),
        ({"seed": 3}, TypeError, r"cannot take seed=3.*reset\(seed"),
        ({"render_mode": "human"}, TypeError, "cannot take render_mode='human': capture_video=True films"),
        ({"gama": 0.99}, TypeError, "operant/CartPole-v1 got an unexpected keyword argument 'gama'"),
        ({"num_envs": 0}, ValueError, "num_envs=0 must be from 1"),
        ({"precision": "float16"}, ValueError, "unknown precision 'float16'"),
    ],
)
def test_an_unsupported_argument_is_named(options, error, message):
    with pytest.raises(error, match=message):
        make_vec_env(**{"env_id": "CartPole-v1", **options})


def test_the_halves_of_step_and_reset_are_the_whole():
    halves, whole = make_vec_env("CartPole-v1", 2), make_vec_env("CartPole-v1", 2)
    halves.reset_async(seed=3, options={"low": 0.01, "high": 0.02})
    same_arrays(halves.reset_wait()[0], whole.reset(seed=3, options={"low": 0.01, "high": 0.02})[0])
    halves.step_async(np.ones(2, int))
    same_arrays(halves.step_wait()[0], whole.step(np.ones(2, int))[0])
    with pytest.raises(NoAsyncCallError, match="without step_async"):
        halves.step_wait()
    same_arrays(halves.reset_wait()[0], whole.reset()[0])  # the first reset's arguments were for that one


def test_physical_parameters_are_the_environments_attributes():
    envs = make_vec_env("CartPole-v1", 2)
    assert envs.get_attr("masscart") == envs.get_attr("cart_mass") == envs.call("masscart") == (1.0, 1.0)
    envs.set_attr("force_mag", [5.0, 2.5])
    assert envs.get_attr("force_mag") == (5.0, 2.5)
    assert make_vec_env("simple_spread-v3", 2).get_attr("local_ratio") == (0.5,) * 6  # by row
    with pytest.raises(AttributeError, match="unknown attribute 'graviti': did you mean 'gravity'"):
        envs.get_attr("graviti")
    with pytest.raises(AttributeError, match="unknown attribute 'render'"):
        envs.call("render")
    with pytest.raises(ValueError, match="one for each of 2"):
        envs.set_attr("gravity", [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="it is randomised for every episode"):
        make_vec_env("CartPole-v1", 2, randomize={"gravity": (8.0, 12.0)}).set_attr("gravity", 9.0)
    with pytest.raises(NotImplementedError, match=r"capture_video=True\) films environment 0"):
        envs.render()


def test_unsupported_reset_options_are_named():
    envs = make_vec_env("CartPole-v1", 2)
    with pytest.raises(ValueError, match=r"'reset_mask': .*make_vec_env resets all; use gymnasium.make_vec"):
        envs.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(ValueError, match=r"unknown reset option of CartPole-v1 'lo': did you mean 'low'\? "):
        envs.reset(options={"lo": 0.1})


def test_misuse_raises():
    envs = make_vec_env("CartPole-v1", 2)
    with pytest.raises(ResetNeeded):
        envs.step(np.zeros(2, int))
    with pytest.raises(TypeError, match=r"seed \[1, 2\] must be an int"):
        envs.reset(seed=[1, 2])
    envs.reset(seed=0)
    with pytest.raises(ValueError, match="action 2 of environment 1"):
        envs.step(np.array([0, 2]))
    copy = pickle.loads(pickle.dumps(envs))
    same_arrays(copy.step(np.zeros(2, int))[0], envs.step(np.zeros(2, int))[0])
    envs.close()
    envs.close()
    for use in (lambda: envs.step(np.zeros(2, int)), envs.reset, lambda: pickle.dumps(envs)):
        with pytest.raises(ClosedEnvironmentError):
            use()


def test_without_a_seed_every_run_differs():
    first, second = (make_vec_env("CartPole-v1", 2).reset()[0] for _ in range(2))
    assert (first != second).all()


def test_the_pages_snippets_run():
    run_snippets("CleanRL")
