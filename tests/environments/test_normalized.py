"""NormalizedVecEnv beside Stable-Baselines3's and Gymnasium's wrappers, and beside the definition, row by row."""

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.wrappers.vector import NormalizeObservation, NormalizeReward
from stable_baselines3.common.vec_env import VecNormalize
from support import actions_for, sync, vector

from operant.compat.sb3 import OperantVecEnv
from operant.envs import CartPoleVecEnv, NormalizedVecEnv
from operant.multiagent import simple_spread_v3

# Stable-Baselines3 takes the mean and variance of a batch in float32, Gymnasium also their running values. A float32
# has 24 bits, and the mean of these observations is up to some ten times their deviation.
FLOAT32 = {"rtol": 1e-5, "atol": 1e-5}
# Ours are sums in float64, but of discounted rewards in float32.
SUMS = {"rtol": 2e-6, "atol": 2e-6}


def actions(envs, steps, seed=0):
    return actions_for(envs.single_action_space, np.random.default_rng(seed), (steps, envs.num_envs))


def results(envs, each, mode):
    """Results of steps; in mode "Disabled" ended environments are reset by a mask, and the reset's follow."""
    observations, rewards, terminated, truncated, infos = envs.step(each)
    ended = terminated | truncated
    yield observations, rewards, ended, infos, None
    if mode == "Disabled" and ended.any():
        mask = ended.copy()
        yield envs.reset(options={"reset_mask": mask})[0], None, None, {}, mask


class Statistics:
    """Mean and variance of all rows so far and of a ten-thousandth of a row of variance 1, by their definitions."""

    def __init__(self):
        self.rows = []

    def deviations(self, rows, centred):
        seen = np.concatenate(self.rows).astype(np.float64)
        weight = len(seen) + 1e-4
        mean = seen.sum(0) / weight
        variance = (((seen - mean) ** 2).sum(0) + 1e-4 * (1 + mean**2)) / weight
        scaled = (rows.astype(np.float64) - mean * centred) / np.sqrt(variance + 1e-8)
        return np.clip(scaled, -10, 10)


@pytest.mark.parametrize("env_id", ["CartPole-v1", "MountainCarContinuous-v0"])
def test_results_follow_the_definition_in_every_autoreset_mode(env_id, mode):
    options = {"autoreset_mode": mode, "max_episode_steps": 17}
    ours, raw = NormalizedVecEnv(vector(env_id, 6, **options)), vector(env_id, 6, **options)
    seen, sums = Statistics(), Statistics()
    returns, waiting, ends = np.zeros(6), np.zeros(6, bool), 0
    mine, rows = ours.reset(seed=0)[0], raw.reset(seed=0)[0]
    seen.rows.append(rows.copy())
    np.testing.assert_allclose(mine, seen.deviations(rows, True), **SUMS)
    for each in actions(raw, 80):
        for got, expected in zip(results(ours, each, mode), results(raw, each, mode), strict=True):
            rows, rewards, ended, infos, mask = expected
            seen.rows.append(rows.copy() if mask is None else rows[mask])
            np.testing.assert_allclose(got[0], seen.deviations(rows, True), **SUMS)
            if mask is not None:
                continue
            returns = returns * 0.99 + rewards
            sums.rows.append(returns[~waiting, None])
            np.testing.assert_allclose(got[1], sums.deviations(rewards[:, None], False)[:, 0], **SUMS)
            returns[ended] = 0
            waiting = ended & (mode == "NextStep")
            ends += ended.sum()
            if mode == "SameStep" and ended.any():
                assert (got[3]["_final_obs"] == ended).all()
                final = np.stack([*infos["final_obs"][ended]])
                np.testing.assert_allclose(
                    np.stack([*got[3]["final_obs"][ended]]), seen.deviations(final, True), **SUMS
                )
                assert all(each is None for each in got[3]["final_obs"][~ended])
    assert ends >= 6 and ours.observation_statistics.count == pytest.approx(sum(map(len, seen.rows)), abs=1e-3)


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1"])
def test_results_are_those_of_stable_baselines3(env_id):
    ours = NormalizedVecEnv(vector(env_id, 16, autoreset_mode="SameStep", max_episode_steps=40), gamma=0.9)
    theirs = VecNormalize(OperantVecEnv(env_id, 16, max_episode_steps=40), gamma=0.9)
    theirs.seed(0)
    np.testing.assert_allclose(ours.reset(seed=0)[0], theirs.reset(), **FLOAT32)
    ends = 0
    for each in actions(ours, 200):
        observations, rewards, terminated, truncated, infos = ours.step(each)
        expected, their_rewards, dones, their_infos = theirs.step(each)
        np.testing.assert_allclose(observations, expected, **FLOAT32)
        np.testing.assert_allclose(rewards, their_rewards, **FLOAT32)
        assert observations.dtype == expected.dtype and rewards.dtype == their_rewards.dtype
        assert ((terminated | truncated) == dones).all()
        for row in np.flatnonzero(dones):
            np.testing.assert_allclose(infos["final_obs"][row], their_infos[row]["terminal_observation"], **FLOAT32)
            ends += 1
    assert ends >= 64


