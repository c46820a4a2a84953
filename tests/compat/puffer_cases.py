"""Tests of OperantPufferEnv with any base class.

`test_pufferlib.py` runs them on a stand-in, `own_environment/pufferlib` on PufferLib 3.0 itself, under its pinned
Gymnasium and NumPy.
"""

import pickle
import re
import subprocess
import sys

import gymnasium
import numpy as np
import pytest

from operant.batch.batch import Batch
from operant.catalog import CATALOG, ENGINES, MULTIAGENT
from operant.compat.pufferlib import OperantPufferEnv
from operant.engines.batch import open_cpu_batch

SPECS = {**CATALOG, **MULTIAGENT}
PHYSICS = tuple({spec.header: name for name, spec in SPECS.items()}.values())  # one id for each header


def actions_for(env, random):
    space = env.single_action_space
    if isinstance(space, gymnasium.spaces.Discrete):
        return random.integers(0, space.n, env.num_agents)
    return random.uniform(space.low, space.high, (env.num_agents, *space.shape)).astype(np.float32)


def batch_of(env_id, num_envs, seed, limit):
    """The core without an adapter."""
    batch = Batch(SPECS[env_id], num_envs, autoreset="SameStep", max_episode_steps=limit)
    batch.seed(seed)
    return batch, batch.reset().observations


@pytest.mark.parametrize("env_id", PHYSICS)
def test_it_returns_its_buffers_with_the_bits_of_the_core(env_id):
    env = OperantPufferEnv(env_id, 11, max_episode_steps=10)
    batch, first = batch_of(env_id, 11, 33, 10)
    observations, infos = env.reset(3)
    assert observations is env.observations and infos == []
    assert observations.dtype == first.dtype and observations.tobytes() == first.tobytes()
    random, ends = np.random.default_rng(0), 0
    for _ in range(50):
        actions = actions_for(env, random)
        results = env.step(actions)
        for ours, buffer in zip(results, (env.observations, env.rewards, env.terminals, env.truncations), strict=False):
            assert ours is buffer
        for ours, expected in zip(results[:4], batch.step(actions)[:4], strict=True):
            assert (ours.dtype, ours.tobytes()) == (expected.dtype, expected.tobytes())
        ends += (results[2] | results[3]).sum()
    assert ends >= 22
    assert env.rewards.dtype == np.float32 and env.terminals.dtype == bool and env.masks.all()


def test_mujocos_tasks_write_into_the_buffers_in_float32():
    env = OperantPufferEnv("HalfCheetah-v4", 3, max_episode_steps=10)
    batch = open_cpu_batch(ENGINES["HalfCheetah-v4"], 3, autoreset="SameStep", max_episode_steps=10)
    batch.seed(3)
    expected = batch.reset().observations
    assert env.reset(1)[0].dtype == np.float32 and (env.observations == expected.astype(np.float32)).all()
    random, ends = np.random.default_rng(0), 0
    for _ in range(25):
        actions = random.uniform(-1, 1, (3, 6)).astype(np.float32)
        env.step(actions)
        observations, rewards, _, truncated, _ = batch.step(actions)
        assert (env.observations == observations.astype(np.float32)).all()
        assert (env.rewards == rewards.astype(np.float32)).all() and (env.truncations == truncated).all()
        ends += truncated.sum()
    assert ends == 6


def test_several_agents_are_rows_that_follow_each_other():
    env = OperantPufferEnv("simple_spread-v3", 6, N=4, report_interval=25)
    assert (env.num_agents, env.single_observation_space.shape) == (24, (24,))
    observations = env.reset(1)[0].reshape(6, 4, 24)
    assert (observations[:, :, :2] == 0).all()  # velocities
    positions = observations[:, :, 2:4]
    others = observations[:, 0, 12:18].reshape(6, 3, 2)
    assert np.allclose(others, positions[:, 1:] - positions[:, :1], atol=1e-6)  # differences of float32
    for _ in range(25):
        infos = env.step(np.zeros(24, np.int32))[4]
    assert env.truncations.all() and infos[0]["n"] == 24 and infos[0]["episode_length"] == 25


def test_an_episode_that_ended_is_followed_by_the_next_in_the_same_step():
    env = OperantPufferEnv("CartPole-v1", 64)
    env.reset(0)
    for _ in range(40):
        observations, rewards, terminals, truncations, _ = env.step(np.ones(64, np.int32))
        assert (rewards == 1).all() and not truncations.any()
        assert (np.abs(observations[terminals]) <= 0.05).all()  # a fresh CartPole
        if terminals.any():
            return
    pytest.fail("pushing right for 40 steps lets every pole fall")


