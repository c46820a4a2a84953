"""Compares operant.compat.sb3 with Stable-Baselines3's own DummyVecEnv of Gymnasium's environments."""

import copy
import csv
import functools
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from sb3_contrib import MaskablePPO
from snippets import run_snippets
from stable_baselines3 import A2C, DQN, PPO, SAC
from stable_baselines3.common import monitor
from stable_baselines3.common.callbacks import CheckpointCallback, EvalCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.logger import configure
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    VecFrameStack,
    VecMonitor,
    VecNormalize,
    VecVideoRecorder,
    is_vecenv_wrapped,
)

import operant.compat
from operant.catalog import CATALOG
from operant.compat.sb3 import OperantVecEnv, VectorizedVecEnv
from operant.environments.single import OperantEnv
from operant.environments.vector import OperantVectorEnv

# Short episodes, so that each environment ends several, by its time limit and, where possible, by itself.
LIMITS = {
    "CartPole-v1": 30,
    "MountainCar-v0": 40,
    "MountainCarContinuous-v0": 40,
    "Pendulum-v1": 25,
    "Acrobot-v1": 40,
    "Hopper-v5": 25,
}


pytestmark = pytest.mark.usefixtures("one_thread")


def theirs(env_id, num_envs=4, seed=1, **options):
    return make_vec_env(env_id, num_envs, seed=seed, **options)


def ours(env_id, num_envs=4, seed=1, env_kwargs=None, **options):
    """The exact build on the native batch, made in the way of an SB3 script."""
    env_kwargs = {"precision": "float64"} | (env_kwargs or {})
    return make_vec_env(
        f"operant/{env_id}", num_envs, seed=seed, vec_env_cls=OperantVecEnv, env_kwargs=env_kwargs, **options
    )


def actions(envs, count):
    """Random actions, drawn in the way of SB3's off-policy algorithms."""
    return [np.array([envs.action_space.sample() for _ in range(envs.num_envs)]) for _ in range(count)]


def same_infos(mine, other):
    """Checks that all keys and values are equal; of the time "t", which a clock measures, only the type."""
    assert isinstance(mine, list) and len(mine) == len(other)
    for a, b in zip(mine, other, strict=True):
        assert set(a) == set(b)
        assert a["TimeLimit.truncated"] is b["TimeLimit.truncated"]
        if "episode" in b:
            assert list(a["episode"]) == list(b["episode"]) == ["r", "l", "t"]
            assert [type(value) for value in a["episode"].values()] == [float, int, float]
            assert (a["episode"]["r"], a["episode"]["l"]) == (b["episode"]["r"], b["episode"]["l"])
            assert a["terminal_observation"].dtype == b["terminal_observation"].dtype
            assert a["terminal_observation"].tobytes() == b["terminal_observation"].tobytes()


def same_walk(mine, other, steps):
    """Checks that both return the same bits for some random steps; returns the number of episodes that ended."""
    assert mine.reset().tobytes() == other.reset().tobytes()
    ended = 0
    for each in actions(other, steps):
        ours_now, theirs_now = mine.step(each), other.step(each)
        for a, b in zip(ours_now[:3], theirs_now[:3], strict=True):
            assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
        same_infos(ours_now[3], theirs_now[3])
        ended += int(theirs_now[2].sum())
    return ended


# The same training, bit for bit.


def trained(algorithm, envs, steps, **options):
    """Trains; returns the final weights, and the length and return of every episode."""
    model = algorithm(
        "MlpPolicy", envs, seed=1, device="cpu", stats_window_size=10_000, **copy.deepcopy(options)
    ).learn(steps)
    weights = {name: value.numpy().tobytes() for name, value in model.policy.state_dict().items()}
    return weights, [(episode["l"], episode["r"]) for episode in model.ep_info_buffer]


ON_POLICY = {"n_steps": 64, "batch_size": 64, "n_epochs": 2}
OFF_POLICY = {"learning_starts": 64, "batch_size": 32, "buffer_size": 1000, "policy_kwargs": {"net_arch": [32, 32]}}


@pytest.mark.parametrize(
    ("algorithm", "env_id", "num_envs", "steps", "options"),
    [
        (PPO, "CartPole-v1", 8, 1024, ON_POLICY),
        (PPO, "MountainCarContinuous-v0", 4, 1024, ON_POLICY),
        (PPO, "Pendulum-v1", 4, 1024, ON_POLICY),
        (PPO, "Acrobot-v1", 4, 1024, ON_POLICY),
        (PPO, "Hopper-v5", 4, 1024, ON_POLICY),
        (A2C, "CartPole-v1", 16, 960, {}),
        (A2C, "MountainCar-v0", 4, 800, {}),
        (DQN, "CartPole-v1", 4, 800, OFF_POLICY | {"exploration_fraction": 0.5}),
        (SAC, "Pendulum-v1", 4, 400, OFF_POLICY),
    ],
    ids=lambda value: getattr(value, "__name__", value) if not isinstance(value, dict) else "",
)
def test_training_ends_with_the_weights_it_has_on_gymnasiums_environments(algorithm, env_id, num_envs, steps, options):
    limit = {"max_episode_steps": LIMITS[env_id]}
    mine = trained(algorithm, ours(env_id, num_envs, env_kwargs=limit), steps, **options)
    other = trained(algorithm, theirs(env_id, num_envs, env_kwargs=limit), steps, **options)
    assert len(other[1]) >= 12
    assert mine == other