def test_results_are_gymnasiums_where_it_agrees_with_stable_baselines3():
    """Gymnasium's wrappers clip nothing; and only episodes that are truncated, in the same step, have equal sums."""
    mode = {"autoreset_mode": "SameStep", "max_episode_steps": 9}
    free = {"clip_observations": np.inf, "clip_rewards": np.inf}
    ours = NormalizedVecEnv(vector("Pendulum-v1", 8), rewards=False, **free)
    theirs = NormalizeObservation(vector("Pendulum-v1", 8))
    np.testing.assert_allclose(ours.reset(seed=3)[0], theirs.reset(seed=3)[0], **FLOAT32)
    rewarded = NormalizedVecEnv(vector("Pendulum-v1", 8, **mode), observations=False, **free)
    their_rewarded = NormalizeReward(vector("Pendulum-v1", 8, **mode))
    rewarded.reset(seed=3), their_rewarded.reset(seed=3)
    for each in actions(ours, 250):
        np.testing.assert_allclose(ours.step(each)[0], theirs.step(each)[0], rtol=1e-4, atol=1e-4)
        mine, expected = rewarded.step(each), their_rewarded.step(each)
        np.testing.assert_allclose(mine[1], expected[1], **FLOAT32)
        assert mine[0].tobytes() == expected[0].tobytes()


def test_gymnasiums_own_environments_are_normalised_to_the_same_bits(mode):
    ours = NormalizedVecEnv(vector("CartPole-v1", 3, precision="float64", autoreset_mode=mode))
    theirs = NormalizedVecEnv(sync("CartPole-v1", 3, mode))
    assert ours.reset(seed=0)[0].tobytes() == theirs.reset(seed=0)[0].tobytes()
    for each in actions(ours, 50):
        for mine, other in zip(results(ours, each, mode), results(theirs, each, mode), strict=True):
            assert mine[0].tobytes() == other[0].tobytes()
            if mine[1] is not None:
                assert mine[1].dtype == other[1].dtype == np.float32 and mine[1].tobytes() == other[1].tobytes()
            assert [repr(value) for value in mine[3].get("final_obs", ())] == [
                repr(value) for value in other[3].get("final_obs", ())
            ]


class DenseFinals(gym.vector.VectorWrapper):
    """Environments whose final observations are one array of numbers, as other batches have them."""

    def step(self, actions):
        *results, infos = super().step(actions)
        if "final_obs" in infos:
            dense = np.full(self.observation_space.shape, 7.0)
            dense[infos["_final_obs"]] = np.stack([*infos["final_obs"][infos["_final_obs"]]])
            infos = infos | {"final_obs": dense}
        return *results, infos


def test_final_observations_may_be_one_array():
    ours, dense = (NormalizedVecEnv(wrap(CartPoleVecEnv(8))) for wrap in (lambda envs: envs, DenseFinals))
    ours.reset(seed=0), dense.reset(seed=0)
    ends = 0
    for each in actions(ours, 60):
        ended, mine = (infos := ours.step(each)[4]).get("_final_obs", np.zeros(8, bool)), infos.get("final_obs")
        other = dense.step(each)[4].get("final_obs")
        if ended.any():
            assert np.array_equal(np.stack([*mine[ended]]), other[ended]) and (other[~ended] == 7).all()
        ends += ended.sum()
    assert ends > 8


def test_without_training_the_statistics_stay():
    envs = NormalizedVecEnv(CartPoleVecEnv(8))
    envs.reset(seed=0)
    for each in actions(envs, 40):
        envs.step(each)
    envs.training = False
    before, sums = envs.state_dict(), envs.reward_statistics.returns.copy()
    for each in actions(envs, 40, seed=1):
        rewards = envs.step(each)[1]
    after = envs.state_dict()
    assert after["observations"] == before["observations"]
    assert after["rewards"]["statistics"] == before["rewards"]["statistics"]
    assert (sums != envs.reward_statistics.returns).any() and len({*rewards.tolist()}) == 1


@pytest.mark.parametrize("through_a_file", [False, True])
def test_restored_statistics_continue_with_the_same_bits(mode, through_a_file, tmp_path):
    options = {"autoreset_mode": mode, "max_episode_steps": 6}
    one, other = (NormalizedVecEnv(vector("CartPole-v1", 4, **options)) for _ in range(2))
    one.reset(seed=0)
    other.reset(seed=1)
    for each in actions(one, 6):
        one.step(each)  # the last step ends all episodes
    other.unwrapped.set_state(one.unwrapped.get_state())
    if through_a_file:
        one.save(tmp_path / "statistics.safetensors")
        other.load(tmp_path / "statistics.safetensors")
    else:
        other.load_state_dict(one.state_dict())
    if mode == "Disabled":
        for envs in (one, other):
            envs.reset(options={"reset_mask": np.ones(4, bool)})
    for each in actions(one, 4, seed=2):
        for mine, restored in zip(one.step(each)[:2], other.step(each)[:2], strict=True):
            assert mine.tobytes() == restored.tobytes()
    assert one.state_dict() == other.state_dict()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda envs: pickle.loads(pickle.dumps(envs))])
