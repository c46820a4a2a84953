"""Compares long trajectories of the exact build with Gymnasium's SyncVectorEnv: every array and info, bit for bit."""

import numpy as np
import pytest
from support import CATALOG, HELD_IN, actions_for, bits, physical, same_arrays, same_infos, same_step, sync, vector

NUM_ENVS = 8
LONG = ("CartPole-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Pendulum-v1", "Acrobot-v1")
# Steps of the batch.
STEPS = (
    pytest.param(12_500, marks=pytest.mark.test_all("10^5 steps of Gymnasium's Python; hundreds are compared below")),
    pytest.param(125_000, marks=pytest.mark.test_long("10^6 steps of Gymnasium's Python")),
)


def physical_sync(envs):
    return np.array([env.unwrapped.state for env in envs.envs], float)


@pytest.mark.parametrize("env_id", LONG)
@pytest.mark.parametrize("steps", STEPS)
def test_long_exact_trajectories_are_gymnasiums_in_every_autoreset_mode(env_id, steps, mode):
    ours, theirs = vector(env_id, NUM_ENVS, precision="float64", autoreset_mode=mode), sync(env_id, NUM_ENVS, mode)
    same_step(ours.reset(seed=123), theirs.reset(seed=123))
    random = np.random.default_rng(5)
    actions = actions_for(ours.single_action_space, random, (steps, NUM_ENVS))
    episodes = 0
    for t in range(steps):
        mine, other = ours.step(actions[t]), theirs.step(actions[t])
        for a, b in zip(mine[:4], other[:4], strict=True):
            assert a.dtype == b.dtype and a.tobytes() == b.tobytes(), t
        same_infos(mine[4], other[4])
        done = mine[2] | mine[3]
        episodes += int(done.sum())
        if mode == "Disabled" and done.any():
            same_step(
                ours.reset(options={"reset_mask": done.copy()}), theirs.reset(options={"reset_mask": done.copy()})
            )
        if t % 500 == 0:
            assert bits(physical(ours)) == bits(physical_sync(theirs)), t
    assert episodes >= NUM_ENVS
    ours.close()
    theirs.close()


def compare(ours, theirs, seed, steps=250, options=None, mode="NextStep"):
    """Compares the results of the same reset and the same random steps."""
    same_step(ours.reset(seed=seed, options=options), theirs.reset(seed=seed, options=dict(options or {}) or None))
    actions = actions_for(ours.single_action_space, np.random.default_rng(0), (steps, ours.num_envs))
    for t in range(steps):
        mine, other = ours.step(actions[t]), theirs.step(actions[t])
        same_step(mine, other)
        done = mine[2] | mine[3]
        if mode == "Disabled" and done.any():
            same_step(
                ours.reset(options={"reset_mask": done.copy()}), theirs.reset(options={"reset_mask": done.copy()})
            )
    assert bits(physical(ours)) == bits(physical_sync(theirs))


@pytest.mark.parametrize(
    "seed",
    [0, 2**32 - 2, 2**63 - 2, 2**64 - 2, 2**70, 2**200 + 1, [5, 2**70, 7], [3, 3, 3]],
    ids=["0", "across 32 bits", "across 63 bits", "across 64 bits", "71 bits", "201 bits", "list", "equal"],
)
def test_every_kind_of_seed_begins_gymnasiums_episodes(seed):
    compare(vector("CartPole-v1", 3, precision="float64"), sync("CartPole-v1", 3), seed, steps=60)


@pytest.mark.parametrize("seed", [2**64 - 2, 2**70])
def test_seeds_beyond_64_bits_begin_gymnasiums_episodes_for_every_id(classic_id, seed):
    compare(vector(classic_id, 3, precision="float64"), sync(classic_id, 3), seed, steps=20)


def test_a_seed_list_with_gaps_reseeds_only_what_it_names():
    ours, theirs = vector("CartPole-v1", 3, precision="float64"), sync("CartPole-v1", 3)
    same_step(ours.reset(seed=[1, 2, 3]), theirs.reset(seed=[1, 2, 3]))
    same_step(ours.reset(seed=[9, None, 9]), theirs.reset(seed=[9, None, 9]))
    same_step(ours.reset(), theirs.reset())


def test_a_reset_without_a_seed_continues_each_environments_generator(classic_id):
    ours, theirs = vector(classic_id, 4, precision="float64"), sync(classic_id, 4)
    compare(ours, theirs, 11, steps=30)
    for _ in range(3):
        same_step(ours.reset(), theirs.reset())


@pytest.mark.parametrize("seed", [None, 77, [10, 20, 30, 40, 50]])
def test_masked_resets_are_gymnasiums(classic_id, mode, seed):
    ours, theirs = vector(classic_id, 5, precision="float64", autoreset_mode=mode), sync(classic_id, 5, mode)
    same_step(ours.reset(seed=1), theirs.reset(seed=1))
    random = np.random.default_rng(2)
    for mask in ([1, 0, 0, 0, 0], [0, 1, 0, 1, 1], [1, 1, 1, 1, 1]):
        for actions in actions_for(ours.single_action_space, random, (5, 5)):
            same_step(ours.step(actions), theirs.step(actions))
        chosen = np.array(mask, bool)
        options = {"reset_mask": chosen}
        same_step(
            ours.reset(seed=seed, options=options), theirs.reset(seed=seed, options={"reset_mask": chosen.copy()})
        )
        assert list(options) == ["reset_mask"] and options["reset_mask"] is chosen