def test_single_environments_too_end_with_gymnasiums_weights():
    exact = make_vec_env("operant/CartPole-v1", 4, seed=1, env_kwargs={"precision": "float64"})
    assert type(exact) is DummyVecEnv
    assert trained(PPO, exact, 1024, **ON_POLICY) == trained(PPO, theirs("CartPole-v1"), 1024, **ON_POLICY)


def test_the_weights_do_depend_on_the_physics():
    """Another pole gives other weights, so the tests above can fail."""
    other = ours("CartPole-v1", env_kwargs={"params": {"half_length": 0.55}})
    assert trained(PPO, ours("CartPole-v1"), 256, **ON_POLICY)[0] != trained(PPO, other, 256, **ON_POLICY)[0]


@pytest.mark.parametrize("env_id", LIMITS)
def test_observations_rewards_dones_and_infos_are_those_of_dummyvecenv(env_id):
    limit = {"max_episode_steps": LIMITS[env_id]}
    assert same_walk(ours(env_id, 3, env_kwargs=limit), theirs(env_id, 3, env_kwargs=limit), 130) >= 9


def test_scripts_need_no_change_but_the_id():
    model = PPO("MlpPolicy", "operant:operant/CartPole-v1", n_steps=64, device="cpu").learn(64)
    assert isinstance(model.get_env().envs[0].unwrapped, OperantEnv)
    envs = make_vec_env("operant/CartPole-v1", n_envs=8)
    assert type(envs) is DummyVecEnv and envs.env_is_wrapped(Monitor) == [True] * 8
    PPO("MlpPolicy", envs, n_steps=16, device="cpu").learn(128)


# What step returns.


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_returned_arrays_are_the_callers_to_keep_and_to_write(precision):
    envs = OperantVecEnv("operant/CartPole-v1", 64, precision=precision)
    kept, copies = [envs.reset()], []
    copies.append(kept[0].copy())
    for each in actions(envs, 40):
        observations, rewards, dones, _ = envs.step(each)
        assert (observations.dtype, rewards.dtype, dones.dtype) == (np.float32, np.float32, np.bool_)
        assert (rewards == 1).all()
        rewards += 0.5  # as SB3 does where an episode was truncated
        kept += [observations, rewards, dones]
        copies += [observations.copy(), rewards.copy(), dones.copy()]
    assert all(a.tobytes() == b.tobytes() for a, b in zip(kept, copies, strict=True))


def test_the_info_of_running_episodes_is_shared_and_refuses_to_be_written():
    envs = OperantVecEnv("operant/CartPole-v1", 3)
    envs.reset()
    infos = envs.step(np.zeros(3, int))[3]
    assert infos[0] is infos[2] and infos == [{"TimeLimit.truncated": False}] * 3
    for write in (
        lambda info: info.__setitem__("mine", 1),
        lambda info: info.__delitem__("TimeLimit.truncated"),
        lambda info: info.pop("TimeLimit.truncated"),
        lambda info: info.pop("mine", None),
        lambda info: info.popitem(),
        lambda info: info.clear(),
        lambda info: info.update(mine=1),
        lambda info: info.setdefault("mine", 1),
        lambda info: info.__ior__({"mine": 1}),
    ):
        with pytest.raises(TypeError, match=r"put a copy in its place, infos\[i\] = \{\*\*infos\[i\], \.\.\.\}"):
            write(infos[1])
        assert infos == [{"TimeLimit.truncated": False}] * 3
    for own in (infos[1].copy(), copy.deepcopy(infos[1]), pickle.loads(pickle.dumps(infos[1])), {**infos[1]}):
        own["mine"] = 1
    assert infos[1] == {"TimeLimit.truncated": False}


@pytest.mark.parametrize(
    "wrap",
    [VecNormalize, functools.partial(VecFrameStack, n_stack=3), lambda envs: VecFrameStack(VecNormalize(envs), 2)],
    ids=["VecNormalize", "VecFrameStack", "both"],
)
def test_wrappers_of_sb3_return_the_same_as_on_dummyvecenv(wrap):
    limit = {"max_episode_steps": 20}
    assert (
        same_walk(wrap(ours("Pendulum-v1", env_kwargs=limit)), wrap(theirs("Pendulum-v1", env_kwargs=limit)), 70) == 12
    )


