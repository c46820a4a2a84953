"""operant.vectorize returns what SyncVectorEnv returns, for any environment, in every mode, by every kind of worker."""

import functools
import re
import subprocess
import sys
import time
from importlib.util import find_spec

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from python_environments import ChangingInfos, Counter, Image, Integers, ManyInfos, Nested, assert_same

import operant
from operant.batch.outputs import choose_reuse
from operant.doctor import examine, from_function
from operant.workers import choice
from operant.workers.block import mapped
from operant.workers.vector import VectorizedEnv


def latest(name):
    """The id of the newest version of one of Gymnasium's environments."""
    return max((env_id for env_id in gym.registry if env_id.startswith(f"{name}-v")), key=lambda env_id: env_id[-3:])


IDS = [
    *("CartPole-v1", "Pendulum-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Acrobot-v1"),
    *("FrozenLake-v1", latest("Taxi"), "Blackjack-v1", latest("CliffWalking")),
    *("LunarLander-v3", "BipedalWalker-v3"),
    *("Hopper-v5", "InvertedPendulum-v5", "Reacher-v5"),
]
SKIPS = {
    **dict.fromkeys(("LunarLander-v3", "BipedalWalker-v3"), "Box2D"),
    **dict.fromkeys(("Hopper-v5", "InvertedPendulum-v5", "Reacher-v5"), "mujoco"),
}
OWN = [Counter, Nested, ManyInfos, ChangingInfos, Integers, Image]
MAKES = {env_id: functools.partial(gym.make, env_id) for env_id in IDS} | {each.__name__: each for each in OWN}
NAMES = [
    pytest.param(name, marks=pytest.mark.skipif(find_spec(SKIPS.get(name, "gymnasium")) is None, reason="no engine"))
    for name in MAKES
]
OTHERS = ("spawn", "forkserver")
MATRIX = pytest.mark.test_all("starts processes afresh for each of twenty environments")


def make(function, num_envs, workers, mode="NextStep", **options):
    """SyncVectorEnv and ours."""
    functions = [function] * num_envs
    return (
        SyncVectorEnv(functions, autoreset_mode=AutoresetMode(mode)),
        operant.vectorize(functions, workers=workers, autoreset_mode=mode, **options),
    )


def compare(function, num_envs, workers, mode, steps, **options):
    """Steps both with the same actions and returns the number of episodes that ended."""
    theirs, ours = make(function, num_envs, workers, mode, **options)
    with ours:
        assert ours.observation_space == theirs.observation_space
        assert ours.action_space == theirs.action_space
        assert ours.metadata == theirs.metadata and ours.render_mode == theirs.render_mode
        assert_same(ours.reset(seed=3), theirs.reset(seed=3), "reset")
        theirs.action_space.seed(1)
        ends = 0
        for step in range(steps):
            actions = theirs.action_space.sample()
            expected = theirs.step(actions)
            assert_same(ours.step(actions), expected, f"step {step}")
            ended = expected[2] | expected[3]
            ends += int(ended.sum())
            if mode == "Disabled" and ended.any():
                results = (envs.reset(options={"reset_mask": ended.copy()}) for envs in (ours, theirs))
                assert_same(*results, f"masked reset after step {step}")
        assert_same(ours.np_random_seed, theirs.np_random_seed)
        assert_same(ours.reset(seed=[5] * num_envs), theirs.reset(seed=[5] * num_envs), "reset with seeds")
    theirs.close()
    return ends


@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("context", ["fork", *(pytest.param(each, marks=MATRIX) for each in OTHERS)])
def test_results_are_those_of_sync_vector_env(context, name, mode):
    workers = 2 if context == "fork" else 1  # each of which takes half a second to start afresh
    ends = compare(MAKES[name], 5, workers, mode, steps=40, context=context)
    assert ends > 0 or name not in ("CartPole-v1", *(each.__name__ for each in OWN))


def test_twenty_environments_are_compared():
    assert len(MAKES) == 20


@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
@pytest.mark.parametrize("env", [Nested, ManyInfos, ChangingInfos])
def test_threads_and_this_process_give_the_same_results_as_processes(env, mode):
    assert compare(env, 6, 0, mode, steps=40) > 0
    assert compare(env, 6, 4, mode, steps=40, context="thread") > 0


@pytest.mark.parametrize("context", ["spawn", "forkserver"])
def test_results_do_not_depend_on_the_start_of_processes(context):
    assert compare(ChangingInfos, 4, 2, "SameStep", steps=20, context=context) > 0


def test_a_worker_that_starts_afresh_imports_neither_the_core_nor_the_callers_part():
    script = "import sys, operant.workers.processes; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    ours = {name for name in loaded if name.startswith("operant.")}
    assert not {
        name for name in ours if re.match(r"operant\.(_native|batch|environments|engines|workers\.vector)", name)
    }
    assert not {"torch", "pygame", "cffi", "stable_baselines3"} & {*loaded}


