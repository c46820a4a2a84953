"""operant.compat.torchrl under TorchRL itself, compared with Gymnasium's own environments from the same seeds."""

import sys
from importlib import import_module
from itertools import pairwise
from types import ModuleType

import gymnasium as gym
import numpy as np
import pytest
import torch
from snippets import run_snippets
from support import CLASSIC_IDS, PRECISIONS, same_arrays, sync
from tensordict import TensorDict
from torchrl.collectors import Collector
from torchrl.envs import Compose, GymEnv, GymWrapper, ParallelEnv, RewardSum, StepCounter, TransformedEnv
from torchrl.envs.utils import check_env_specs

from operant.compat.torchrl import make_env
from operant.environments.vector import OperantVectorEnv

IDS = (*CLASSIC_IDS, "Hopper-v5")
MODES = ("SameStep", "Disabled")
REWARDS = {"float32": torch.float32, "float64": torch.float64}


pytestmark = pytest.mark.usefixtures("one_thread")


def rollout(env, steps=60):
    return env.rollout(steps, break_when_any_done=False)


def base(env):
    """The `GymWrapper` itself, which TorchRL wraps in a transform in mode SAME_STEP."""
    return env.base_env if isinstance(env, TransformedEnv) else env


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("env_id", IDS)
def test_torchrls_own_check_passes(env_id, mode, precision):
    env = make_env(f"operant/{env_id}", 3, autoreset_mode=mode, precision=precision)
    check_env_specs(env)
    check_env_specs(make_env(env_id, 1, autoreset_mode=mode, precision=precision, episode_statistics=True))
    assert isinstance(base(env), GymWrapper)
    assert isinstance(base(env)._env, OperantVectorEnv)


def test_the_batch_is_in_mode_same_step_unless_asked_otherwise():
    assert base(make_env("operant/CartPole-v1", 2))._env.autoreset_mode == gym.vector.AutoresetMode.SAME_STEP
    other = make_env("operant/CartPole-v1", 2, autoreset_mode=gym.vector.AutoresetMode.DISABLED)
    assert base(other)._env.autoreset_mode == gym.vector.AutoresetMode.DISABLED


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("mode", MODES)
def test_a_rollout_has_torchrls_shapes_and_the_environments_dtypes(mode, precision):
    data = rollout(make_env("operant/CartPole-v1", 5, autoreset_mode=mode, precision=precision), 7)
    shapes = {key: (tuple(value.shape), value.dtype) for key, value in data.items(True, True)}
    flag = ((5, 7, 1), torch.bool)
    assert shapes == {
        "observation": ((5, 7, 4), torch.float32),
        "action": ((5, 7, 2), torch.int64),
        "done": flag,
        "terminated": flag,
        "truncated": flag,
        ("next", "observation"): ((5, 7, 4), torch.float32),
        ("next", "reward"): ((5, 7, 1), REWARDS[precision]),
        ("next", "done"): flag,
        ("next", "terminated"): flag,
        ("next", "truncated"): flag,
    }


def test_discrete_actions_can_be_integers():
    data = rollout(make_env("operant/MountainCar-v0", 5, categorical_action_encoding=True), 7)
    assert data["action"].shape == (5, 7)
    assert set(data["action"].unique().tolist()) == {0, 1, 2}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("env_id", IDS)
