"""Multi-agent environments as a VectorEnv whose rows are (environment, agent) pairs."""

import pickle

import gymnasium as gym
import mpe2.simple_spread_v3
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.wrappers.vector import NormalizeReward, RecordEpisodeStatistics, RecordVideo
from particles import VARIANTS, random_actions, variant_id
from support import FAST_ISAS, MODES, PRECISIONS

import operant  # noqa: F401 - registers the ids
from operant.environments.parallel import OperantParallelEnv
from operant.environments.vector import OperantVectorEnv
from operant.multiagent import simple_spread_v3, simple_tag_v3, simple_v3


def trajectory(env, steps, seed=0):
    """The observations, rewards and flags of a reset and random steps."""
    random = np.random.default_rng(seed)
    results = [env.reset(seed=seed)[0]]
    for _ in range(steps):
        results += env.step(random_actions(env.single_action_space, env.num_envs, random))[:4]
    return results


def same(ours, theirs):
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.dtype == other.dtype and mine.tobytes() == other.tobytes()


@pytest.mark.parametrize("name, options", VARIANTS, ids=variant_id)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_row_k_of_environment_i_is_agent_k_of_the_parallel_environment(name, options, precision):
    envs = OperantVectorEnv(name, 5, precision=precision, autoreset_mode="SameStep", **options)
    singles = [OperantParallelEnv(name, precision=precision, **options) for _ in range(5)]
    agents = singles[0].possible_agents
    assert envs.agents == tuple(agents) and envs.num_envs == 5 * len(agents)
    random = np.random.default_rng(0)
    rows = envs.reset(seed=7)[0].reshape(5, len(agents), -1)
    by_agent = [single.reset(seed=7 + i)[0] for i, single in enumerate(singles)]
    for _ in range(60):
        for i, observations in enumerate(by_agent):
            for k, agent in enumerate(agents):
                size = len(observations[agent])
                assert (rows[i, k, :size] == observations[agent]).all()
                assert (rows[i, k, size:] == 0).all()
        actions = random_actions(envs.single_action_space, envs.num_envs, random)
        observations, rewards, terminated, truncated, _ = envs.step(actions)
        rows = observations.reshape(5, len(agents), -1)
        for i, single in enumerate(singles):
            mine = actions.reshape(5, len(agents), *actions.shape[1:])[i]
            by_agent[i], reward, _, ended, _ = single.step(dict(zip(agents, mine, strict=True)))
            each = slice(i * len(agents), (i + 1) * len(agents))
            assert rewards[each].tolist() == list(reward.values())
            assert truncated[each].tolist() == list(ended.values()) and not terminated[each].any()
            if not single.agents:
                by_agent[i] = single.reset()[0]


@pytest.mark.parametrize("name, options", VARIANTS, ids=variant_id)
def test_the_bits_do_not_depend_on_target_workers_or_batch(name, options):
    expected = trajectory(OperantVectorEnv(name, 67, isa="scalar", **options), 60)
    for isa in FAST_ISAS:
        for workers in (1, 3):
            same(trajectory(OperantVectorEnv(name, 67, isa=isa, workers=workers, **options), 60), expected)
    agents = len(OperantVectorEnv(name, 1, **options).agents)
    assert (OperantVectorEnv(name, 9, **options).reset(seed=0)[0] == expected[0][: 9 * agents]).all()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_all_agents_of_an_environment_end_together_and_have_their_own_returns(mode, precision):
    envs = simple_tag_v3.vector_env(70, autoreset_mode=mode, precision=precision, episode_statistics=True)
    random = np.random.default_rng(0)
    previous = envs.reset(seed=0)[0]
    returns = np.zeros(envs.num_envs)
    for step in range(1, 26):
        observations, rewards, terminated, truncated, infos = envs.step(
            random_actions(envs.single_action_space, 280, random)
        )
        returns += rewards
        assert truncated.all() == (step == 25) and truncated.any() == (step == 25) and not terminated.any()
        if step < 25:
            assert infos == {}
            assert (envs.episode_lengths == step).all()
            np.testing.assert_allclose(envs.episode_returns, returns, rtol=1e-6, atol=1e-5)  # summed in float32
            previous = observations
    assert (infos["episode"]["l"] == 25).all() and infos["_episode"].all()
    np.testing.assert_allclose(infos["episode"]["r"], returns, rtol=1e-6, atol=1e-5)
    index, finished, lengths = envs.finished_episodes()
    assert index.tolist() == list(range(280)) and (lengths == 25).all()
    assert (finished == infos["episode"]["r"]).all()
    adversaries = finished.reshape(70, 4)
    assert (adversaries[:, :3] == adversaries[:, :1]).all() and (adversaries[:, 3] != adversaries[:, 0]).any()
    if mode == "SameStep":
        final = np.stack(infos["final_obs"])
        assert final.shape == (280, 16) and infos["_final_obs"].all()
        position = slice(2, 4)
        moved = np.abs(final - previous)[:, position]
        assert 0 < moved.max() < 0.1301  # at most 1.3 m/s for 0.1 s
        assert np.abs(observations - final)[:, position].max() > 0.5
        assert (envs.episode_lengths == 0).all()
    elif mode == "NextStep":
        _, rewards, _, truncated, _ = envs.step(random_actions(envs.single_action_space, 280, random))
        assert not rewards.any() and not truncated.any()
    else:
        with pytest.raises(ResetNeeded, match="the episode of environment 0 is over"):
            envs.step(random_actions(envs.single_action_space, 280, random))
        with pytest.raises(ValueError, match="all agents of environment 1 are reset together"):
            envs.reset(options={"reset_mask": np.arange(280) < 5})
        envs.reset(options={"reset_mask": np.ones(280, np.bool_)})
        envs.reset(options={"reset_mask": np.arange(280) < 8})


