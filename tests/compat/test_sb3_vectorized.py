"""VectorizedVecEnv returns what DummyVecEnv and SubprocVecEnv of Stable-Baselines3 return."""

import csv
import functools
import warnings
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.error import ClosedEnvironmentError
from python_environments import ChangingInfos, Counter, Image, Integers, ManyInfos, Raising, assert_same
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor, get_monitor_files
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecFrameStack, VecNormalize

from operant.compat.sb3 import PPO as CorePPO
from operant.compat.sb3 import VectorizedVecEnv


class Parts(Counter):
    """Observes a dict."""

    def __init__(self, render_mode=None):
        super().__init__(render_mode)
        self.observation_space = spaces.Dict(
            z=spaces.Box(-1, 1, (3,), np.float32), image=spaces.Box(0, 255, (4, 4, 1), np.uint8), n=spaces.Discrete(9)
        )

    def observe(self):
        draw = self.np_random
        image = np.full((4, 4, 1), self.steps, np.uint8)
        return {"z": draw.uniform(-1, 1, 3).astype(np.float32), "image": image, "n": self.steps}


class Continuous(Counter):
    """Acts with numbers; its observation is always the same array, which it changes."""

    def __init__(self, render_mode=None):
        super().__init__(render_mode)
        self.action_space = spaces.Box(-1, 1, (2,), np.float32)
        self.array = np.zeros(2, np.float32)

    def observe(self):
        self.array[:] = self.steps, self.length
        return self.array

    def step(self, action):
        return super().step(action.sum())


TAXI = max(name for name in gym.registry if name.startswith("Taxi-v"))
OWN = (Parts, Continuous, ManyInfos, ChangingInfos, Integers, Image)
MAKES = {"CartPole-v1": "CartPole-v1", "Pendulum-v1": "Pendulum-v1", TAXI: TAXI} | {each.__name__: each for each in OWN}
LIMITS = {"Pendulum-v1": {"max_episode_steps": 15}, TAXI: {"max_episode_steps": 15}}


pytestmark = pytest.mark.usefixtures("one_thread")


def vectorized(workers, **options):
    return functools.partial(VectorizedVecEnv, workers=workers, **options)


def ours(env, n=4, workers=2, seed=1, context="fork", **options):
    return make_vec_env(env, n, seed=seed, vec_env_cls=vectorized(workers, context=context), **options)


def theirs(env, n=4, judge=DummyVecEnv, seed=1, **options):
    how = {"start_method": "fork"} if judge is SubprocVecEnv else {}
    return make_vec_env(env, n, seed=seed, vec_env_cls=judge, vec_env_kwargs=how, **options)


