"""Snapshots are complete: restored, branched, pickled and copied environments continue identically."""

import copy
import pickle

import numpy as np
import pytest
from support import actions_for, bits, same_arrays, same_step, vector

from operant.environments.single import OperantEnv


def run(env, actions, reset_at=120):
    """Every result of the steps, with a reset in the middle."""
    results = []
    for t, row in enumerate(actions):
        if t == reset_at:
            results.append(env.reset()[0])
        results.append(np.concatenate([part.ravel().astype(float) for part in env.step(row)[:4]]))
    return [array.tobytes() for array in results]


def warm(env_id, num_envs, steps=37, **kwargs):
    """An environment in the middle of its episodes."""
    env = vector(env_id, num_envs, max_episode_steps=25, **kwargs)
    env.reset(seed=3)
    for row in actions_for(env.single_action_space, np.random.default_rng(1), (steps, num_envs)):
        env.step(row)
    return env


def plan(env, steps=200):
    return actions_for(env.single_action_space, np.random.default_rng(2), (steps, env.num_envs))


def test_a_restored_batch_continues_identically_for_200_steps_and_a_reset(classic_id, precision):
    env = warm(classic_id, 6, precision=precision)
    snapshot = env.get_state()
    first = run(env, plan(env))
    env.set_state(snapshot)
    assert run(env, plan(env)) == first


@pytest.mark.parametrize("steps", [3, 25])
def test_a_snapshot_remembers_which_environments_wait_for_a_reset(physics_id, precision, mode, steps):
    """With 25 steps, the time limit, all episodes that did not end before end together."""
    env = warm(physics_id, 3, steps=0, precision=precision, autoreset_mode=mode)
    for row in plan(env, steps):
        if mode != "Disabled" or not env.get_state()["finished"].any():
            env.step(row)
    snapshot = env.get_state()
    if mode == "SameStep":
        assert not snapshot["finished"].any()
    elif steps == 25:
        assert snapshot["finished"].any()
    other = vector(physics_id, 3, max_episode_steps=25, precision=precision, autoreset_mode=mode)
    other.set_state(snapshot)
    if mode == "Disabled":
        if snapshot["finished"].any():
            options = {"reset_mask": snapshot["finished"].copy()}
            same_step(other.reset(options=options), env.reset(options=options))
    else:
        for row in plan(env, 30):
            same_step(other.step(row), env.step(row))


def test_set_state_returns_the_observations_of_the_restored_states(classic_id, precision):
    env = warm(classic_id, 4, precision=precision)
    observations = env.step(plan(env)[0])[0]
    snapshot = env.get_state()
    env.reset()
    same_arrays(env.set_state(snapshot), observations)


def test_a_masked_snapshot_holds_and_restores_the_masked_environments_only(classic_id, precision):
    env = warm(classic_id, 5, precision=precision)
    mask = np.array([True, False, False, True, True])
    whole, part = env.get_state(), env.get_state(mask)
    assert part.tobytes() == whole[mask].tobytes()
    env.step(plan(env)[0])
    after = env.get_state()
    env.set_state(part, mask)
    mixed = np.where(mask, whole, after)
    assert env.get_state().tobytes() == mixed.tobytes()


def test_one_state_branches_into_many_that_go_the_same_way(classic_id, precision):
    env = warm(classic_id, 1, precision=precision)
    many = vector(classic_id, 70, max_episode_steps=25, precision=precision)
    many.set_state(env.get_state()[0])
    for row in plan(env, 60):
        one, all_ = env.step(row), many.step(np.repeat(row[None], 70, 0).reshape(70, *row.shape[1:]))
        for a, b in zip(one[:4], all_[:4], strict=True):
            assert (b == a[0]).all()


def test_one_record_branches_into_the_masked_environments(precision):
    env = warm("CartPole-v1", 6, precision=precision)
    mask = np.array([False, True, True, False, True, False])
    before = env.get_state()
    env.set_state(before[5], mask)
    expected = before.copy()
    expected[mask] = before[5]
    assert env.get_state().tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))], ids=["deepcopy", "pickle"]
)
def test_a_copy_of_the_environment_continues_identically_and_apart(classic_id, precision, duplicate):
    env = warm(classic_id, 5, precision=precision, workers=2)
    twin = duplicate(env)
    assert twin.get_state().tobytes() == env.get_state().tobytes()
    state = env.get_state()
    assert run(env, plan(env)) == run(twin, plan(twin))
    env.set_state(state)
    after = twin.get_state().tobytes()
    env.step(plan(env)[0])
    assert twin.get_state().tobytes() == after