@pytest.mark.parametrize("mode", ["SameStep", "NextStep"])
def test_finished_episodes_are_listed_alike_with_any_number_of_workers(mode):
    results = []
    for workers in (1, 3):
        envs = simple_tag_v3.vector_env(200, workers=workers, autoreset_mode=mode, max_episode_steps=7)
        envs.reset(seed=0)
        records = envs.get_state()
        records["elapsed"] = np.random.default_rng(0).integers(0, 7, 200)
        envs.set_state(records)
        random, trajectory = np.random.default_rng(1), []
        for _ in range(20):
            *step, infos = envs.step(random_actions(envs.single_action_space, 800, random))
            finals = envs.batch.final_observations() if mode == "SameStep" else np.empty(0)
            assert envs.finished_episodes()[0].tolist() == np.flatnonzero(step[3]).tolist()
            trajectory += [*step, *envs.finished_episodes(), finals, infos.get("_final_obs", np.empty(0))]
        results.append(trajectory)
    same(*results)
    assert 0 < results[0][3].sum() < 400  # some ended in the first step, and not all


def test_a_masked_reset_leaves_the_other_environments():
    envs = simple_spread_v3.vector_env(20, autoreset_mode="Disabled")
    before = envs.reset(seed=0)[0].copy()
    mask = np.arange(60) // 3 % 4 == 1
    after, _ = envs.reset(options={"reset_mask": mask})
    changed = (after != before).any(axis=1)
    assert (changed == mask).all()


def test_seeds_belong_to_environments():
    envs = simple_spread_v3.vector_env(4)
    rows = envs.reset(seed=5)[0].copy()
    assert envs.np_random_seed == (5, 6, 7, 8)
    assert (envs.reset(seed=[5, 6, 7, 8])[0] == rows).all()
    assert (simple_spread_v3.vector_env(3).reset(seed=6)[0] == rows[3:]).all()
    with pytest.raises(ValueError, match="12 seeds for 4 environments"):
        envs.reset(seed=list(range(12)))


def test_bad_actions_name_the_row():
    envs = simple_spread_v3.vector_env(40)
    envs.reset(seed=0)
    actions = np.zeros(120, np.int64)
    actions[[70, 34]] = 5
    with pytest.raises(ValueError, match=r"action 5 of agent_1 of environment 11 must be an integer in \[0, 5\)"):
        envs.step(actions)
    with pytest.raises(ValueError, match=r"actions have shape \(40,\), but simple_spread-v3 needs \(120,\)"):
        envs.step(actions[:40])
    continuous = simple_tag_v3.vector_env(40, continuous_actions=True)
    continuous.reset(seed=0)
    actions = np.zeros((160, 5), np.float32)
    actions[33, 2] = np.nan
    with pytest.raises(ValueError, match="of adversary_1 of environment 8 must be finite"):
        continuous.step(actions)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_snapshots_and_pickles_continue_alike(precision):
    envs = simple_tag_v3.vector_env(6, precision=precision, episode_statistics=True)
    trajectory(envs, 10)
    snapshot = envs.get_state()
    assert len(snapshot) == 6 and snapshot["episode_return"].shape == (6, 4)
    copy = pickle.loads(pickle.dumps(envs))
    actions = np.random.default_rng(1).integers(0, 5, (30, 24))
    expected = [[part.copy() for part in envs.step(row)[:4]] for row in actions]
    for row, results in zip(actions, expected, strict=True):
        same(copy.step(row)[:4], results)
    envs.set_state(snapshot)
    for row, results in zip(actions, expected, strict=True):
        same(envs.step(row)[:4], results)
    branched = simple_tag_v3.vector_env(6, precision=precision).set_state(snapshot[3]).reshape(6, 4, 16)
    assert (branched == branched[0]).all()


