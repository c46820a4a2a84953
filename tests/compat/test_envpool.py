"""Compares operant.compat.envpool with the real EnvPool, as scripts written for it see it."""

import copy
import importlib
import pickle
import re
import sys
import warnings

import dm_env
import envpool
import gymnasium as gym
import mujoco
import numpy as np
import pytest
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from snippets import run_snippets

from operant.catalog import ENGINES
from operant.compat import envpool as ours

BOTH = (ours, envpool)
# Gymnasium refuses Pusher-v4 on MuJoCo 3, and so do we; EnvPool has a MuJoCo of its own.
TASKS = [task for task in ours.list_all_envs() if task != "Pusher-v4" or mujoco.__version__ < "3.0.0"]
ON_MUJOCO = [task for task in TASKS if task in ENGINES]


def still(envs, count):
    """An action for each of `count` environments."""
    return np.zeros((count, *envs.action_space.shape), envs.action_space.dtype)


def layout(value):
    """The dtypes and shapes of nested results."""
    if isinstance(value, dict):
        return {key: layout(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [layout(each) for each in value]
    return value.dtype, value.shape


@pytest.fixture(autouse=True)
def no_warnings_of_envpools_own_spaces():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*precision lowered.*")
        yield


@pytest.mark.parametrize("task", TASKS)
def test_spaces_results_and_infos_have_envpools_types_and_shapes(task):
    mine, real = (module.make(task, env_type="gymnasium", num_envs=3, seed=7) for module in BOTH)
    assert mine.observation_space == real.observation_space
    assert mine.action_space == real.action_space
    if not task.startswith("Hopper"):  # 3800 in Gymnasium, 6000 in EnvPool
        assert mine.spec.reward_threshold == real.spec.reward_threshold
    assert len(mine) == len(real) == 3
    assert layout(mine.reset()) == layout(real.reset())
    assert layout(mine.step(still(mine, 3))) == layout(real.step(still(real, 3)))


@pytest.mark.parametrize("module", BOTH)
def test_an_ended_episode_is_reset_by_the_next_step_with_reward_zero(module):
    envs = module.make_gymnasium("MountainCar-v0", num_envs=2, seed=0, max_episode_steps=3)
    _, info = envs.reset()
    seen = [info["elapsed_step"].tolist()]
    for _ in range(5):
        _, rewards, terminated, truncated, info = envs.step(still(envs, 2))
        seen.append((info["elapsed_step"].tolist(), rewards.tolist(), truncated.tolist()))
        assert not terminated.any()
    go, over = [False, False], [True, True]
    assert seen == [
        [0, 0],
        ([1, 1], [-1, -1], go),
        ([2, 2], [-1, -1], go),
        ([3, 3], [-1, -1], over),
        ([0, 0], [0, 0], go),
        ([1, 1], [-1, -1], go),
    ]


@pytest.mark.parametrize("module", BOTH)
def test_dm_time_steps_say_first_mid_and_last(module):
    envs = module.make_dm("CartPole-v1", num_envs=2, max_episode_steps=2)
    steps = [envs.reset(), *(envs.step(still_dm(envs)) for _ in range(3))]
    assert all(isinstance(step, dm_env.TimeStep) for step in steps)
    assert [step.step_type.tolist() for step in steps] == [[0, 0], [1, 1], [2, 2], [0, 0]]
    assert [step.discount.tolist() for step in steps] == [[1, 1], [1, 1], [0, 0], [1, 1]]
    assert [step.reward.tolist() for step in steps] == [[0, 0], [1, 1], [1, 1], [0, 0]]
    assert steps[0].observation.players.env_id.tolist() == [0, 1]


@pytest.mark.parametrize("module", BOTH)
@pytest.mark.parametrize("how", ["env_id", "keyword", "mask"])
def test_some_environments_can_be_reset(module, how):
    """An environment whose episode ended too: its next episode then begins with the reset, not the next step."""
    envs = module.make_gymnasium("MountainCar-v0", num_envs=4, max_episode_steps=2)
    envs.reset()
    envs.step(still(envs, 4))
    assert envs.step(still(envs, 4))[3].all()
    mask = np.array([False, True, False, True])
    ids = np.flatnonzero(mask).astype(np.int32)
    reset = {
        "env_id": lambda: envs.reset(ids),
        "keyword": lambda: envs.reset(env_id=ids),
        "mask": lambda: envs.reset(options={"reset_mask": mask}),
    }
    observations, info = reset[how]()
    assert observations.shape == (2, 2) and observations.dtype == np.float32
    assert info["env_id"].tolist() == info["players"]["env_id"].tolist() == [1, 3]
    assert info["elapsed_step"].tolist() == [0, 0]
    after, rewards, *_, info = envs.step(still(envs, 4))
    assert info["elapsed_step"].tolist() == [0, 1, 0, 1]
    assert rewards.tolist() == [0, -1, 0, -1]
    assert np.abs(after[ids] - observations).max() < 0.01  # a car's first step, but another start is up to 0.2 away


@pytest.mark.parametrize("module", BOTH)
def test_environments_are_reset_in_the_order_that_is_asked_for(module):
    envs = module.make_dm("CartPole-v1", num_envs=3)
    envs.reset()
    assert envs.reset(np.array([2, 0], np.int32)).observation.env_id.tolist() == [2, 0]


@pytest.mark.parametrize("module", BOTH)
@pytest.mark.parametrize(
    "wrap",
    [
        gym.wrappers.vector.RecordEpisodeStatistics,
        gym.wrappers.vector.DictInfoToList,
        lambda envs: gym.wrappers.vector.TransformReward(envs, lambda reward: 2 * reward),
    ],
)
def test_gymnasiums_vector_wrappers_go_around_it(module, wrap):
    envs = wrap(module.make_gymnasium("CartPole-v1", num_envs=3))
    assert envs.reset()[0].shape == (3, 4)
    assert envs.reset(options=None)[0].shape == (3, 4)
    assert envs.step(np.zeros(3, np.int32))[0].shape == (3, 4)
    assert envs.unwrapped.is_vector_env
    assert "CartPole" in repr(envs) and "num_envs=3" in str(envs)


@pytest.mark.parametrize("module", BOTH)
def test_actions_can_be_a_dict_that_names_environments(module):
    envs = module.make_gymnasium("CartPole-v1", num_envs=2, seed=0)
    envs.reset()
    results = envs.step({"action": np.array([0, 1], np.int32), "env_id": np.arange(2, dtype=np.int32)})
    assert results[0].shape == (2, 4) and results[0][0, 1] < -0.1 < 0.1 < results[0][1, 1]  # pushed left and right


def still_dm(envs):
    return np.zeros(len(envs), envs.action_spec().dtype)


@pytest.mark.parametrize("task", TASKS)
def test_dm_results_and_specs_are_envpools(task):
    mine, real = (module.make_dm(task, num_envs=3) for module in BOTH)
    assert mine.observation_spec() == real.observation_spec()
    assert mine.action_spec() == real.action_spec()
    first, expected = mine.reset(), real.reset()
    assert first._fields == expected._fields
    assert first.observation._fields == expected.observation._fields
    assert layout(first) == layout(expected)


@pytest.mark.parametrize("module", BOTH)
def test_seeds_count_up_from_the_first_environment_and_reset_goes_on(module):
    first = module.make_gymnasium("CartPole-v1", num_envs=4, seed=5)
    second = module.make_gymnasium("CartPole-v1", num_envs=4, seed=6)
    observations = first.reset()[0]
    assert (observations[1:] == second.reset()[0][:-1]).all()
    assert (observations != first.reset()[0]).any()
    again = module.make_gymnasium("CartPole-v1", num_envs=4, seed=5)
    with pytest.warns(UserWarning, match=r"reset\(seed=\.\.\.\) is ignored"):
        assert (again.reset(seed=99)[0] == observations).all()


@pytest.mark.parametrize("module", BOTH)
@pytest.mark.parametrize("form", [list, tuple, np.array])
def test_seeds_can_be_one_for_each_environment(module, form):
    each = module.make_gymnasium("CartPole-v1", num_envs=3, seed=form([5, 5, 9]))
    assert (each.config["seed"], each.config["env_seed"]) == (0, [5, 5, 9])
    counted = module.make_gymnasium("CartPole-v1", num_envs=5, seed=5).reset()[0]
    observations = each.reset()[0]
    assert (observations == counted[[0, 0, 4]]).all()
    assert (module.make_gymnasium("CartPole-v1", num_envs=3, env_seed=[5, 5, 9]).reset()[0] == observations).all()
    assert (each.reset()[0] != observations).any()  # the generators continue


@pytest.mark.parametrize("module", BOTH)
def test_seeds_of_an_asynchronous_pool_can_be_one_for_each_environment(module):
    envs = module.make_gymnasium("CartPole-v1", num_envs=4, batch_size=2, seed=[7, 8, 7, 8], num_threads=1)
    envs.async_reset()
    start = {}
    for observations, *_, info in (envs.recv(), envs.recv()):
        start.update(zip(info["env_id"].tolist(), observations.tolist(), strict=True))
    assert start[0] == start[2] != start[1] == start[3]


@pytest.mark.parametrize("module", BOTH)
def test_a_reward_threshold_is_kept(module):
    spec = module.make_gymnasium("CartPole-v1", reward_threshold=300.0).spec
    assert spec.reward_threshold == spec.config.reward_threshold == 300.0


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda envs: pickle.loads(pickle.dumps(envs))])
@pytest.mark.parametrize("make", [ours.make_gymnasium, ours.make_dm])
def test_it_can_be_copied_unless_it_has_threads(make, copied):
    """EnvPool itself cannot be copied."""
    envs = make("CartPole-v1", num_envs=3)
    envs.reset()
    other = copied(envs)
    assert repr(other) == repr(envs) and other.spec.config == envs.spec.config
    mine, theirs = (each.step(np.array([0, 1, 0], np.int32)) for each in (envs, other))
    observations = [step.observation.obs if make is ours.make_dm else step[0] for step in (mine, theirs)]
    assert (observations[0] == observations[1]).all()
    with pytest.raises(TypeError, match="cannot be copied or pickled: it has threads"):
        copied(make("CartPole-v1", num_envs=3, batch_size=2))