def test_vecmonitor_counts_and_names_the_environment(tmp_path):
    with pytest.warns(UserWarning, match="already wrapped with a `Monitor`"):
        envs = VecMonitor(OperantVecEnv("operant/Pendulum-v1", 3, max_episode_steps=10), str(tmp_path / "log"))
    envs.reset()
    for each in actions(envs, 10):
        infos = envs.step(each)[3]
    envs.close()
    assert [info["episode"]["l"] for info in infos] == [10, 10, 10]
    assert '"env_id": "operant/Pendulum-v1"' in (tmp_path / "log.monitor.csv").read_text()


# Monitor.


def test_all_environments_write_monitors_file(tmp_path):
    walks = {}
    for name, make in (("ours", ours), ("theirs", theirs)):
        envs = make("CartPole-v1", 4, monitor_dir=str(tmp_path / name))
        envs.action_space.seed(0)
        envs.reset()
        for each in actions(envs, 100):
            envs.step(each)
        envs.close()
        walks[name] = []
        for path in monitor.get_monitor_files(str(tmp_path / name)):
            header, *table = Path(path).read_text().splitlines()
            assert header.startswith('#{"t_start": ')
            walks[name] += [(row["r"], row["l"]) for row in csv.DictReader(table)]
    assert os.listdir(tmp_path / "ours") == ["0.monitor.csv"]
    assert len(walks["theirs"]) >= 12
    assert sorted(walks["ours"]) == sorted(walks["theirs"])


def test_monitors_options_are_honoured_or_refused_by_name(tmp_path):
    envs = ours("CartPole-v1", monitor_kwargs={"allow_early_resets": False})
    envs.reset()
    with pytest.raises(RuntimeError, match="allow_early_resets=True"):
        envs.reset()
    path = tmp_path / "0.monitor.csv"
    path.write_text("# before\n")
    ours("CartPole-v1", monitor_dir=str(tmp_path), monitor_kwargs={"override_existing": False}).close()
    assert path.read_text() == "# before\n"
    for name in ("info_keywords", "reset_keywords"):
        with pytest.raises(ValueError, match=rf"closure 0 has Monitor's {name}=\('is_success',\)"):
            ours("CartPole-v1", monitor_kwargs={name: ("is_success",)})


# Training with callbacks, evaluating, saving.


class Balance:
    """A controller with SB3's `predict` that balances CartPole for some 40 steps."""

    def predict(self, observations, **_):
        return (observations[:, 2] > 0).astype(np.int64), None


def test_evaluate_policy_returns_the_same_as_on_dummyvecenv_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        options = {"n_eval_episodes": 10, "return_episode_rewards": True}
        mine = evaluate_policy(Balance(), ours("CartPole-v1"), **options)
    assert mine == evaluate_policy(Balance(), theirs("CartPole-v1"), **options)
    assert len(set(mine[0])) > 3


def test_callbacks_logging_saving_and_loading(tmp_path):
    envs = OperantVecEnv("operant/CartPole-v1", 8)
    callbacks = [
        EvalCallback(
            OperantVecEnv("operant/CartPole-v1", 5), best_model_save_path=str(tmp_path), eval_freq=32, verbose=0
        ),
        CheckpointCallback(save_freq=32, save_path=str(tmp_path), name_prefix="ppo"),
    ]
    model = PPO("MlpPolicy", envs, n_steps=32, device="cpu")
    model.set_logger(configure(str(tmp_path), ["csv"]))
    model.learn(512, callback=callbacks)
    *_, last = csv.DictReader((tmp_path / "progress.csv").read_text().splitlines())
    assert 8 < float(last["rollout/ep_rew_mean"]) == float(last["rollout/ep_len_mean"]) < 100
    assert callbacks[0].last_mean_reward >= 8
    assert {"best_model.zip", "ppo_256_steps.zip", "ppo_512_steps.zip"} <= {*os.listdir(tmp_path)}
    model.save(tmp_path / "model")
    loaded = PPO.load(tmp_path / "model", env=OperantVecEnv("operant/CartPole-v1", 8), device="cpu")
    observations = envs.reset()
    assert (
        loaded.predict(observations, deterministic=True)[0] == model.predict(observations, deterministic=True)[0]
    ).all()
    loaded.learn(256)


def test_copies_and_pickles_continue_like_the_original():
    envs = OperantVecEnv("operant/CartPole-v1", 5)
    envs.seed(3)
    envs.reset()
    before, after = actions(envs, 15), actions(envs, 15)
    for each in before:
        envs.step(each)
    others = [copy.deepcopy(envs), pickle.loads(pickle.dumps(envs))]
    for each in after:
        observations = envs.step(each)[0]
        assert all(other.step(each)[0].tobytes() == observations.tobytes() for other in others)


# Seeds and options of the next reset.