@pytest.mark.parametrize("workers", [0, 2])
def test_final_observations_of_nested_spaces_are_those_of_the_environment(workers):
    _, ours = make(Nested, 2, workers, "SameStep")
    with ours:
        ours.reset(seed=0, options={"length": 1})
        _, _, _, _, infos = ours.step(ours.action_space.sample())
        assert infos["_final_obs"].tolist() == [True, True]
        assert [each["b"][0] for each in infos["final_obs"]] == [1, 1]


@pytest.mark.parametrize("workers", [0, 3])
def test_returned_arrays_are_the_callers_to_keep_unless_copy_is_false(workers):
    with operant.vectorize(Counter, 3, workers) as envs:
        first, _ = envs.reset(seed=0)
        rewards = envs.step(np.ones(3, int))[1]
        envs.step(np.zeros(3, int))
        assert first[:, 0].tolist() == [0, 0, 0] and rewards.tolist() == [1, 1, 1]
    with operant.vectorize(Counter, 3, workers, copy=False) as envs:
        first, _ = envs.reset(seed=0)
        assert envs.step(np.ones(3, int))[0] is first and first[:, 0].tolist() == [1, 1, 1]


def _leaves(observations):
    found = []
    mapped(found.append, observations)
    return found


@pytest.mark.parametrize("env", [Counter, Nested])
@pytest.mark.parametrize("workers", [0, 2])
def test_observations_and_views_of_them_are_never_overwritten_while_the_caller_holds_them(workers, env):
    theirs, ours = make(env, 4, workers)
    with ours:
        kept, expected = [], []
        theirs.action_space.seed(0)
        for envs, history in ((ours, kept), (theirs, expected)):
            history.append([array[1:] for array in _leaves(envs.reset(seed=0)[0])])
        for _ in range(12):
            actions = theirs.action_space.sample()
            for envs, history in ((ours, kept), (theirs, expected)):
                history.append([array[1:] for array in _leaves(envs.step(actions)[0])])
        mask = np.array([True, False, False, False])
        for envs, history in ((ours, kept), (theirs, expected)):
            history.append([array[1:] for array in _leaves(envs.reset(options={"reset_mask": mask})[0])])
        ours.send(actions)
        ours.recv()
        assert_same(tuple(map(tuple, kept)), tuple(map(tuple, expected)))


@pytest.mark.parametrize("workers", [0, 2])
def test_an_array_that_the_caller_made_read_only_is_not_handed_out_again(workers):
    with operant.vectorize(Nested, 4, workers) as envs:
        envs.reset(seed=0)
        for _ in range(5):
            for part in _leaves(envs.step(envs.action_space.sample())[0]):
                assert part.flags.writeable
                part.setflags(write=False)
            del part


def test_observations_are_not_copied_once_the_caller_has_dropped_the_last_but_one():
    """Without a GIL nobody can tell that they were dropped, and they are copied."""
    with operant.vectorize(Counter, 4, 2) as envs:
        observations, _ = envs.reset(seed=0)
        places = set()
        for _ in range(20):
            observations = envs.step(np.ones(4, int))[0]
            places.add(observations.ctypes.data)
        block = {slot.ctypes.data for slot in envs._block.slots}
        assert (len(places), places <= block) == (2, True) if choose_reuse(True) == "counted" else not places & block


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("actions", [[1, 2, 0], np.array([1, 2, 0], np.int8), np.array([0.5, 1.5, 2.25])])
def test_actions_of_any_form_reach_the_environments_unchanged(workers, actions):
    theirs, ours = make(Counter, 3, workers)
    with ours:
        ours.reset(seed=0), theirs.reset(seed=0)
        assert_same(ours.step(actions), theirs.step(actions))


@pytest.mark.parametrize("workers", [0, 2])
def test_methods_and_attributes_are_called_read_and_set_in_every_environment(workers):
    theirs, ours = make(functools.partial(Counter, render_mode="rgb_array"), 3, workers)
    with ours:
        for envs in (ours, theirs):
            envs.reset(seed=0)
            envs.set_attr("factor", [2.0, 3.0, 4.0])
            envs.step(np.ones(3, int))
        assert_same(ours.call("multiply", 3.0, plus=1.0), theirs.call("multiply", 3.0, plus=1.0))
        assert ours.get_attr("factor") == (2.0, 3.0, 4.0)
        assert_same(ours.render(), theirs.render())
        ours.set_attr("factor", 5.0)
        assert ours.step(np.ones(3, int))[1].tolist() == [5.0, 5.0, 5.0]
        with pytest.raises(KeyError, match="nothing here"):
            ours.call("wrong")
        with pytest.raises(AttributeError, match="absent"):
            ours.get_attr("absent")
        assert ours.step(np.ones(3, int))[1].tolist() == [5.0, 5.0, 5.0]  # and goes on