def test_gymnasium_makes_vectors_and_says_where_single_ones_are():
    envs = gym.make_vec("operant/simple_spread-v3", num_envs=8, N=4, max_episode_steps=10)
    assert envs.num_envs == 32 and envs.single_observation_space.shape == (24,)
    assert envs.action_space.shape == (32,) and envs.observation_space.shape == (32, 24)
    wrapped = NormalizeReward(RecordEpisodeStatistics(envs))
    wrapped.reset(seed=0)
    for _ in range(10):
        _, _, _, truncated, infos = wrapped.step(wrapped.action_space.sample())
    assert truncated.all() and (infos["episode"]["l"] == 10).all()
    for make in (gym.make, lambda name: gym.make_vec(name, 2, vectorization_mode="sync")):
        with pytest.raises(ValueError, match=r"use operant.multiagent.simple_spread_v3, or gymnasium.make_vec"):
            make("operant/simple_spread-v3")


def test_parameters_may_differ_between_environments():
    masses = np.array([1.0, 5.0, 9.0])
    envs = simple_v3.vector_env(3, params={"force": masses, "extent": 0.0}, precision="float64")
    envs.reset(seed=0)
    for _ in range(2):
        observations, *_ = envs.step(np.full(3, 2))
    np.testing.assert_allclose(observations[:, 0], masses * 0.1 * 1.75, rtol=1e-6)  # v = F dt, then 0.75 v + F dt


def test_an_environment_has_one_frame_and_with_render_envs_r_each_row_as_vector_wrappers_need_it(tmp_path):
    envs, rows = (simple_spread_v3.vector_env(2, render_mode="rgb_array", render_envs=k) for k in (None, 6))
    recorded = RecordVideo(rows, str(tmp_path), episode_trigger=lambda episode: episode == 0)
    with pytest.raises(ResetNeeded, match="before it is drawn"):
        envs.render()
    envs.reset(seed=0)
    recorded.reset(seed=0)
    pictures, frames = envs.render(), rows.render()
    assert len(pictures) == 2 and pictures[0].shape == (700, 700, 3)
    assert (pictures[0] != pictures[1]).any()
    assert len(frames) == 6
    assert all((frame == pictures[row // 3]).all() for row, frame in enumerate(frames))
    unfit = RecordVideo(envs, str(tmp_path), episode_trigger=lambda episode: True)
    with pytest.raises(ValueError, match=r"a frame for each row, 6 in all, but render\(\) draws 2: .* render_envs=6"):
        unfit.reset()
    for _ in range(2):
        recorded.step(np.zeros(6, np.int64))
    recorded.close()
    assert [path.stat().st_size > 1000 for path in tmp_path.glob("*.mp4")] == [True]


def test_a_frame_has_the_scale_of_its_episodes_start_which_was_not_drawn():
    """mpe2 takes the scale of all frames from the first state; here an autoreset begins the second episode."""
    envs = simple_spread_v3.vector_env(2, precision="float64", render_mode="rgb_array")
    references = [mpe2.simple_spread_v3.parallel_env(render_mode="rgb_array") for _ in range(2)]
    envs.reset(seed=3)
    for seed, reference in enumerate(references, start=3):
        reference.reset(seed=seed)
    for step in range(31):
        envs.step(np.ones(6, np.int64))
        for reference in references:
            reference.reset() if step == 25 else reference.step(dict.fromkeys(reference.agents, 1))
        if step in (3, 30):
            assert all((a == b.render()).all() for a, b in zip(envs.render(), references, strict=True))


def test_frames_show_the_bodies_as_large_as_they_are():
    inked = []
    for radius in (0.1, 0.2):
        envs = simple_spread_v3.vector_env(1, render_mode="rgb_array", params={"radius": radius})
        envs.reset(seed=0)
        inked.append((envs.render()[0] == [70, 70, 170]).all(axis=2).sum())
    assert 3 < inked[1] / inked[0] < 4.5  # four times the area, but for borders and what lies outside