@pytest.mark.parametrize("kind", [OperantVecEnv, VectorizedVecEnv])
def test_a_seed_that_cannot_be_is_named(kind):
    envs = kind("operant/CartPole-v1" if kind is OperantVecEnv else "CartPole-v1", 2)
    for seed, error, says in (("a", TypeError, "seed 'a' must be an int"), (-1, ValueError, "seed -1 must not be neg")):
        with pytest.raises(error, match=says):
            envs.seed(seed)
    assert envs.seed(np.int64(3)) == [3, 4]
    envs.close()


def test_seeds_hold_for_the_next_reset_and_go_up_from_environment_to_environment():
    mine, other = ours("CartPole-v1", 3, seed=None), theirs("CartPole-v1", 3, seed=None)
    assert mine.seed(7) == other.seed(7) == [7, 8, 9]
    assert mine.reset().tobytes() == other.reset().tobytes()
    assert mine.reset().tobytes() == other.reset().tobytes()  # the generators continue
    np.random.seed(0)
    drawn = mine.seed(None)
    np.random.seed(0)
    assert other.seed(None) == drawn
    assert mine.reset().tobytes() == other.reset().tobytes()
    mine._seeds[:] = other._seeds[:] = [5, None, 2]  # some of SB3's own callers set them one by one
    assert mine.reset().tobytes() == other.reset().tobytes()


def test_options_hold_for_the_next_reset_and_must_be_the_same_everywhere():
    mine, other = ours("CartPole-v1", 3), theirs("CartPole-v1", 3)
    for envs in (mine, other):
        envs.set_options({"low": -0.01, "high": 0.0})
    first = mine.reset()
    assert first.tobytes() == other.reset().tobytes() and first.max() <= 0
    assert mine.reset().tobytes() == other.reset().tobytes()
    for wrong in ([{"low": -0.01}, {"low": -0.01}, {"low": -0.02}], [{"low": -0.01}], []):
        mine.set_options(wrong)
        with pytest.raises(ValueError, match=r"same options"):
            mine.reset()
    mine.set_options({"lo": -0.01})
    with pytest.raises(ValueError, match=r"unknown reset option of CartPole-v1 'lo': did you mean 'low'"):
        mine.reset()


# Attributes and methods.


def test_physical_parameters_are_read_and_set_by_our_names_and_by_gymnasiums():
    envs = OperantVecEnv("operant/CartPole-v1", 4, precision="float64", max_episode_steps=50)
    assert envs.get_attr("half_length") == envs.get_attr("length") == [0.5] * 4
    envs.set_attr("length", 0.75, indices=[1, 3])
    envs.set_attr("gravity", 3.7)
    envs.set_attr("force_mag", 8.0, indices=2)
    assert envs.get_attr("half_length") == [0.5, 0.75, 0.5, 0.75]
    assert envs.get_attr("gravity", indices=2) == [3.7]
    assert envs.get_attr("force", [3, 2]) == [10.0, 8.0]
    envs.set_attr("gravity", [1.0, 2.0, 3.0, 4.0])
    assert envs.get_attr("gravity") == [1.0, 2.0, 3.0, 4.0]
    assert OperantVecEnv("operant/Pendulum-v1", 2, g=3.0).get_attr("g") == [3.0, 3.0]


def test_a_parameter_that_is_set_moves_the_environment_as_gymnasiums_attribute_does():
    envs = OperantVecEnv("operant/CartPole-v1", 2, precision="float64")
    envs.seed(4)
    envs.reset()
    envs.set_attr("gravity", 1.6, indices=[1])
    for index, gravity in enumerate((9.8, 1.6)):
        judge = gym.make("CartPole-v1").unwrapped
        judge.gravity = gravity
        judge.reset(seed=4 + index)
        envs.seed(4)
        envs.reset()
        for action in (0, 1, 1, 0, 1):
            assert envs.step(np.full(2, action))[0][index].tobytes() == judge.step(action)[0].tobytes()


def test_shared_attributes_can_be_read():
    envs = ours("CartPole-v1", 3)
    assert envs.get_attr("render_mode") == ["rgb_array"] * 3 and envs.render_mode == "rgb_array"
    assert envs.get_attr("action_space", [1]) == [gym.spaces.Discrete(2)]
    assert envs.get_attr("observation_space")[0] == envs.observation_space
    assert [spec.id for spec in envs.get_attr("spec", 0)] == ["operant/CartPole-v1"]
    assert envs.get_attr("metadata")[0]["render_fps"] == 50
    assert envs.has_attr("gravity") and not envs.has_attr("action_masks")