def test_every_tensor_is_what_gymnasiums_environments_return(env_id, mode):
    """Compares terminal observations above all; in 25 steps all CartPoles end, some before the time limit."""
    num_envs, steps = 4, 60
    env = make_env(f"operant/{env_id}", num_envs, autoreset_mode=mode, precision="float64", max_episode_steps=25)
    env.set_seed(7)
    data = rollout(env, steps)
    theirs = sync(env_id, num_envs, "SameStep", max_episode_steps=25)
    theirs.reset(seed=7)
    observations, _ = theirs.reset()  # set_seed resets, and so does the rollout
    ended = 0
    for t in range(steps):
        now, after = data[:, t], data[:, t]["next"]
        same_arrays(now["observation"].numpy(), observations)
        actions = now["action"].numpy()
        discrete = isinstance(theirs.single_action_space, gym.spaces.Discrete)
        observations, rewards, terminated, truncated, infos = theirs.step(actions.argmax(1) if discrete else actions)
        expected = observations.copy()
        for i in np.flatnonzero(terminated | truncated):
            expected[i] = infos["final_obs"][i]
            ended += 1
        same_arrays(after["observation"].numpy(), expected)
        same_arrays(after["reward"].numpy()[:, 0], rewards)
        same_arrays(after["terminated"].numpy()[:, 0], terminated)
        same_arrays(after["truncated"].numpy()[:, 0], truncated)
        same_arrays(after["done"].numpy()[:, 0], terminated | truncated)
    assert ended >= 2 * num_envs


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("mode", MODES)
def test_episode_statistics_are_those_of_torchrls_own_transforms(mode, precision):
    env = make_env(
        "operant/Pendulum-v1",
        4,
        autoreset_mode=mode,
        precision=precision,
        max_episode_steps=13,
        episode_statistics=True,
    )
    data = rollout(TransformedEnv(env, Compose(RewardSum(), StepCounter())), 40)
    for where in (data, data["next"]):
        assert where["episode_length"].dtype == torch.int64
        torch.testing.assert_close(where["episode_length"], where["step_count"], rtol=0, atol=0)
        torch.testing.assert_close(where["episode_return"], where["episode_reward"], rtol=0, atol=0)
    assert data["next", "done"].sum() == 12
    assert (data["next", "episode_length"][data["next", "done"]] == 13).all()


@pytest.mark.parametrize("mode", MODES)
def test_a_rollout_begins_with_the_observations_of_its_reset(mode):
    """TorchRL's own transform returns the last rollout's end, if that ended in some environments only."""
    env = make_env("operant/CartPole-v1", 16, autoreset_mode=mode)
    for _ in range(4):
        data = env.rollout(100)
        assert 0 < data["next", "done"][:, -1].sum() < 16
        assert (data["observation"][:, 0].abs() <= 0.05).all()  # where CartPole starts


@pytest.mark.parametrize("mode", MODES)
def test_a_seed_repeats_a_rollout_whatever_came_before(mode):
    def seeded(env, seed):
        env.set_seed(seed)
        torch.manual_seed(0)  # for the actions
        return rollout(env, 40)

    fresh = make_env("operant/CartPole-v1", 3, autoreset_mode=mode, max_episode_steps=10)
    used = make_env("operant/CartPole-v1", 3, autoreset_mode=mode, max_episode_steps=10)
    rollout(used, 10)  # ends everywhere with the last step
    expected = seeded(fresh, 5)
    assert (seeded(used, 5) == expected).all()
    assert (seeded(used, 5) == expected).all()
    assert not (seeded(used, 6)["observation"] == expected["observation"]).all()


@pytest.mark.parametrize("mode", MODES)
def test_a_reset_after_a_restored_state_resets_that(mode):
    env = make_env("operant/CartPole-v1", 3, autoreset_mode=mode, max_episode_steps=6)
    envs = base(env)._env
    rollout(env, 2)
    snapshot = envs.get_state()
    rollout(env, 6)  # ends everywhere with the last step
    restored = envs.set_state(snapshot)
    assert envs.episode_lengths.tolist() == [2, 2, 2]
    observations = env.reset()["observation"].numpy()
    assert envs.episode_lengths.tolist() == [0, 0, 0]
    assert (observations != restored).any(axis=1).all() and (np.abs(observations) <= 0.05).all()


def test_a_rollout_stops_at_the_first_end_by_default():
    data = make_env("operant/CartPole-v1", 4, max_episode_steps=9).rollout(50)
    assert data["next", "done"][:, :-1].sum() == 0
    assert data["next", "done"][:, -1].any()