def test_it_writes_only_into_its_own_part_of_a_larger_buffer():
    whole = {
        "observations": np.full((12, 4), 7, np.float32),
        "rewards": np.full(12, 7, np.float32),
        "terminals": np.ones(12, bool),
        "truncations": np.ones(12, bool),
        "masks": np.ones(12, bool),
        "actions": np.zeros(12, np.int32),
    }
    env = OperantPufferEnv("CartPole-v1", 5, buf={name: array[3:8] for name, array in whole.items()}, seed=0)
    alone = OperantPufferEnv("CartPole-v1", 5, seed=0)
    env.reset()
    alone.reset()
    for _ in range(30):
        env.step(np.ones(5, np.int32))
        alone.step(np.ones(5, np.int64))
        for name in ("observations", "rewards", "terminals", "truncations"):
            assert whole[name][3:8].tobytes() == getattr(alone, name).tobytes()
    others = np.r_[0:3, 8:12]
    assert (whole["observations"][others] == 7).all() and (whole["rewards"][others] == 7).all()
    assert whole["terminals"][others].all() and whole["truncations"][others].all()


def test_a_buffer_that_the_core_cannot_write_into_is_refused():
    buf = {
        "observations": np.zeros((5, 4)),
        "rewards": np.zeros(5, np.float32),
        "terminals": np.zeros(5, bool),
        "truncations": np.zeros(5, bool),
        "masks": np.ones(5, bool),
        "actions": np.zeros(5, np.int32),
    }
    with pytest.raises(ValueError, match=r"observations must be an array float32 \(5, 4\), not float64 \(5, 4\)"):
        OperantPufferEnv("CartPole-v1", 5, buf=buf)


def test_seeds_that_follow_each_other_share_no_environment():
    whole = OperantPufferEnv("CartPole-v1", 12).reset(0)[0]
    parts = [OperantPufferEnv("CartPole-v1", 4).reset(seed)[0] for seed in range(3)]
    assert np.concatenate(parts).tobytes() == whole.tobytes()
    assert len(np.unique(whole, axis=0)) == 12


def test_the_first_reset_takes_the_constructors_seed_and_later_ones_go_on():
    env = OperantPufferEnv("CartPole-v1", 4, seed=5)
    first = env.reset()[0].copy()
    assert first.tobytes() == OperantPufferEnv("CartPole-v1", 4).reset(5)[0].tobytes()
    assert env.reset()[0].tobytes() != first.tobytes()
    assert env.reset(5)[0].tobytes() == first.tobytes()
    drawn = [OperantPufferEnv("CartPole-v1", 4, seed=None).reset()[0].tobytes() for _ in range(2)]
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize("env_id", PHYSICS)
def test_a_report_averages_the_episodes_that_ended_since_the_last(env_id):
    env = OperantPufferEnv(env_id, 16, report_interval=30, max_episode_steps=37)
    env.reset(1)
    random = np.random.default_rng(1)
    returns, lengths = np.zeros(env.num_agents), np.zeros(env.num_agents, int)
    ended_returns, ended_lengths, reports = [], [], 0
    for step in range(1, 301):
        _, rewards, terminals, truncations, infos = env.step(actions_for(env, random))
        returns, lengths = returns + rewards, lengths + 1
        done = terminals | truncations
        ended_returns += returns[done].tolist()
        ended_lengths += lengths[done].tolist()
        returns[done], lengths[done] = 0, 0
        if step % 30 or not ended_lengths:
            assert infos == []
            continue
        [report] = infos
        assert set(report) == {"episode_return", "episode_length", "n"}
        assert report["n"] == len(ended_lengths)
        assert report["episode_length"] == pytest.approx(np.mean(ended_lengths), rel=1e-12)
        assert report["episode_return"] == pytest.approx(np.mean(ended_returns), rel=1e-5)  # returns are float32
        ended_returns, ended_lengths, reports = [], [], reports + 1
    assert reports >= 5


def test_a_reset_begins_a_new_report():
    env = OperantPufferEnv("CartPole-v1", 8, report_interval=20, max_episode_steps=7)
    env.reset(0)
    for _ in range(15):
        assert env.step(np.ones(8, np.int64))[4] == []
    env.reset(0)
    infos = [env.step(np.ones(8, np.int64))[4] for _ in range(20)]
    assert infos[:19] == [[]] * 19
    assert infos[19] == [{"episode_return": 7.0, "episode_length": 7.0, "n": 16}]