@pytest.mark.parametrize(
    "env_id, options",
    [
        ("CartPole-v1", {"low": -0.2, "high": 0.1}),
        ("CartPole-v0", {"low": -0.01}),
        ("MountainCar-v0", {"low": -1.0, "high": 0.4}),
        ("MountainCarContinuous-v0", {"high": 0.3}),
        ("Pendulum-v1", {"x_init": 0.5, "y_init": 0.25}),
        ("Pendulum-v1", {"y_init": 3.0}),
        ("Acrobot-v1", {"low": -1.0, "high": 1.0}),
        ("CartPole-v1", {"low": 0.03, "high": 0.03}),
    ],
)
def test_reset_options_are_gymnasiums_and_hold_for_one_reset(env_id, options):
    ours, theirs = vector(env_id, 3, precision="float64"), sync(env_id, 3)
    compare(ours, theirs, 4, steps=220, options=options)
    same_step(ours.reset(seed=4), theirs.reset(seed=4))


@pytest.mark.parametrize(
    "env_id, options",
    [
        ("CartPole-v1", {"sutton_barto_reward": True}),
        ("CartPole-v0", {"sutton_barto_reward": False}),
        ("MountainCar-v0", {"goal_velocity": 0.02}),
        ("MountainCarContinuous-v0", {"goal_velocity": 0.01}),
        ("Pendulum-v1", {"g": 9.81}),
    ],
)
def test_constructor_options_are_gymnasiums(env_id, options, mode):
    ours = vector(env_id, 4, precision="float64", autoreset_mode=mode, **options)
    compare(ours, sync(env_id, 4, mode, **options), 6, steps=450, mode=mode)


def test_time_limits_are_gymnasiums(classic_id, mode):
    ours = vector(classic_id, 3, precision="float64", autoreset_mode=mode, max_episode_steps=7)
    compare(ours, sync(classic_id, 3, mode, max_episode_steps=7), 8, steps=60, mode=mode)


def test_an_environment_that_lasts_is_truncated_at_its_registered_limit(classic_id):
    """A random policy does not balance for 500 steps, so an environment that cannot fail reaches the limit."""
    limit = CATALOG[classic_id].max_episode_steps
    unfailing = {"cartpole": {"x_limit": 1e6, "theta_limit": 1e6}, "acrobot": {"torque": 0.0}}
    env = vector(classic_id, 2, precision="float64", params=unfailing.get(CATALOG[classic_id].header))
    env.reset(seed=0)
    idle = np.zeros((2, *env.single_action_space.shape), env.single_action_space.dtype)
    if CATALOG[classic_id].header == "mountain_car":
        idle[:] = 1
    for t in range(1, limit + 1):
        _, _, terminated, truncated, _ = env.step(idle)
        assert not terminated.any()
        assert truncated.all() == (t == limit) and truncated.any() == (t == limit)


def test_without_a_limit_nothing_is_truncated():
    env = vector("Pendulum-v1", 2, max_episode_steps=-1)
    env.reset(seed=0)
    for _ in range(1000):
        assert not env.step(np.zeros((2, 1), np.float32))[3].any()


def test_the_states_gymnasium_holds_in_float32_are_float32_numbers_in_ours(classic_id):
    header = CATALOG[classic_id].header
    env = vector(classic_id, 4, precision="float64")
    env.reset(seed=0)
    for held in HELD_IN.get(header, (np.float64, np.float64)):
        state = physical(env)
        assert (held == np.float32) == (state == state.astype(np.float32)).all()
        env.step(actions_for(env.single_action_space, np.random.default_rng(1), (4,)))


def test_int32_actions_and_lists_step_like_int64(classic_id, precision):
    a, b, c = (vector(classic_id, 3, precision=precision) for _ in range(3))
    for env in (a, b, c):
        env.reset(seed=0)
    discrete = CATALOG[classic_id].actions > 0
    for actions in actions_for(a.single_action_space, np.random.default_rng(3), (50, 3)):
        expected = a.step(actions)
        same_step(b.step(actions.astype(np.int32 if discrete else np.float64)), expected)
        same_step(c.step(actions.tolist()), expected)


def test_final_observations_are_what_the_episode_ended_on():
    """Under SAME_STEP the row in `final_obs` is the row that NEXT_STEP returns at the episode's end."""
    next_step, same = (
        vector("CartPole-v1", 1, autoreset_mode="NextStep"),
        vector("CartPole-v1", 1, autoreset_mode="SameStep"),
    )
    next_step.reset(seed=0)
    same.reset(seed=0)
    for _ in range(3):
        while True:
            a, b = next_step.step(np.array([1])), same.step(np.array([1]))
            if not a[2][0]:
                same_arrays(a[0], b[0])
                assert b[4] == {}
                continue
            same_arrays(a[0][0], b[4]["final_obs"][0])
            same_arrays(next_step.step(np.array([1]))[0], b[0])
            break