def test_its_text_names_task_and_options():
    envs = ours.make_gymnasium("CartPole-v1", num_envs=3, seed=8)
    assert repr(envs) == str(envs)
    assert re.match(
        r"EnvPool\(CartPole-v1, num_envs=3, batch_size=3, .*seed=8, .*reward_threshold=475.0\)$", repr(envs)
    )
    assert repr(envs.spec) == repr(envs).replace("EnvPool(", "EnvSpec(", 1)


def test_an_old_gymnasium_is_named_with_what_to_do(monkeypatch):
    """0.29.1 has no gymnasium.vector.AutoresetMode."""
    monkeypatch.setattr(gym, "__version__", "0.29.1")
    monkeypatch.delattr(gym.vector, "AutoresetMode")
    monkeypatch.delitem(sys.modules, "operant.compat.envpool")
    with pytest.raises(ImportError, match=r"needs gymnasium 1.1 or newer, not 0.29.1: pip install -U gymnasium"):
        importlib.import_module("operant.compat.envpool")


@pytest.mark.parametrize("module", BOTH)
def test_an_asynchronous_pool_returns_batches_of_the_environments_that_are_ready(module):
    envs = module.make("Pendulum-v1", env_type="gymnasium", num_envs=6, batch_size=2, num_threads=1, seed=0)
    assert envs.is_async
    envs.async_reset()
    steps = np.zeros(6, int)
    for _ in range(300):
        observations, _, _, truncated, info = envs.recv()
        ids = info["env_id"]
        assert observations.shape == (2, 3) and len(set(ids.tolist())) == 2
        assert (info["elapsed_step"] == steps[ids] % 201).all()  # 0 after the reset, 200 at the time limit
        assert (truncated == (info["elapsed_step"] == 200)).all()
        steps[ids] += 1
        envs.send(np.zeros((2, 1), np.float32), ids)
    assert steps.sum() == 600