def test_every_option_of_the_native_batch_works():
    env = OperantPufferEnv(
        "operant/CartPole-v1", 6, params={"gravity": 5.0}, randomize={"force": (1.0, 2.0)}, isa="scalar", workers=2,
        max_episode_steps=-1, sutton_barto_reward=True, precision="float32",
    )  # fmt: skip
    env.reset()
    for _ in range(200):
        _, rewards, terminals, truncations, _ = env.step(np.zeros(6, np.int64))
        assert (rewards == np.where(terminals, -1, 0)).all() and not truncations.any()
    for name in ("Pendulum-v1", "operant/Pendulum-v1", "operant:operant/Pendulum-v1"):
        assert OperantPufferEnv(name).single_observation_space.shape == (3,)
    assert OperantPufferEnv("Pendulum-v1", g=3.0).single_action_space.shape == (1,)


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"env_id": "CartPole-v7"}, ValueError, "unknown environment 'CartPole-v7': did you mean 'CartPole-v1'"),
        ({"num_envs": 0}, ValueError, "num_envs=0 must be from 1"),
        ({"precision": "float64"}, ValueError, "precision='float64': PufferLib's rewards are float32"),
        ({"report_interval": 0}, ValueError, "report_interval=0 must be an int of at least 1"),
        ({"report_interval": 1.5}, ValueError, "report_interval=1.5 must be an int of at least 1"),
        (
            {"autoreset_mode": "NextStep"},
            TypeError,
            "operant/CartPole-v1 got an unexpected keyword argument 'autoreset_mode'",
        ),
        ({"render_mode": "human"}, TypeError, "operant/CartPole-v1 got an unexpected keyword argument 'render_mode'"),
        ({"reprot_interval": 1}, TypeError, "did you mean 'report_interval'"),
        ({"seed": -1}, ValueError, "seed -1 must not be negative"),
        ({"params": {"gravity": -1}}, ValueError, "parameter 'gravity' = -1.0 is outside"),
    ],
)
def test_an_unsupported_option_is_refused_by_name(options, error, message):
    with pytest.raises(error, match=message):
        OperantPufferEnv(**{"env_id": "CartPole-v1"} | options)


def test_bad_actions_and_calls_out_of_turn_are_named_and_nothing_moves():
    env = OperantPufferEnv("CartPole-v1", 3)
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(np.zeros(3, np.int64))
    before = env.reset()[0].copy()
    with pytest.raises(ValueError, match="action 2 of environment 1 must be an integer in"):
        env.step(np.array([0, 2, 0], np.int32))
    with pytest.raises(ValueError, match=r"actions have shape \(4,\), but CartPole-v1 needs \(3,\)"):
        env.step(np.zeros(4, np.int32))
    with pytest.raises(ValueError, match="actions have dtype float32"):
        env.step(np.zeros(3, np.float32))
    assert env.observations.tobytes() == before.tobytes()
    env.close()
    env.close()
    with pytest.raises(gymnasium.error.ClosedEnvironmentError):
        env.step(np.zeros(3, np.int64))


def test_a_pickled_environment_goes_on_identically_in_buffers_of_its_own():
    env = OperantPufferEnv("CartPole-v1", 5, report_interval=4)
    env.reset(0)
    for _ in range(20):
        env.step(np.ones(5, np.int64))
    copy = pickle.loads(pickle.dumps(env))
    assert not np.shares_memory(copy.observations, env.observations)
    for _ in range(20):
        ours, theirs = env.step(np.zeros(5, np.int64)), copy.step(np.zeros(5, np.int64))
        assert [array.tobytes() for array in ours[:4]] == [array.tobytes() for array in theirs[:4]]
        assert ours[4] == theirs[4]
        assert copy.observations is theirs[0]


@pytest.mark.parametrize(
    "module, message",
    [
        ("None", "operant.compat.pufferlib needs PufferLib 3.0, which is not installed"),
        ("SimpleNamespace(__version__='4.0.1')", "is for PufferLib 3.x, not 4.0.1: .*operant export ENV --pufferlib"),
        ("SimpleNamespace(__version__=2.0)", "is for PufferLib 3.x, not 2.0: install pufferlib 3.0.0"),
    ],
)
def test_a_framework_that_is_missing_or_of_another_version_is_named(module, message):
    script = (
        f"import sys; from types import SimpleNamespace; sys.modules['pufferlib'] = {module}\n"
        "try:\n    import operant.compat.pufferlib\nexcept ImportError as error:\n    print(error.name, error)"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert printed.startswith("pufferlib ")
    assert re.search(message, printed)