def test_unknown_attributes_and_methods_are_refused_by_name():
    envs = OperantVecEnv("operant/CartPole-v1", 2, randomize={"gravity": (8.0, 12.0)})
    with pytest.raises(AttributeError, match=r"unknown attribute 'lenght': did you mean 'length'\?"):
        envs.get_attr("lenght")
    with pytest.raises(AttributeError, match="unknown attribute 'player'"):
        envs.set_attr("player", 0.0)
    with pytest.raises(ValueError, match=r"set_attr\('gravity'\): it is randomised for every episode"):
        envs.set_attr("gravity", 9.0)
    with pytest.raises(ValueError, match=r"parameter 'half_length' = -1.0 is outside \[0.001, 1000\]"):
        envs.set_attr("length", -1.0)
    with pytest.raises(AttributeError, match="unknown attribute 'get_episode_rewards'"):
        envs.env_method("get_episode_rewards")


def test_attributes_and_methods_of_gymnasiums_class_are_those_of_each_environment():
    envs = OperantVecEnv("operant/Taxi-v4", 3)
    observations = envs.reset()
    assert envs.get_attr("s") == observations.tolist()
    assert envs.env_method("decode", 123, indices=[0, 2]) == [(1, 1, 0, 3)] * 2
    envs.set_attr("s", 44, indices=1)
    assert envs.get_attr("s") == [observations[0], 44, observations[2]]
    assert envs.has_attr("action_masks") and envs.has_attr("P") and not envs.has_attr("gravity")
    masks = np.array(CATALOG["Taxi-v4"].action_masks)
    assert np.array_equal(envs.env_method("action_masks"), masks[envs.get_attr("s")])
    assert np.array_equal(envs.env_method("action_masks", indices=[1]), masks[[44]])


@pytest.mark.parametrize("vec_env_cls", [None, OperantVecEnv], ids=["single", "batch"])
def test_sb3_contribs_maskable_ppo_takes_no_masked_action_on_taxi(vec_env_cls):
    envs = make_vec_env("operant/Taxi-v4", 2, seed=0, vec_env_cls=vec_env_cls)
    model = MaskablePPO("MlpPolicy", envs, n_steps=32, batch_size=32, n_epochs=1, seed=0, device="cpu")
    model.learn(64)
    buffer = model.rollout_buffer
    masks = np.array(CATALOG["Taxi-v4"].action_masks)
    assert masks[buffer.observations.astype(int).ravel(), buffer.actions.astype(int).ravel()].all()
    single = gym.make("operant/Taxi-v4")
    observation, info = single.reset(seed=0)
    action, _ = model.predict(observation, action_masks=single.unwrapped.action_masks())
    assert info["action_mask"][int(action)] == 1


def test_agents_of_one_environment_share_a_parameter():
    envs = OperantVecEnv("operant/simple_spread-v3", 2, precision="float64")
    assert (envs.num_envs, envs.get_attr("local_ratio")) == (6, [0.5] * 6)
    envs.set_attr("local_ratio", [0.25, 0.75])
    assert envs.get_attr("local_ratio") == [0.25] * 3 + [0.75] * 3
    envs.set_attr("local_ratio", 0.5, indices=[-1])
    assert envs.get_attr("local_ratio", indices=[0, 3, 4]) == [0.25, 0.5, 0.5]
    before = envs.get_attr("local_ratio")
    envs.set_attr("local_ratio", 0.0)
    envs.set_attr("local_ratio", before)
    assert envs.get_attr("local_ratio") == before
    for value, indices, error, message in (
        ([0.1, 0.1, 0.2, 0.5, 0.5, 0.5], None, ValueError, r"indices \[0, 1, 2\] are agents of one environment"),
        ([0.1, 0.2], [5, 4], ValueError, r"indices \[5, 4\] are agents of one environment"),
        ([0.1] * 3, None, ValueError, r"an array of shape \(3,\): give a number, or one for each of 6 indices"),
        ([0.1] * 3, [0, 1], ValueError, r"an array of shape \(3,\): .* each of 2 indices"),
        ([0.1, 7.0], [0, 4], ValueError, r"at index 4: parameter 'local_ratio' = 7\.0 is outside \[0, 1\]"),
        ([0.1, float("nan")], [0, 4], ValueError, r"at index 4: parameter 'local_ratio' = nan is outside"),
        ("half", None, ValueError, "'half' must be a number"),
        (0.1, [1, 6], IndexError, "index 6 is not from 0 to 5"),
        (0.1, [-7], IndexError, "index -7 is not from 0 to 5"),
        (0.1, np.array([True] * 6), TypeError, "indices must be numbers of environments, not"),
    ):
        with pytest.raises(error, match=rf"set_attr\('local_ratio'\).*{message}"):
            envs.set_attr("local_ratio", value, indices)
        assert envs.get_attr("local_ratio") == before
    with pytest.raises(IndexError, match=r"get_attr\('local_ratio'\): index 6 is not from 0 to 5"):
        envs.get_attr("local_ratio", 6)