# EnvPool's names of Gymnasium's infos, where they differ.
NAMES = {
    "HalfCheetah-v5": {"reward_run": "reward_forward"},
    "Humanoid-v5": {
        "reward_linvel": "reward_forward",
        "reward_quadctrl": "reward_ctrl",
        "reward_alive": "reward_survive",
        "reward_impact": "reward_contact",
    },
}


@pytest.mark.parametrize("task", ["HalfCheetah-v5", "Humanoid-v5", "Ant-v4"])
@pytest.mark.parametrize("batch_size", [3, 2])
def test_mujocos_tasks_are_gymnasiums_with_envpools_infos(task, batch_size):
    envs = ours.make_gymnasium(task, num_envs=3, batch_size=batch_size, seed=5, max_episode_steps=4)
    theirs = gym.make_vec(task, num_envs=3, vectorization_mode="sync", max_episode_steps=4)
    expected = [theirs.reset(seed=5)]
    actions = [theirs.action_space.sample().astype(np.float64) for _ in range(7)]
    expected += [theirs.step(each) for each in actions]
    steps, seen = np.zeros(3, int), 0
    envs.async_reset()
    while seen < 3 * 7:
        observations, rewards, _, truncated, info = envs.recv()
        ids = info["env_id"]
        for row, i in enumerate(ids):
            result = expected[steps[i]]
            assert (observations[row] == result[0][i]).all()
            if steps[i] and info["elapsed_step"][row]:
                assert rewards[row] == np.float32(result[1][i]) and truncated[row] == result[3][i]
                reported = set(info) - {"env_id", "players", "elapsed_step"}
                for name in reported & {NAMES.get(task, {}).get(each, each) for each in reported}:
                    gymnasiums = NAMES.get(task, {}).get(name, name)
                    if gymnasiums in result[4]:
                        assert info[name][row] == result[4][gymnasiums][i], name
                        seen += 1
        steps[ids] += 1
        going = steps[ids] <= 7
        if batch_size < 3 and not going.all():
            break
        if not going.any():
            break
        envs.send(np.array([actions[steps[i] - 1][i] for i in ids]), ids)
    assert seen > 20