def test_torchrl_may_reset_any_environments_in_mode_disabled():
    env = make_env("operant/CartPole-v1", 4, autoreset_mode="Disabled")
    before = rollout(env, 3)[:, -1]["next"].clone()
    mask = torch.tensor([[True], [False], [False], [True]])
    after = env.reset(TensorDict({"_reset": mask, **before.exclude("reward")}, [4]))
    changed = (after["observation"] != before["observation"]).any(-1)
    assert changed.tolist() == [True, False, False, True]
    assert (after["observation"].abs() <= 0.05).all(-1)[mask[:, 0]].all()  # CartPole starts within 0.05 of upright


def test_torchrl_cuts_episodes_short_in_mode_disabled():
    env = TransformedEnv(make_env("operant/Pendulum-v1", 4, autoreset_mode="Disabled"), StepCounter(max_steps=7))
    data = rollout(env, 20)
    assert data["next", "truncated"][:, :, 0].sum(1).tolist() == [2, 2, 2, 2]
    starts = data["observation"][:, [0, 7, 14]]
    assert (starts[:, 1:] != data["next", "observation"][:, [6, 13]]).any(-1).all()


def test_torchrl_refuses_to_reset_running_episodes_in_mode_same_step():
    env = make_env("operant/CartPole-v1", 2)
    before = rollout(env, 3)[:, -1]["next"]
    with pytest.raises(RuntimeError, match="Cannot partially reset"):
        env.reset(TensorDict({"_reset": torch.tensor([[True], [False]]), **before.exclude("reward")}, [2]))


@pytest.mark.parametrize("mode", MODES)
def test_no_step_visits_environments_one_by_one(mode):
    """A rollout calls as many Python functions for 512 environments as for 8."""

    def calls(num_envs):
        env = make_env(
            "operant/Pendulum-v1", num_envs, autoreset_mode=mode, max_episode_steps=4, episode_statistics=True
        )
        rollout(env, 20)
        count = 0

        def profile(frame, event, argument):
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(profile)
        try:
            rollout(env, 20)
        finally:
            sys.setprofile(None)
        return count

    assert calls(512) < 1.05 * calls(8)  # the garbage collector and caches make a few calls more or less


def test_tensors_of_a_rollout_stay_as_they_were():
    env = make_env("operant/CartPole-v1", 3)
    first = rollout(env, 5)
    copy = first.clone()
    rollout(env, 20)
    assert (first == copy).all()


def test_tensors_are_on_the_requested_device():
    env = make_env("operant/CartPole-v1", 3, device="cpu", episode_statistics=True)
    assert rollout(env, 3).device == torch.device("cpu")
    assert env.observation_spec["episode_return"].device == torch.device("cpu")
    assert make_env("operant/CartPole-v1", 3).device is None


def test_a_collector_gathers_whole_batches():
    collector = Collector(
        lambda: make_env("operant/CartPole-v1", 64),
        None,
        frames_per_batch=1024,
        total_frames=3072,
        reset_at_each_iter=False,
    )
    batches = list(collector)
    collector.shutdown()
    assert [tuple(batch.shape) for batch in batches] == [(64, 16)] * 3
    for earlier, later in pairwise(batches):
        going_on = ~earlier["next", "done"][:, -1, 0]
        assert going_on.any()
        carried = earlier["next", "observation"][going_on, -1]
        torch.testing.assert_close(later["observation"][going_on, 0], carried, rtol=0, atol=0)


