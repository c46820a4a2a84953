"""OperantVectorEnv under Gymnasium's own functions and wrappers: make_vec, specs, statistics."""

import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import vector as wrappers
from support import actions_for, same_infos, same_step, sync, vector

import operant
from operant.environments.single import OperantEnv
from operant.environments.vector import OperantVectorEnv


@pytest.mark.parametrize("prefix", ["operant/", "operant:operant/"])
def test_make_vec_returns_the_native_batch(classic_id, prefix):
    env = gym.make_vec(prefix + classic_id, num_envs=3)
    assert type(env) is OperantVectorEnv
    assert env.num_envs == 3
    assert env.spec.id == f"operant/{classic_id}"
    assert env.unwrapped is env


def test_a_spec_and_its_json_make_the_same_environment(classic_id):
    spec = gym.spec(f"operant/{classic_id}")
    again = type(spec).from_json(spec.to_json())
    for each in (spec, again):
        env = gym.make_vec(each, num_envs=2)
        assert type(env) is OperantVectorEnv and env.spec.id == spec.id
        assert type(gym.make(each).unwrapped) is OperantEnv


def test_the_environments_spec_holds_the_keywords_and_makes_it_again():
    env = gym.make_vec("operant/CartPole-v1", num_envs=3, precision="float64", autoreset_mode="SameStep", workers=2)
    assert env.spec.kwargs["precision"] == "float64" and env.spec.kwargs["autoreset_mode"] == "SameStep"
    again = gym.make_vec(type(env.spec).from_json(env.spec.to_json()))
    assert again.num_envs == 3 and again.autoreset_mode is AutoresetMode.SAME_STEP
    assert again.reset(seed=1)[0].tobytes() == env.reset(seed=1)[0].tobytes()


def test_make_vec_in_sync_mode_steps_our_single_environments():
    env = gym.make_vec("operant/CartPole-v1", num_envs=3, vectorization_mode="sync", precision="float64")
    theirs = sync("CartPole-v1", 3)
    same_step(env.reset(seed=0), theirs.reset(seed=0))
    for actions in np.random.default_rng(0).integers(0, 2, (300, 3)):
        same_step(env.step(actions), theirs.step(actions))


@pytest.mark.parametrize("given", [lambda m: m, lambda m: AutoresetMode(m)], ids=["string", "enum"])
def test_the_autoreset_mode_is_in_the_metadata_and_an_attribute(mode, given):
    env = gym.make_vec("operant/CartPole-v1", num_envs=2, autoreset_mode=given(mode))
    assert env.metadata["autoreset_mode"] is env.autoreset_mode is AutoresetMode(mode)
    assert OperantVectorEnv("CartPole-v1").metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP


def test_the_spaces_are_those_of_gymnasiums_vector_environment(classic_id):
    ours, theirs = gym.make_vec(f"operant/{classic_id}", num_envs=3), sync(classic_id, 3)
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    assert ours.single_observation_space == theirs.single_observation_space
    assert ours.single_action_space == theirs.single_action_space


def test_sampled_actions_step_and_observations_lie_in_the_space(classic_id, precision):
    env = vector(classic_id, 4, precision=precision)
    env.action_space.seed(0)
    assert env.observation_space.contains(env.reset(seed=0)[0])
    for _ in range(50):
        assert env.observation_space.contains(env.step(env.action_space.sample())[0])


def test_the_representation_names_the_environment_and_the_batch():
    env = gym.make_vec("operant/CartPole-v1", num_envs=3)
    assert repr(env) == "OperantVectorEnv(operant/CartPole-v1, num_envs=3)"
    assert "3" in repr(OperantVectorEnv("CartPole-v1", 3))


def test_the_time_limit_of_make_vec_and_of_the_keyword_truncate():
    env = gym.make_vec("operant/MountainCar-v0", num_envs=2, max_episode_steps=4)
    env.reset(seed=0)
    assert [env.step(np.ones(2, int))[3].all() for _ in range(5)] == [False, False, False, True, False]


def test_closing_twice_is_harmless_and_marks_the_environment():
    env = vector("CartPole-v1", 2)
    env.close()
    env.close()
    assert env.closed


# Episode statistics.