def test_only_monitor_is_built_in():
    envs = OperantVecEnv("operant/CartPole-v1", 3)
    assert envs.env_is_wrapped(Monitor) == [True] * 3
    assert envs.env_is_wrapped(Monitor, indices=1) == [True]
    assert envs.env_is_wrapped(gym.wrappers.RescaleAction, indices=[0, 2]) == [False, False]
    assert not is_vecenv_wrapped(envs, VecNormalize)


# Pictures.


def test_frames_are_gymnasiums():
    mine, other = ours("Pendulum-v1", 3), theirs("Pendulum-v1", 3)
    mine.reset(), other.reset()
    push = np.full((3, 1), 1.5, np.float32)
    mine.step(push), other.step(push)
    for frame, expected in zip(mine.get_images(), other.get_images(), strict=True):
        assert (frame == expected).all()
    assert (mine.render() == other.render()).all()


def test_env_method_renders_what_it_is_asked_for():
    mine, other = ours("Pendulum-v1", 3), theirs("Pendulum-v1", 3)
    mine.reset(), other.reset()
    for indices in (None, 1, [2, 0], [-1], []):
        frames, expected = mine.env_method("render", indices=indices), other.env_method("render", indices=indices)
        assert len(frames) == len(expected)
        assert all((frame == frame_expected).all() for frame, frame_expected in zip(frames, expected, strict=True))
    for arguments, options in (((1,), {}), ((), {"mode": "human"})):
        with pytest.raises(TypeError, match=r"env_method\('render'\) takes no arguments, not \[(1|'mode')\]"):
            mine.env_method("render", *arguments, **options)
    with pytest.raises(IndexError, match=r"env_method\('render'\): index 3 is not from 0 to 2"):
        mine.env_method("render", indices=[0, 3])
    few = OperantVecEnv("operant/CartPole-v1", 5, render_mode="rgb_array", render_envs=2)
    few.reset()
    assert len(few.env_method("render", indices=[1])) == 1
    with pytest.raises(ValueError, match=r"only the first 2 environments are drawn, not 4: .* render_envs=5"):
        few.env_method("render")


def test_agents_of_an_environment_share_its_frame():
    envs = OperantVecEnv("operant/simple_spread-v3", 2, render_mode="rgb_array")
    envs.reset()
    images, frames = envs.get_images(), envs.env_method("render", indices=[0, 2, 3, 5])
    assert len(images) == 2
    assert all((frame == images[i]).all() for frame, i in zip(frames, (0, 0, 1, 1), strict=True))


def test_vecvideorecorder_records_a_film(tmp_path):
    envs = VecVideoRecorder(ours("CartPole-v1", 2), str(tmp_path), lambda step: step == 0, video_length=5)
    envs.reset()
    for each in actions(envs, 8):
        envs.step(each)
    envs.close()
    (film,) = tmp_path.glob("*.mp4")
    assert film.stat().st_size > 1000


def test_without_a_render_mode_there_are_no_images_and_a_warning_says_so():
    envs = OperantVecEnv("operant/CartPole-v1", 2)
    envs.reset()
    with pytest.warns(UserWarning, match='render_mode="rgb_array"'):
        assert envs.get_images() == [None, None]
    with pytest.warns(UserWarning, match="no `render_mode` was passed"):
        assert envs.render() is None