def test_mujocos_constructor_arguments_are_options():
    envs = ours.make_gymnasium("Ant-v5", num_envs=2, frame_skip=3, include_cfrc_ext_in_observation=False)
    assert envs.observation_space.shape == (27,) and envs.reset()[0].shape == (2, 27)
    assert "frame_skip=3" in repr(envs)
    pool = ours.make_gymnasium("Hopper-v5", num_envs=4, batch_size=2, healthy_z_range=(5.0, 6.0))
    pool.async_reset()
    pool.send(np.zeros((2, 3)), pool.recv()[4]["env_id"])
    pool.recv()
    assert pool.recv()[2].all()  # none is high enough
    with pytest.raises(TypeError, match="unknown EnvPool option 'healthy_z_rang': did you mean 'healthy_z_range'"):
        ours.make_spec("Hopper-v5", healthy_z_rang=(0, 1))


# A cosine or sine of the rounded angle differs from the rounded cosine of the angle by at most this: half a unit in the
# last place of pi, and half one of 1.
JOINT = 2**-23 + 2**-25


@pytest.mark.parametrize("module", BOTH)
@pytest.mark.parametrize("batch_size", [5, 2])
def test_acrobots_state_is_the_angles_of_its_joints(module, batch_size):
    envs = module.make_gymnasium("Acrobot-v1", num_envs=5, batch_size=batch_size, seed=0, max_episode_steps=7)
    envs.async_reset()
    seen = set()
    for _ in range(60):
        observations, *_, info = envs.recv()
        angles = info["state"].astype(np.float64)
        waves = np.stack([np.cos(angles), np.sin(angles)], axis=2).reshape(-1, 4)
        assert np.abs(waves - observations[:, :4]).max() <= JOINT
        seen |= {*info["elapsed_step"].tolist()}
        envs.send(np.zeros(len(observations), np.int32), info["env_id"])
    assert seen == {*range(8)}


# Units in the last place of a component's largest value in the batch, before or after the step. EnvPool computes in
# float64 and we in float32, from rounded states: half a unit for the rounded state, half for EnvPool's rounded result,
# and the rounding of our own step. The most seen was 3, in 128000 steps of each task.
ULPS = 4