def plain(value):
    """Without the time "t" of episodes, which a clock measures, and without the type of dicts and lists of infos."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items() if key != "t"}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def same_walk(mine, other, steps, after=None):
    """Checks that both return the same for some random steps; returns the number of episodes that ended."""
    assert_same(plain(mine.reset()), plain(other.reset()), "reset")
    assert_same(plain(mine.reset_infos), plain(other.reset_infos), "reset infos")
    ended = 0
    for step in range(steps):
        actions = np.array([other.action_space.sample() for _ in range(other.num_envs)])
        observations, rewards, dones, infos = mine.step(actions)
        expected = other.step(actions)
        assert_same(plain(observations), plain(expected[0]), f"observations {step}")
        assert_same(rewards, expected[1].astype(np.float32), f"rewards {step}")
        assert_same(dones, expected[2], f"dones {step}")
        assert isinstance(infos, list)
        assert_same(plain(infos), plain(expected[3]), f"infos {step}")
        assert_same(plain(mine.reset_infos), plain(other.reset_infos), f"reset infos {step}")
        ended += int(dones.sum())
    return ended


@pytest.mark.parametrize("judge", [DummyVecEnv, SubprocVecEnv])
@pytest.mark.parametrize("name", MAKES)
def test_results_and_infos_are_those_of_sb3s_classes(name, judge):
    env, options = MAKES[name], {"env_kwargs": LIMITS.get(name)}
    mine, other = ours(env, **options), theirs(env, judge=judge, **options)
    assert (mine.observation_space, mine.action_space) == (other.observation_space, other.action_space)
    assert mine.render_mode == other.render_mode
    assert same_walk(mine, other, 60) >= 4
    mine.close(), other.close()


@pytest.mark.parametrize("workers, context", [(0, None), (3, "thread"), (2, "spawn"), (2, "forkserver")])
def test_every_kind_of_worker_gives_the_same(workers, context):
    mine, other = VectorizedVecEnv(ChangingInfos, 3, workers, context=context), DummyVecEnv([ChangingInfos] * 3)
    for envs in (mine, other):
        envs.seed(3)
    assert same_walk(mine, other, 40) >= 3
    mine.close()


@pytest.mark.parametrize(
    ("algorithm", "env", "options"),
    [
        (PPO, "CartPole-v1", {"n_steps": 64, "batch_size": 64, "n_epochs": 2}),
        (PPO, "Pendulum-v1", {"n_steps": 64, "batch_size": 64, "n_epochs": 2}),
        (A2C, Continuous, {}),
    ],
)
def test_training_ends_with_the_weights_it_has_on_dummyvecenv(algorithm, env, options):
    def weights(envs):
        model = algorithm("MlpPolicy", VecNormalize(envs), seed=1, device="cpu", **options).learn(600)
        episodes = [(episode["l"], episode["r"]) for episode in model.ep_info_buffer]
        return {name: value.numpy().tobytes() for name, value in model.policy.state_dict().items()}, episodes

    limit = {"env_kwargs": {"max_episode_steps": 20}} if env == "Pendulum-v1" else {}
    mine, other = weights(ours(env, **limit)), weights(theirs(env, **limit))
    assert mine == other and len(other[1]) >= 12


def test_ppo_in_the_core_trains_on_it():
    envs = ours("CartPole-v1")
    model = CorePPO("MlpPolicy", envs, n_steps=32, batch_size=64, seed=0).learn(256)
    other = CorePPO("MlpPolicy", theirs("CartPole-v1"), n_steps=32, batch_size=64, seed=0).learn(256)
    observations = envs.reset()
    assert model.predict(observations, deterministic=True)[0].tolist() == (
        other.predict(observations, deterministic=True)[0].tolist()
    )


def test_wrappers_of_sb3_and_evaluation_work_as_on_dummyvecenv():
    class Balance:
        """A controller with SB3's `predict`."""

        def predict(self, observations, **_):
            return (observations[:, 2] > 0).astype(np.int64), None

    assert same_walk(VecFrameStack(ours("CartPole-v1"), 3), VecFrameStack(theirs("CartPole-v1"), 3), 40) > 0
    options = {"n_eval_episodes": 6, "return_episode_rewards": True}
    envs = ours("CartPole-v1")  # which may warn of threads that other tests have left
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mine = evaluate_policy(Balance(), envs, **options)
    assert mine == evaluate_policy(Balance(), theirs("CartPole-v1"), **options)


def test_seeds_and_options_are_used_once_and_each_environment_has_its_own():
    mine, other = ours(Counter, 3, seed=None), theirs(Counter, 3, seed=None)
    assert mine.seed(7) == other.seed(7) == [7, 8, 9]
    for _ in range(2):
        assert_same(mine.reset(), other.reset())
    for options in ({"length": 4}, [{"length": 2}, {}, {"length": 3}]):
        for envs in (mine, other):
            envs.seed(1)
            envs.set_options(options)
        for _ in range(2):
            assert_same(mine.reset(), other.reset())
    np.random.seed(0)
    drawn = mine.seed(None)
    np.random.seed(0)
    assert other.seed(None) == drawn


class Strict(Counter):
    """Its reset knows no options, as that of many an environment that was written for Stable-Baselines3."""

    def reset(self, *, seed=None):
        return super().reset(seed=seed)


def test_environments_whose_reset_knows_no_options_work():
    assert same_walk(ours(Strict), theirs(Strict), 20) > 0