def statistics_pair(env_id, mode, **kwargs):
    ours = vector(env_id, 6, precision="float64", autoreset_mode=mode, episode_statistics=True, **kwargs)
    plain = vector(env_id, 6, precision="float64", autoreset_mode=mode, **kwargs)
    return ours, wrappers.RecordEpisodeStatistics(plain)


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_episode_statistics_are_those_of_gymnasiums_wrapper(classic_id, mode):
    ours, theirs = statistics_pair(classic_id, mode, max_episode_steps=30)
    same_step(ours.reset(seed=0), theirs.reset(seed=0))
    ended = 0
    for actions in actions_for(ours.single_action_space, np.random.default_rng(0), (200, 6)):
        mine, other = ours.step(actions), theirs.step(actions)
        # t is wall-clock time. Returns are summed in the same order, so they have the same bits.
        same_step(mine, other, skip=("t",))
        if "episode" in mine[4]:
            ended += int(mine[4]["_episode"].sum())
            assert set(mine[4]["episode"]) == set(other[4]["episode"]) == {"r", "l", "t"}
            assert (mine[4]["episode"]["t"] >= 0).all()
    assert ended >= 30


@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
def test_durations_are_those_of_gymnasiums_wrapper_by_the_same_clock(mode, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    ours, theirs = statistics_pair("CartPole-v1", mode)
    ours.reset(seed=0)
    theirs.reset(seed=0)
    durations = []
    for t, actions in enumerate(np.random.default_rng(0).integers(0, 2, (150, 6))):
        clock[0] += 0.1234567 + t / 1000
        if t == 70:
            ours = pickle.loads(pickle.dumps(ours))
        mine, other = ours.step(actions), theirs.step(actions)
        same_step(mine, other)
        durations += mine[4]["episode"]["t"].tolist() if mine[4] else []
        ended = mine[2] | mine[3]
        if mode == "Disabled" and ended.any():
            clock[0] += 0.05
            same_step(*(each.reset(options={"reset_mask": ended.copy()}) for each in (ours, theirs)))
    assert len(set(durations)) > 20


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_wrapping_gives_the_statistics_gymnasium_gives_its_own_environment(mode):
    ours = wrappers.RecordEpisodeStatistics(vector("CartPole-v1", 4, precision="float64", autoreset_mode=mode))
    theirs = wrappers.RecordEpisodeStatistics(sync("CartPole-v1", 4, mode))
    same_step(ours.reset(seed=0), theirs.reset(seed=0))
    for actions in np.random.default_rng(0).integers(0, 2, (300, 4)):
        same_step(ours.step(actions), theirs.step(actions), skip=("t",))


def test_returns_and_lengths_are_running_sums(classic_id, precision):
    env = vector(classic_id, 3, precision=precision, max_episode_steps=20)
    env.reset(seed=0)
    returns, lengths = np.zeros(3, precision), np.zeros(3, int)
    restarting = np.zeros(3, bool)
    for actions in actions_for(env.single_action_space, np.random.default_rng(0), (70, 3)):
        _, rewards, terminated, truncated, _ = env.step(actions)
        returns = np.where(restarting, 0, returns + rewards).astype(precision)
        lengths = np.where(restarting, 0, lengths + 1)
        assert env.episode_returns.tolist() == returns.tolist()
        assert env.episode_lengths.tolist() == lengths.tolist()
        restarting = terminated | truncated
        index, final_returns, final_lengths = env.finished_episodes()
        assert index.tolist() == np.flatnonzero(restarting).tolist()
        assert final_returns.tolist() == returns[restarting].tolist()
        assert final_lengths.tolist() == lengths[restarting].tolist()


@pytest.mark.parametrize("workers", [1, 3])
def test_finished_episodes_are_listed_in_order_whatever_the_workers(workers):
    env = vector("CartPole-v1", 300, workers=workers, autoreset_mode="SameStep")
    env.reset(seed=0)
    for actions in np.random.default_rng(0).integers(0, 2, (60, 300)):
        _, _, terminated, truncated, infos = env.step(actions)
        index = env.finished_episodes()[0]
        assert index.tolist() == np.flatnonzero(terminated | truncated).tolist()
        if len(index):
            assert np.flatnonzero(infos["_final_obs"]).tolist() == index.tolist()


# Gymnasium's other wrappers.


def test_normalised_observations_are_those_of_gymnasiums_environment():
    ours = wrappers.NormalizeObservation(vector("Pendulum-v1", 4, precision="float64"))
    theirs = wrappers.NormalizeObservation(sync("Pendulum-v1", 4))
    same_step(ours.reset(seed=0), theirs.reset(seed=0))
    for actions in actions_for(ours.single_action_space, np.random.default_rng(0), (50, 4)):
        same_step(ours.step(actions), theirs.step(actions))


def test_numpy_to_torch_gives_tensors_of_the_same_numbers():
    ours, plain = wrappers.NumpyToTorch(vector("CartPole-v1", 4)), vector("CartPole-v1", 4)
    import torch

    observations, _ = ours.reset(seed=0)
    assert observations.numpy().tobytes() == plain.reset(seed=0)[0].tobytes()
    kept = []
    for _ in range(30):
        result, expected = ours.step(torch.ones(4, dtype=torch.int64)), plain.step(np.ones(4, int))
        kept.append((result[0], expected[0].tobytes()))
        for a, b in zip(result[:4], expected[:4], strict=True):
            assert a.numpy().tobytes() == b.tobytes()
    assert all(tensor.numpy().tobytes() == value for tensor, value in kept)


@pytest.mark.parametrize("statistics", [False, True])
def test_dict_info_to_list_gives_one_dict_an_environment(statistics):
    env = vector("CartPole-v1", 3, autoreset_mode="SameStep", episode_statistics=statistics)
    listed = wrappers.DictInfoToList(env)
    listed.reset(seed=0)
    seen = 0
    for _ in range(40):
        infos = listed.step(np.ones(3, int))[4]
        assert len(infos) == 3
        for info in infos:
            if info:
                seen += 1
                assert info["final_obs"].shape == (4,)
                assert ("episode" in info) == statistics
    assert seen > 3


def test_same_step_infos_have_gymnasiums_layout_where_nothing_ended():
    env = vector("CartPole-v1", 2, autoreset_mode="SameStep")
    env.reset(seed=0)
    assert env.step(np.array([0, 1]))[4] == {}
    for mine in [env.step(np.array([0, 1]))[4] for _ in range(30)]:
        if mine:
            same_infos(mine["final_info"], {})
            assert mine["final_obs"].dtype == object


def test_the_callers_options_are_not_modified():
    env = vector("CartPole-v1", 2)
    env.reset(seed=0)
    mask = np.array([True, False])
    options = {"reset_mask": mask, "low": -0.01, "high": 0.01}
    env.reset(options=options)
    assert options == {"reset_mask": mask, "low": -0.01, "high": 0.01}
    assert mask.tolist() == [True, False]


def test_a_tensor_of_actions_steps_like_an_array():
    import torch

    a, b = vector("CartPole-v1", 3), vector("CartPole-v1", 3)
    a.reset(seed=0)
    b.reset(seed=0)
    same_step(a.step(torch.tensor([0, 1, 1])), b.step(np.array([0, 1, 1])))


def test_actions_that_are_not_contiguous_step_like_a_copy(classic_id):
    a, b = vector(classic_id, 4), vector(classic_id, 4)
    a.reset(seed=0)
    b.reset(seed=0)
    wide = actions_for(a.single_action_space, np.random.default_rng(0), (8,))
    same_step(a.step(wide[::2]), b.step(np.ascontiguousarray(wide[::2])))


def test_the_package_offers_its_public_names():
    assert operant.OperantVectorEnv is OperantVectorEnv
    assert operant.OperantEnv is OperantEnv
    for name in operant.__all__:
        assert getattr(operant, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Cartpole'"):
        _ = operant.Cartpole


@pytest.mark.parametrize("given, truncated_at", [(None, 200), (7, 7), (-1, None)])
def test_max_episode_steps_none_is_the_ids_limit_and_minus_1_none(given, truncated_at):
    envs = gym.make_vec("operant/Pendulum-v1", num_envs=1, max_episode_steps=given)
    envs.reset(seed=0)
    ends = [t for t in range(1, 300) if envs.step(np.zeros((1, 1), np.float32))[3][0]]
    assert ends[:1] == ([] if truncated_at is None else [truncated_at])


@pytest.mark.parametrize("wrong", [0, -2, 1.5])
def test_another_max_episode_steps_is_refused(wrong):
    with pytest.raises((TypeError, ValueError), match=f"max_episode_steps={wrong}"):
        gym.make_vec("operant/Pendulum-v1", num_envs=1, max_episode_steps=wrong)