@pytest.mark.parametrize("task", ["CartPole-v1", "MountainCar-v0"])
def test_the_physics_is_envpools(task):
    """Writes EnvPool's states into our environment, whose step must lead to the same states."""
    real = envpool.make_gymnasium(task, num_envs=64, seed=3)
    check = gym.make_vec(f"operant:operant/{task}", num_envs=64)
    check.reset(seed=0)
    before, info = real.reset()
    random = np.random.default_rng(0)
    names = list(check.unwrapped.get_state().dtype.names)[: before.shape[1]]
    for _ in range(100):
        actions = random.integers(0, real.action_space.n, 64)
        after, rewards, terminated, _, info = real.step(actions)
        records = check.unwrapped.get_state()
        for name, column in zip(names, before.T, strict=True):
            records[name] = column
        records["elapsed"], records["finished"] = 1, False
        check.unwrapped.set_state(records)
        ours_after, ours_rewards, ours_terminated, *_ = check.step(actions)
        stepped = info["elapsed_step"] > 0
        unit = np.spacing(np.abs([before[stepped], after[stepped]]).max(axis=(0, 1)))
        assert (np.abs(ours_after[stepped] - after[stepped]) <= ULPS * unit).all()
        assert (ours_rewards[stepped] == rewards[stepped]).all()
        assert (ours_terminated[stepped] == terminated[stepped]).all()
        before = after


def test_an_episode_that_terminates_on_its_last_step_keeps_both_flags():
    """EnvPool reports such an end as truncated only, and a learner would bootstrap from a fallen pole."""
    free = ours.make_gymnasium("CartPole-v1", num_envs=1, seed=1)
    free.reset()
    length = next(n for n in range(1, 100) if free.step(np.zeros(1, int))[2][0])
    limited = ours.make_gymnasium("CartPole-v1", num_envs=1, seed=1, max_episode_steps=length)
    limited.reset()
    results = [limited.step(np.zeros(1, int)) for _ in range(length)]
    assert results[-1][2][0] and results[-1][3][0]


def test_config_holds_the_arguments_of_make():
    options = {"num_envs": 6, "batch_size": 3, "num_threads": 1, "seed": 9, "max_episode_steps": 50}
    mine, real = (module.make_gymnasium("CartPole-v1", **options) for module in BOTH)
    assert mine.config == {key: value for key, value in real.config.items() if key != "base_path"}
    assert mine.spec.config._asdict() == mine.config
    spec = ours.make_spec("CartPole-v1")
    real_spec = envpool.make_spec("CartPole-v1")
    for key in options:
        assert getattr(spec.config, key) == getattr(real_spec.config, key)
    assert set(ours.list_all_envs()) < set(envpool.list_all_envs())


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        (("Pendulum-v0", "gymnasium", {}), ValueError, "'Pendulum-v0': did you mean 'Pendulum-v1'"),
        (("Pong-v5", "gymnasium", {}), ValueError, "unknown EnvPool task 'Pong-v5': did you mean"),
        (("CartPole-v1", "gymnasum", {}), ValueError, "unknown env_type 'gymnasum': did you mean 'gymnasium'"),
        (("CartPole-v1", "dm", {"num_env": 4}), TypeError, "unknown EnvPool option 'num_env': did you mean 'num_envs'"),
        (("CartPole-v1", "dm", {"max_num_players": 2}), ValueError, "max_num_players=2 can only be 1 here"),
        (("CartPole-v1", "dm", {"render_mode": "human"}), ValueError, "render_mode='human' can only be None here"),
        (("CartPole-v1", "dm", {"num_envs": 4, "batch_size": 7}), ValueError, "batch_size=7 must be from 0, .* to 4"),
        (("CartPole-v1", "dm", {"batch_size": 1.5}), TypeError, "batch_size=1.5 must be an int, not float"),
        (("CartPole-v1", "dm", {"num_envs": "3"}), TypeError, "num_envs='3' must be an int, not str"),
        (("CartPole-v1", "dm", {"env_seed": 3}), TypeError, "env_seed=3 must be a list: for one number use seed"),
        (("CartPole-v1", "dm", {"reward_threshold": "x"}), TypeError, "reward_threshold='x' must be a number"),
        (("CartPole-v1", "dm", {"max_num_players": [1, 2]}), ValueError, "can only be 1 here"),
        (("CartPole-v1", "dm", {"num_envs": 0}), ValueError, "num_envs=0 must be from 1"),
        (("CartPole-v1", "dm", {"num_threads": -1}), ValueError, "num_threads=-1 must be from 0"),
        (("CartPole-v1", "dm", {"seed": [1, 2]}), ValueError, "2 seeds for num_envs=1: give one for each"),
        (("CartPole-v1", "dm", {"seed": ["x"]}), TypeError, "seed 'x' must be an int"),
        (("CartPole-v1", "dm", {"seed": -1}), ValueError, "seed -1 must not be negative"),
        (("CartPole-v1", "dm", {"seed": [1], "env_seed": [1]}), TypeError, "give one of them"),
        (("CartPole-v1", "dm", {"base_path": "/x"}), ValueError, "base_path='/x' can only be None here: omit it"),
        (("CartPole-v1", "dm", {"from_pixels": True}), ValueError, "from_pixels=True can only be False here"),
        (("CartPole-v1", "dm", {"render_width": 84}), ValueError, "render_width=84 can only be 0 here"),
        (("CartPole-v1", "dm", {"max_episode_steps": 0}), ValueError, "max_episode_steps=0 must be from 1"),
    ],
)
def test_unknown_tasks_and_options_are_named(arguments, error, message):
    task, env_type, options = arguments
    with pytest.raises(error, match=message):
        ours.make(task, env_type, **options)