def test_human_mode_shows_every_step(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    envs = OperantVecEnv("operant/CartPole-v1", 2, render_mode="human")
    shown = []
    monkeypatch.setattr("operant.environments.rendering.Window.append", lambda window, frame: shown.append(frame))
    envs.reset()
    envs.step(np.zeros(2, int))
    assert envs.render() is None
    assert [picture.shape for picture in shown] == [(400, 1200, 3)] * 3


# The sources it can be made from.


def test_every_option_of_the_vector_environment_is_taken():
    options = {"params": {"gravity": [9.0, 10.0]}, "workers": 2, "precision": "float64", "max_episode_steps": 7}
    envs = OperantVecEnv("operant/CartPole-v1", 2, **options, render_mode="rgb_array", render_envs=1, isa="exact")
    envs.reset()
    assert envs.get_attr("gravity") == [9.0, 10.0] and len(envs.get_images()) == 1
    for each in np.resize([0, 1], (7, 1)).repeat(2, axis=1):
        dones, infos = envs.step(each)[2:]
    assert dones.all() and infos[1]["TimeLimit.truncated"]
    randomized = OperantVecEnv("CartPole-v1", 2, randomize={"gravity": (1.0, 2.0)})
    randomized.reset()
    assert all(1 <= gravity < 2 for gravity in randomized.get_attr("gravity"))
    for name in ("Acrobot-v1", "operant/Acrobot-v1", "operant:operant/Acrobot-v1"):
        assert OperantVecEnv(name).spec.id == "operant/Acrobot-v1"
    assert OperantVecEnv("simple_spread_v3", 2).spec.id == "operant/simple_spread-v3"


def test_closures_are_taken_as_dummyvecenv_takes_them():
    envs = OperantVecEnv([lambda: gym.make("operant/CartPole-v1", precision="float64", max_episode_steps=9)] * 3)
    other = DummyVecEnv([lambda: Monitor(gym.make("CartPole-v1", max_episode_steps=9))] * 3)
    envs.seed(2), other.seed(2)
    assert same_walk(envs, other, 60) >= 18


def test_options_of_the_batch_come_through_vec_env_kwargs():
    envs = ours("CartPole-v1", 64, vec_env_kwargs={"workers": 2, "randomize": {"force": (9.0, 11.0)}})
    assert envs.vector_env.batch.workers == 2
    with pytest.raises(TypeError, match=r"\['precision'\] are given both"):
        ours("CartPole-v1", vec_env_kwargs={"precision": "float32"})


def test_for_an_id_only_the_first_environment_is_made(monkeypatch, tmp_path):
    made = []
    monkeypatch.setattr(OperantEnv, "close", lambda env: made.append(env))
    assert ours("CartPole-v1", 100, monitor_dir=str(tmp_path)).num_envs == 100
    assert len(made) == 1
    del made[:]
    make_vec_env(lambda: gym.make("operant/CartPole-v1"), 5, vec_env_cls=OperantVecEnv)
    assert len(made) == 5


def test_a_vector_environment_is_taken_as_it_is():
    vector_env = gym.make_vec("operant/CartPole-v1", 3, autoreset_mode="SameStep", precision="float64")
    envs = OperantVecEnv(vector_env)
    envs.seed(1)
    assert envs.vector_env is vector_env
    assert same_walk(envs, theirs("CartPole-v1", 3), 60) > 3


class Shaped(gym.RewardWrapper):
    def reward(self, reward):
        return 2 * reward


def plain(**options):
    return gym.make("operant/CartPole-v1", **options)


def closed():
    envs = OperantVectorEnv("CartPole-v1", 2, autoreset_mode="SameStep")
    envs.close()
    return envs


def varying():
    """A function that makes environments, the third of which differs."""
    lengths = iter([0.5, 0.5, 0.6])
    return lambda: plain(params={"half_length": next(lengths)})


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (lambda: ours("CartPole-v1", wrapper_class=Shaped), ValueError, r"closure 0 wraps .* in test_sb3.Shaped"),
        (
            lambda: OperantVecEnv([plain, lambda: Shaped(plain())]),
            ValueError,
            r"closure 1 wraps .* in test_sb3.Shaped",
        ),
        (
            lambda: OperantVecEnv([plain, functools.partial(plain, precision="float64")]),
            ValueError,
            r"closure 1 makes precision='float64', closure 0 precision=None",
        ),
        (
            lambda: OperantVecEnv([plain, lambda: gym.make("operant/Acrobot-v1")]),
            ValueError,
            r"closure 1 makes env_id='Acrobot-v1', closure 0 env_id='CartPole-v1'",
        ),
        (
            lambda: OperantVecEnv([plain, lambda: plain(max_episode_steps=9)]),
            ValueError,
            r"closure 1 makes max_episode_steps=9, closure 0 max_episode_steps=500",
        ),
        (
            lambda: make_vec_env(varying(), 3, vec_env_cls=OperantVecEnv),
            ValueError,
            r"closure 2 makes params={'half_length': 0.6}.*OperantVecEnv\(id, n, params=",
        ),
        (
            lambda: OperantVecEnv([plain, lambda: Monitor(plain(), allow_early_resets=False)]),
            ValueError,
            "closure 1 makes allow_early_resets=False",
        ),
        (
            lambda: make_vec_env("CartPole-v1", 2, vec_env_cls=OperantVecEnv),
            ValueError,
            "closure 0 makes <CartPoleEnv<CartPole-v1>>, which is not operant's: name an id such as operant/Cart",
        ),
        (lambda: OperantVecEnv([lambda: OperantEnv("CartPole-v1")]), ValueError, "make it with gymnasium.make"),
        (lambda: OperantVecEnv([]), ValueError, "at least one"),
        (lambda: OperantVecEnv([plain()]), TypeError, "takes an id, a list of functions .*, not .*OperantEnv"),
        (lambda: OperantVecEnv(plain), TypeError, "takes an id, a list of functions .*, not <function plain"),
        (lambda: OperantVecEnv(theirs("CartPole-v1", 2)), TypeError, "takes an id, .*, not .*DummyVecEnv"),
        (lambda: OperantVecEnv([lambda: None]), TypeError, "closure 0 makes None, which is not an environment"),
        (lambda: OperantVecEnv("gymnasium:CartPole-v1", 2), ValueError, "not one of operant's: name an id such as"),
        (lambda: OperantVecEnv("Ant-v3", 2), ValueError, "Ant-v3 is not one of operant's: name an id such as"),
        (lambda: OperantVecEnv([plain], 4), TypeError, "num_envs=4 is given with closures"),
        (lambda: OperantVecEnv(OperantVectorEnv("CartPole-v1", 2)), ValueError, "autoreset_mode='SameStep'"),
        (lambda: OperantVecEnv("operant/CartPole-v1", 2, autoreset_mode="Disabled"), ValueError, "'SameStep'"),
        (lambda: OperantVecEnv("operant/CartPole-v1", 2, copy=False), ValueError, "copy=False: .* copy=True"),
        (
            lambda: OperantVecEnv(OperantVectorEnv("CartPole-v1", 2, autoreset_mode="SameStep"), workers=2),
            TypeError,
            "^workers cannot be changed in a vector environment: set them where it is made",
        ),
        (
            lambda: OperantVecEnv(OperantVectorEnv("CartPole-v1", 2, autoreset_mode="SameStep"), 3, workers=2),
            TypeError,
            "^num_envs, workers cannot be changed",
        ),
        (
            lambda: OperantVecEnv(gym.make_vec("CartPole-v1", 2)),
            TypeError,
            "is a CartPoleVectorEnv, not an OperantVectorEnv: name an id such as operant/CartPole-v1",
        ),
        (lambda: OperantVecEnv(closed()), ValueError, "is closed: make a new one"),
        (
            lambda: make_vec_env("operant/simple_spread-v3", 5, vec_env_cls=OperantVecEnv),
            ValueError,
            r"operant/simple_spread-v3 has several agents: OperantVecEnv\(\"operant/simple_spread-v3\", 5\) has a row",
        ),
        (
            lambda: OperantVecEnv([plain, lambda: gym.make("operant/simple_tag-v3")]),
            ValueError,
            r"closure 1 makes a single environment, but operant/simple_tag-v3 .* OperantVecEnv\(.*, 2\) has",
        ),
        (
            lambda: OperantVecEnv(gym.wrappers.vector.RecordEpisodeStatistics(gym.make_vec("operant/CartPole-v1", 2))),
            TypeError,
            "is a RecordEpisodeStatistics around an OperantVectorEnv: give OperantVecEnv the inner one",
        ),
        (lambda: OperantVecEnv("operant/CartPole-v1", 2, precison="float64"), TypeError, "did you mean 'precision'"),
        (lambda: OperantVecEnv("operant/CartPole-v1", 0), ValueError, "num_envs=0 must be from 1"),
        (lambda: OperantVecEnv("operant/CartPol-v1", 2), gym.error.NameNotFound, "CartPol"),
        (lambda: OperantVecEnv("MountainCa-v0", 2), gym.error.NameNotFound, "MountainCa"),
    ],
)
def test_an_unsuitable_source_is_refused_by_name(source, error, message):
    with pytest.raises(error, match=message):
        source()