def test_attributes_and_methods_are_read_set_and_called_by_index():
    mine, other = (make(Counter, 4, env_kwargs={"render_mode": "rgb_array"}) for make in (ours, theirs))
    for envs in (mine, other):
        envs.reset()
        envs.set_attr("factor", 2.0, indices=[1, 3])
        envs.set_attr("mark", [1, 2])
        envs.set_attr("mark", "last", indices=-1) if envs is mine else envs.set_attr("mark", "last", indices=3)
    for look in (
        lambda envs: envs.get_attr("factor"),
        lambda envs: envs.get_attr("factor", [3, 0, 3]),
        lambda envs: envs.get_attr("factor", 1),
        lambda envs: envs.get_attr("mark", range(2, 4)),
        lambda envs: envs.env_method("multiply", 3.0, plus=1.0, indices=[2, 0]),
        lambda envs: envs.env_method("multiply", 2.0),
        lambda envs: envs.get_attr("render_mode"),
        lambda envs: envs.get_attr("action_space", 0),
        lambda envs: envs.env_is_wrapped(Monitor),
        lambda envs: envs.env_is_wrapped(Monitor, indices=[1]),
        lambda envs: envs.env_is_wrapped(gym.wrappers.TimeLimit, indices=0),
        lambda envs: envs.has_attr("factor"),
        lambda envs: envs.has_attr("absent"),
        lambda envs: envs.get_images(),
        lambda envs: envs.render(),
        lambda envs: envs.metadata,
    ):
        assert_same(look(mine), look(other))
    with pytest.raises(AttributeError, match="absent"):
        mine.get_attr("absent")
    with pytest.raises(KeyError, match="nothing here"):
        mine.env_method("wrong")
    with pytest.raises(IndexError, match=r"get_attr\('factor'\): index 4 is not from 0 to 3"):
        mine.get_attr("factor", [4])
    assert same_walk(mine, other, 10) >= 0  # and goes on


def test_methods_can_be_read_where_they_can_be_pickled_and_asked_for_where_they_cannot():
    envs = ours(Counter, 2)
    assert envs.has_attr("multiply")
    assert envs.get_images() == [None, None]
    with pytest.warns(UserWarning, match="no `render_mode` was passed"):
        envs.render()
    envs.close()


def test_monitor_writes_a_file_for_each_environment(tmp_path):
    rows = {}
    for name, make in (("ours", ours), ("theirs", theirs)):
        envs = make("CartPole-v1", 3, monitor_dir=str(tmp_path / name))
        envs.reset()
        for step in range(60):
            envs.step(np.full(3, step % 3 % 2))
        envs.close()
        files = sorted(get_monitor_files(str(tmp_path / name)))
        tables = [csv.DictReader(Path(file).read_text().splitlines()[1:]) for file in files]
        rows[name] = [[(row["r"], row["l"]) for row in table] for table in tables]
    assert rows["ours"] == rows["theirs"] and min(map(len, rows["ours"])) >= 1 and len(rows["ours"]) == 3


@pytest.mark.parametrize("workers", [0, 2])
def test_returned_arrays_and_infos_are_the_callers_to_keep_and_to_write(workers):
    envs = ours(Continuous, 3, workers)
    kept, copies = [envs.reset()], []
    copies.append(kept[0].copy())
    for _ in range(20):
        observations, rewards, dones, infos = envs.step(np.ones((3, 2), np.float32))
        finals = [info["terminal_observation"] for info in infos if "terminal_observation" in info]
        rewards += 0.5
        infos[0]["mine"] = 1
        assert "mine" not in infos[1]
        for each in (observations, rewards, dones, *finals):
            kept.append(each)
            copies.append(each.copy())
    assert all(a.tobytes() == b.tobytes() for a, b in zip(kept, copies, strict=True))


def test_faults_are_named_and_closed_environments_say_so():
    envs = ours(Raising)
    envs.reset()
    with pytest.raises(ValueError, match="left the road") as caught:
        envs.step(np.array([0, 0, 3, 0]))
    assert "raised by environment 2" in str(caught.value.__cause__)
    with pytest.raises(ClosedEnvironmentError, match="make new ones"):
        envs.reset()
    envs.close()


@pytest.mark.parametrize(
    "options, why",
    [
        ({"autoreset_mode": "NextStep"}, r"autoreset_mode='NextStep': Stable-Baselines3 needs SAME_STEP"),
        ({"copy": False}, r"copy=False: Stable-Baselines3 keeps observations while it steps"),
        ({"batch_size": 1}, r"batch_size=1: a VecEnv steps in lockstep"),
        ({"start_method": "fork"}, r"start_method"),
    ],
)
def test_options_without_a_use_are_refused(options, why):
    with pytest.raises(TypeError, match=why):
        make_vec_env(Counter, 2, vec_env_cls=VectorizedVecEnv, vec_env_kwargs=options)