def test_options_reach_the_batch():
    env = make_env("operant:operant/CartPole-v1", 3, workers=2, params={"gravity": 3.7}, render_mode="rgb_array")
    assert base(env)._env.parameter("gravity").tolist() == pytest.approx([3.7] * 3)
    env.reset()
    assert [frame.shape for frame in base(env)._env.render()] == [(400, 600, 3)] * 3


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        (
            {"autoreset_mode": "NextStep"},
            ValueError,
            r"autoreset_mode='NextStep'.*use one of \('SameStep', 'Disabled'\)",
        ),
        ({"autoreset_mode": "SameStop"}, ValueError, "'SameStop': did you mean 'SameStep'"),
        ({"copy": False}, ValueError, "copy=False would overwrite.*omit it"),
        ({"prcision": "float64"}, TypeError, "'prcision': did you mean 'precision'"),
        ({"wrappers": []}, TypeError, "got an unexpected keyword argument 'wrappers'"),
        ({"env_id": "operant/CartPol-v1"}, ValueError, "'operant/CartPol-v1': did you mean 'CartPole-v1'"),
        ({"num_envs": 0}, ValueError, "num_envs=0 must be from 1"),
        ({"device": "cupboard"}, RuntimeError, "cupboard"),
    ],
)
def test_an_unsupported_option_is_refused_by_name(options, kind, message):
    with pytest.raises(kind, match=message):
        make_env(**{"env_id": "operant/CartPole-v1", "num_envs": 2, **options})


def test_closing_twice_does_no_harm_and_a_closed_environment_says_so():
    env = make_env("operant/CartPole-v1", 2)
    env.reset()
    env.close()
    env.close()
    with pytest.raises(Exception, match="closed"):
        env.rollout(2)


def import_afresh(monkeypatch):
    monkeypatch.delitem(sys.modules, "operant.compat.torchrl")
    return import_module("operant.compat.torchrl")


def test_a_missing_torchrl_is_named_with_the_extra_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchrl", None)
    with pytest.raises(ImportError, match=r"needs torchrl, which is not installed: pip install 'operant\[torchrl\]'"):
        import_afresh(monkeypatch)


def test_an_old_torchrl_is_named_with_its_version(monkeypatch):
    old = ModuleType("torchrl")
    old.__version__ = "0.9.2"
    monkeypatch.setitem(sys.modules, "torchrl", old)
    with pytest.raises(ImportError, match=r"needs torchrl 0\.10 or newer, not 0\.9\.2"):
        import_afresh(monkeypatch)


def test_a_gymnasium_without_autoreset_modes_is_named_with_its_version(monkeypatch):
    monkeypatch.delattr("gymnasium.vector.AutoresetMode")
    monkeypatch.setattr("gymnasium.__version__", "1.0.0")
    for name in ("operant.environments.vector", "operant.environments.vector_base"):
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=r"need gymnasium 1\.1 or newer, not 1\.0\.0: upgrade gymnasium"):
        import_afresh(monkeypatch)


def test_the_snippets_of_the_documentation_run():
    names = run_snippets("TorchRL")
    assert names["data"].shape == (1024, 32)


def test_gym_env_makes_an_environment_by_its_id_with_gymnasiums_trajectory():
    ours, theirs = GymEnv("operant/CartPole-v1", precision="float64"), GymEnv("CartPole-v1")
    for env in (ours, theirs):
        env.set_seed(3)
    one, other = ours.reset(), theirs.reset()
    for action in (0, 1, 1, 0):
        assert torch.equal(one["observation"], other["observation"])
        choice = torch.nn.functional.one_hot(torch.tensor(action), 2)
        one, other = (env.step(state.set("action", choice))["next"] for env, state in ((ours, one), (theirs, other)))
    assert torch.equal(one["observation"], other["observation"])


def make_gym_env():
    import operant  # noqa: F401 - registers operant/*

    return GymEnv("operant/CartPole-v1")


@pytest.mark.test_all("each process imports torch")
def test_gym_env_works_in_several_processes():
    envs = ParallelEnv(2, make_gym_env)
    try:
        assert envs.rollout(5, break_when_any_done=False)["observation"].shape == (2, 5, 4)
    finally:
        envs.close()