def test_a_copy_keeps_its_options_parameters_and_randomisation():
    gravity = np.linspace(9, 10, 4)
    env = vector(
        "CartPole-v1",
        4,
        params={"gravity": gravity},
        randomize={"force": (5.0, 6.0)},
        autoreset_mode="SameStep",
        copy=False,
    )
    env.reset(seed=0)
    twin = pickle.loads(pickle.dumps(env))
    assert twin.autoreset_mode == env.autoreset_mode and twin.metadata == env.metadata
    assert twin.single_observation_space == env.single_observation_space
    assert np.array_equal(twin.parameter("gravity"), env.parameter("gravity"))
    same_arrays(twin.reset()[0], env.reset()[0])
    assert np.array_equal(twin.parameter("force"), env.parameter("force"))
    assert ((twin.parameter("force") >= 5) & (twin.parameter("force") <= 6)).all()


def test_a_copy_made_before_the_first_reset_keeps_the_parameters(precision):
    env = vector("CartPole-v1", 2, precision=precision, params={"gravity": 5.0, "sutton_barto_reward": 1.0})
    twin = pickle.loads(pickle.dumps(env))
    for each in (env, twin):
        each.reset(seed=1)
        for _ in range(5):
            each.step(np.array([0, 1]))
    assert twin.get_state().tobytes() == env.get_state().tobytes()
    assert twin.parameter("gravity").tolist() == [5.0, 5.0]


def test_a_snapshot_pickles_and_restores_into_another_batch_size(classic_id, precision):
    env = warm(classic_id, 5, precision=precision)
    snapshot = pickle.loads(pickle.dumps(env.get_state()))
    smaller = vector(classic_id, 3, max_episode_steps=25, precision=precision)
    smaller.set_state(snapshot[1:4])
    for row in plan(env, 60):
        expected, result = env.step(row), smaller.step(row[1:4])
        for a, b in zip(expected[:4], result[:4], strict=True):
            assert a[1:4].tobytes() == b.tobytes()


def test_a_snapshot_restores_parameters_that_differ(precision):
    env = vector("Pendulum-v1", 3, precision=precision, params={"mass": np.array([0.5, 1.0, 2.0])})
    env.reset(seed=0)
    plain = vector("Pendulum-v1", 3, precision=precision)
    plain.set_state(env.get_state())
    assert plain.parameter("mass").tolist() == [0.5, 1.0, 2.0]
    for row in plan(env, 50):
        same_step(plain.step(row), env.step(row))


def test_a_snapshot_restores_statistics_and_the_clock(precision):
    env = warm("CartPole-v1", 4, steps=11, precision=precision)
    snapshot, returns, lengths = env.get_state(), env.episode_returns, env.episode_lengths
    env.reset()
    assert env.episode_lengths.tolist() == [0, 0, 0, 0]
    env.set_state(snapshot)
    assert bits(env.episode_returns) == bits(returns)
    assert env.episode_lengths.tolist() == lengths.tolist()


def test_a_single_environment_restores_and_pickles(classic_id, precision):
    env = OperantEnv(classic_id, precision=precision)
    env.reset(seed=4)
    actions = actions_for(env.action_space, np.random.default_rng(0), (9,))
    snapshot = env.get_state()
    first = [env.step(a)[:2] for a in actions] + [env.reset()]
    for twin in (env, pickle.loads(pickle.dumps(env)), copy.deepcopy(env)):
        twin.set_state(snapshot)
        again = [twin.step(a)[:2] for a in actions] + [twin.reset()]
        assert [(bits(o), r if isinstance(r, dict) else bits(r)) for o, r in again] == [
            (bits(o), r if isinstance(r, dict) else bits(r)) for o, r in first
        ]


def test_a_fresh_states_observation_is_the_same_from_reset_masked_reset_and_set_state(classic_id, precision):
    """Many environments, because few of Acrobot's observations would show a difference in its fresh float32 angles."""
    env = vector(classic_id, 3000, precision=precision)
    observations, _ = env.reset(seed=0)
    same_arrays(env.set_state(env.get_state()), observations)
    same_arrays(env.reset(seed=0, options={"reset_mask": np.ones(3000, bool)})[0], observations)