def test_misuse_raises_instead_of_waiting_forever():
    envs = ours.make_gymnasium("CartPole-v1", num_envs=3)
    with pytest.raises(ResetNeeded):
        envs.step(np.zeros(3, int))
    with pytest.raises(RuntimeError, match="nothing was sent"):
        envs.recv()
    envs.reset()
    with pytest.raises(ValueError, match="action 5 of environment 1"):
        envs.step(np.array([0, 5, 0]))
    with pytest.raises(ValueError, match=r"keys must be 'action' and optionally 'env_id', not \['actions'\]"):
        envs.step({"actions": np.zeros(3, int)})
    with pytest.raises(ValueError, match="must name all environments in order"):
        envs.step(np.zeros(1, int), np.array([2]))
    with pytest.raises(ValueError, match="unknown reset option of EnvPool 'low'"):
        envs.reset(options={"low": 0.0})
    for ids in ([], [0, 3], [-1], [1, 1], [0.5]):
        with pytest.raises(ValueError, match="must have at least one id from 0 to 2, and no id twice"):
            envs.reset(np.array(ids))
    for mask in (np.zeros(3, bool), np.ones(2, bool), np.ones(3, int)):
        with pytest.raises(ValueError, match=r"must be \[3\] bool, at least one of them True"):
            envs.reset(options={"reset_mask": mask})
    with pytest.raises(ValueError, match="give one of them"):
        envs.reset(np.array([1]), options={"reset_mask": np.ones(3, bool)})
    with pytest.raises(RuntimeError, match=r"render\(\) is not supported: use gymnasium.make_vec"):
        envs.render()
    with pytest.raises(RuntimeError, match=r"xla\(\) is not supported: use step"):
        envs.xla()
    with pytest.raises(ValueError, match="omit it, some environments can be reset only if batch_size is num_envs"):
        ours.make_gymnasium("CartPole-v1", num_envs=3, batch_size=2).reset(np.array([1]))
    envs.send(np.zeros(3, int), np.arange(3))
    with pytest.raises(RuntimeError, match=r"call recv\(\) first"):
        envs.send(np.zeros(3, int))
    envs.recv()
    envs.close()
    envs.close()
    with pytest.raises(ClosedEnvironmentError):
        envs.step(np.zeros(3, int))


def test_results_are_the_callers_to_keep():
    envs = ours.make_gymnasium("CartPole-v1", num_envs=3, seed=0)
    kept = [envs.reset()[1]["elapsed_step"]] + [envs.step(np.zeros(3, int))[4]["elapsed_step"] for _ in range(3)]
    kept[0][:] = 77  # nor does writing into them disturb the pool
    assert envs.step(np.zeros(3, int))[4]["elapsed_step"].tolist() == [4, 4, 4]
    assert [each.tolist() for each in kept[1:]] == [[1] * 3, [2] * 3, [3] * 3]


def test_only_the_dm_form_needs_dm_env(monkeypatch):
    monkeypatch.setitem(sys.modules, "dm_env", None)
    ours.make_gymnasium("CartPole-v1").reset()
    with pytest.raises(ImportError, match=r"pip install 'operant\[envpool\]'"):
        ours.make_dm("CartPole-v1")


def test_the_pages_snippets_run():
    run_snippets("EnvPool")