def test_a_copy_continues_with_the_same_bits(copied):
    envs = NormalizedVecEnv(CartPoleVecEnv(4))
    envs.reset(seed=0)
    other = copied(envs)
    for each in actions(envs, 30):
        for mine, theirs in zip(envs.step(each)[:2], other.step(each)[:2], strict=True):
            assert mine.tobytes() == theirs.tobytes()


def test_statistics_fit_another_number_of_environments_whose_sums_begin_anew():
    many, few = NormalizedVecEnv(CartPoleVecEnv(8)), NormalizedVecEnv(CartPoleVecEnv(2))
    many.reset(seed=0)
    many.step(np.ones(8, int))
    few.load_state_dict(many.state_dict())
    assert few.reward_statistics.returns.tolist() == [0, 0]
    assert few.reward_statistics.statistics.state_dict() == many.reward_statistics.statistics.state_dict()
    assert few.observation_statistics.state_dict() == many.observation_statistics.state_dict()


def test_spaces_are_what_is_returned():
    envs = NormalizedVecEnv(gym.make_vec("operant/Snake-v0", num_envs=3), clip_observations=2.5)
    assert envs.single_observation_space == gym.spaces.Box(-2.5, 2.5, (10, 10, 4), np.float32)
    assert envs.observation_space.shape == (3, 10, 10, 4)
    assert envs.observation_space.contains(envs.reset(seed=0)[0])
    assert envs.observation_space.contains(envs.step(envs.action_space.sample())[0])
    plain = NormalizedVecEnv(gym.make_vec("operant/Snake-v0", num_envs=3), observations=False)
    assert plain.observation_space == plain.unwrapped.observation_space
    agents = NormalizedVecEnv(simple_spread_v3.vector_env(2, max_episode_steps=2))
    agents.reset(seed=0)
    for _ in range(4):
        assert agents.step(np.zeros(6, int))[0].shape == (6, 18)
    assert agents.reward_statistics.statistics.count == pytest.approx(18, abs=1e-3)  # but for the step that resets


def without(envs, name):
    state = envs.state_dict()
    del state[name]
    return state


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda envs: NormalizedVecEnv(vector("Taxi-v4", 2)), r"not of Discrete\(500\): give observations=False"),
        (
            lambda envs: NormalizedVecEnv(gym.make_vec("operant/CartPole-v1", num_envs=2, device="emulated")),
            "computes in the CPU's memory: make the environments with device='cpu'",
        ),
        (lambda envs: NormalizedVecEnv(CartPoleVecEnv(2), clip_rewards=0), "clip_rewards=0 must be a number above 0"),
        (lambda envs: NormalizedVecEnv(CartPoleVecEnv(2), clip_observations=None), "clip_observations=None must be a"),
        (lambda envs: NormalizedVecEnv(CartPoleVecEnv(2), gamma=1.5), "gamma=1.5 must be from 0 to 1"),
        (lambda envs: envs.load_state_dict(without(envs, "rewards")), "no statistics of rewards: give rewards=False"),
        (lambda envs: envs.load_state_dict(without(envs, "observations")), "no statistics of observations"),
        (
            lambda envs: envs.load_state_dict(NormalizedVecEnv(vector("Pendulum-v1", 2)).state_dict()),
            "mean has 3 features, but this normaliser has 4",
        ),
        (
            lambda envs: envs.load_state_dict(
                envs.state_dict() | {"rewards": envs.state_dict()["rewards"] | {"returns": [np.nan, 0]}}
            ),
            "returns must be finite, not nan",
        ),
    ],
)
def test_what_cannot_be_honoured_is_refused_and_nothing_changes(call, message):
    envs = NormalizedVecEnv(CartPoleVecEnv(2))
    envs.reset(seed=0)
    before = envs.state_dict()
    with pytest.raises(ValueError, match=message):
        call(envs)
    assert envs.state_dict() == before


def test_a_file_that_does_not_fit_is_named(tmp_path):
    path, envs = tmp_path / "statistics.safetensors", NormalizedVecEnv(CartPoleVecEnv(2))
    before = envs.state_dict()
    with pytest.raises(ValueError, match=r"statistics.safetensors does not exist"):
        envs.load(path)
    NormalizedVecEnv(vector("Pendulum-v1", 2)).save(path)
    with pytest.raises(ValueError, match=r"statistics.safetensors does not fit these environments: .* 3 features"):
        envs.load(path)
    NormalizedVecEnv(CartPoleVecEnv(2), rewards=False).save(path)
    with pytest.raises(ValueError, match="does not fit these environments: the state has no statistics of rewards"):
        envs.load(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="is truncated or corrupt"):
        envs.load(path)
    assert envs.state_dict() == before