def test_misuse_is_refused_and_closing_twice_is_not():
    envs = OperantVecEnv("operant/CartPole-v1", 2)
    with pytest.raises(gym.error.ResetNeeded):
        envs.step(np.zeros(2, int))
    envs.reset()
    with pytest.raises(ValueError, match="action 2 of environment 1"):
        envs.step(np.array([0, 2]))
    envs.close()
    envs.close()
    with pytest.raises(gym.error.ClosedEnvironmentError):
        envs.step(np.zeros(2, int))


# The framework itself.


def importing(prelude):
    """The output of importing the adapter in a fresh interpreter, after a prelude."""
    script = f"import sys\n{prelude}\nfrom operant.compat.sb3 import OperantVecEnv"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode
    return done.stderr.splitlines()[-1]


def test_a_missing_framework_is_named_with_the_extra_that_installs_it():
    assert importing("sys.modules['stable_baselines3'] = None") == (
        "ImportError: operant.compat.sb3 needs stable_baselines3, which is not installed: pip install 'operant[sb3]'"
    )


def test_an_old_framework_is_named_with_its_version():
    prelude = (
        "import types\nold = sys.modules['stable_baselines3'] = types.ModuleType('sb3')\nold.__version__ = '2.6.1a0'"
    )
    assert importing(prelude) == (
        "ImportError: operant.compat.sb3 needs stable_baselines3 2.7 or newer, not 2.6.1a0: "
        "pip install -U 'operant[sb3]'"
    )


def test_the_snippets_of_the_documentation_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_snippets("Stable-Baselines3")


def test_a_gymnasium_without_autoreset_modes_is_named_with_its_version():
    old = "del gymnasium.vector.AutoresetMode\ngymnasium.__version__ = '1.0.0'"
    prelude = f"import gymnasium.vector, stable_baselines3\n{old}"
    assert importing(prelude).startswith(
        "ImportError: operant's vector environments need gymnasium 1.1 or newer, not 1.0.0: upgrade gymnasium"
    )


def test_a_new_release_is_not_taken_for_an_old_one():
    assert operant.compat._minor("2.10.0") > operant.compat._minor("2.7")