def test_an_id_is_made_by_gymnasium_with_its_options_and_the_spec_is_kept():
    with operant.vectorize("CartPole-v1", num_envs=2, workers=1, max_episode_steps=3) as envs:
        assert repr(envs) == "VectorizedEnv(CartPole-v1, num_envs=2)"
        assert [spec.max_episode_steps for spec in envs.get_attr("spec")] == [3, 3]


def test_an_id_without_a_version_is_the_newest():
    with operant.vectorize("CartPole", num_envs=2, workers=1) as envs:
        assert [spec.id for spec in envs.get_attr("spec")] == ["CartPole-v1"] * 2
    with pytest.raises(gym.error.NameNotFound, match="CartPoe"):
        operant.vectorize("CartPoe", num_envs=2)


def test_different_bounds_are_batched_where_they_are_allowed():
    functions = [functools.partial(Counter, low=-1.0), functools.partial(Counter, low=-2.0)]
    theirs = SyncVectorEnv(functions, observation_mode="different")
    with operant.vectorize(functions, workers=2, observation_mode="different") as ours:
        assert ours.observation_space == theirs.observation_space
        assert_same(ours.reset(seed=0), theirs.reset(seed=0))
    own = (spaces.Box(-9, 100, (2, 2), np.float32), spaces.Box(-9, 100, (2,), np.float32))
    with operant.vectorize(functions, workers=1, observation_mode=own) as ours:
        assert (ours.observation_space, ours.single_observation_space) == own


def test_a_cheap_environment_stays_in_this_process_and_one_that_waits_gets_many_workers():
    with operant.vectorize("CartPole-v1", num_envs=2) as envs:  # workers pay off from 120 us a step on
        assert envs.workers == 0
    with operant.vectorize(functools.partial(_Waiting, 0.002), num_envs=8) as envs:
        assert envs.workers == 8


def test_the_environment_that_is_timed_is_not_one_of_the_results(monkeypatch):
    """Wrappers that remember every step, such as NormalizeObservation, begin afresh."""
    monkeypatch.setattr(choice, "available_cores", lambda: 1)  # it is timed, and no slow machine takes workers

    def make():
        return gym.wrappers.NormalizeObservation(gym.wrappers.RecordEpisodeStatistics(gym.make("CartPole-v1")))

    with operant.vectorize(make, num_envs=2) as ours:
        theirs = SyncVectorEnv([make] * 2)
        assert ours.workers == 0
        assert_same(ours.reset(seed=0), theirs.reset(seed=0))
        for _ in range(3):
            assert_same(ours.step(np.ones(2, int)), theirs.step(np.ones(2, int)))
        assert ours.get_attr("episode_count") == (0, 0)


def test_an_environment_whose_first_steps_are_slow_is_timed_all_the_same():
    class Loading(Counter):
        """Loads something when its first episode begins, and when it is first stepped."""

        awaited = 2

        def load(self):
            if self.awaited:
                time.sleep(0.15)
            self.awaited = max(self.awaited - 1, 0)

        def reset(self, **keywords):
            self.load()
            return super().reset(**keywords)

        def act(self, action):
            self.load()

    with operant.vectorize(Loading, num_envs=2, context="fork") as envs:
        assert envs.workers == 0


class _Waiting(Counter):
    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds

    def act(self, action):
        time.sleep(self.seconds)


def test_it_is_a_vector_environment_that_wrappers_take():
    with operant.vectorize("CartPole-v1", num_envs=3, workers=2) as envs:
        assert isinstance(envs, VectorizedEnv | gym.vector.VectorEnv)
        counted = gym.wrappers.vector.RecordEpisodeStatistics(envs)
        counted.reset(seed=0)
        lengths = []
        for _ in range(80):
            infos = counted.step(envs.action_space.sample())[4]
            lengths += infos["episode"]["l"][infos["_episode"]].tolist() if "episode" in infos else []
        assert len(lengths) > 3 and min(lengths) >= 8


@pytest.mark.parametrize("mode", ["SameStep", "Disabled"])
def test_the_doctor_finds_nothing(mode):
    def make(num_envs, max_episode_steps=None):
        options = {} if max_episode_steps is None else {"max_episode_steps": max_episode_steps}
        return operant.vectorize("CartPole-v1", num_envs, min(2, num_envs), autoreset_mode=mode, **options)

    assert examine(from_function(make), num_envs=2, steps=40) == []
