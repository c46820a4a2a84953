"""Physical parameters: as numbers, one per environment, and drawn for every episode."""

import numpy as np
import pytest
from support import actions_for, same_step, vector

from operant.batch.core import defaults
from operant.catalog import CATALOG
from operant.environments.single import OperantEnv

CHANGED = {
    "CartPole-v1": ("half_length", [0.3, 0.5, 0.8, 2.0]),
    "MountainCar-v0": ("force", [0.0005, 0.001, 0.002, 0.005]),
    "MountainCarContinuous-v0": ("power", [0.0005, 0.0015, 0.003, 0.005]),
    "Pendulum-v1": ("mass", [0.5, 1.0, 1.5, 3.0]),
    "Acrobot-v1": ("length1", [0.5, 1.0, 1.25, 2.0]),
}


@pytest.mark.parametrize("env_id, change", CHANGED.items())
def test_each_environment_equals_a_uniform_batch_with_its_number(env_id, change, precision):
    name, values = change
    mixed = vector(env_id, 4, precision=precision, params={name: np.array(values)})
    uniform = [vector(env_id, 4, precision=precision, params={name: value}) for value in values]
    assert mixed.parameter(name).tolist() == [env.parameter(name)[0] for env in uniform]
    rows = [env.reset(seed=0)[0] for env in uniform]
    assert mixed.reset(seed=0)[0].tobytes() == np.stack([rows[i][i] for i in range(4)]).tobytes()
    for actions in actions_for(mixed.single_action_space, np.random.default_rng(0), (250, 4)):
        result, alone = mixed.step(actions), [env.step(actions) for env in uniform]
        for k in range(4):
            assert result[k].tobytes() == np.stack([alone[i][k][i] for i in range(4)]).tobytes()


@pytest.mark.parametrize("env_id, change", CHANGED.items())
def test_a_changed_parameter_changes_the_trajectory_and_its_default_does_not(env_id, change, precision):
    name, values = change
    plain = vector(env_id, 3, precision=precision)
    default = vector(env_id, 3, precision=precision, params={name: defaults(CATALOG[env_id])[name]})
    changed = vector(env_id, 3, precision=precision, params={name: values[3]})
    for env in (plain, default, changed):
        env.reset(seed=0)
    differs = False
    for actions in actions_for(plain.single_action_space, np.random.default_rng(0), (20, 3)):
        expected = plain.step(actions)
        same_step(default.step(actions), expected)
        differs |= changed.step(actions)[0].tobytes() != expected[0].tobytes()
    assert differs


def test_every_parameter_has_its_default_until_it_is_set(classic_id, precision):
    env = vector(classic_id, 2, precision=precision)
    for name, value in defaults(CATALOG[classic_id]).items():
        assert env.parameter(name).tolist() == [np.dtype(precision).type(value)] * 2


def test_a_parameter_that_is_read_is_a_copy():
    env = vector("CartPole-v1", 2, params={"gravity": np.array([9.0, 10.0])})
    env.parameter("gravity")[:] = 0
    assert env.parameter("gravity").tolist() == [9.0, 10.0]


def test_spaces_follow_the_parameters_that_bound_them():
    env = vector("Pendulum-v1", 2, params={"max_torque": np.array([1.0, 5.0]), "max_speed": 3.0})
    assert env.single_action_space.high.tolist() == [5.0] and env.single_action_space.low.tolist() == [-5.0]
    assert env.single_observation_space.high.tolist() == [1.0, 1.0, 3.0]
    wide = vector("CartPole-v1", 2, randomize={"x_limit": (1.0, 4.0)})
    assert wide.single_observation_space.high[0] == 8.0


def test_randomised_values_are_within_their_bounds_differ_and_are_reproducible(precision):
    env, again = (vector("CartPole-v1", 50, precision=precision, randomize={"gravity": (8.0, 12.0)}) for _ in range(2))
    drawn = []
    for each in (env, again):
        each.reset(seed=5)
        drawn.append(each.parameter("gravity"))
    assert ((drawn[0] >= 8) & (drawn[0] <= 12)).all()
    assert len(np.unique(drawn[0])) > 45
    assert drawn[0].tolist() == drawn[1].tolist()
    # A mean of 50 uniform draws has a standard deviation of 4 / sqrt(12 * 50) = 0.16; five of them are allowed.
    assert abs(drawn[0].mean() - 10) < 0.8


def test_randomised_values_are_drawn_anew_for_every_episode_and_only_then(precision):
    env = vector("MountainCar-v0", 6, precision=precision, max_episode_steps=5, randomize={"gravity": (0.001, 0.004)})
    env.reset(seed=0)
    seen = [env.parameter("gravity")]
    for t in range(1, 13):
        env.step(np.ones(6, int))
        now = env.parameter("gravity")
        if t in (6, 12):  # NEXT_STEP resets in the step after the fifth
            assert (now != seen[-1]).all()
            seen.append(now)
        else:
            assert (now == seen[-1]).all()
    mask = np.array([True, False, False, True, False, False])
    env.reset(options={"reset_mask": mask})
    assert ((env.parameter("gravity") != seen[-1]) == mask).all()


def test_randomisation_has_its_own_stream_so_initial_states_stay_as_they_are(physics_id):
    name, value = list(defaults(CATALOG[physics_id]).items())[1]
    plain = vector(physics_id, 20)
    random = vector(physics_id, 20, randomize={name: (0.5 * value, 2 * value)})
    for _ in range(3):
        assert plain.reset(seed=3)[0].tobytes() == random.reset(seed=3)[0].tobytes()
        assert plain.reset()[0].tobytes() == random.reset()[0].tobytes()


def test_one_environments_draws_do_not_depend_on_the_batch():
    whole = vector("Pendulum-v1", 9, randomize={"mass": (0.5, 2.0)})
    part = vector("Pendulum-v1", 4, randomize={"mass": (0.5, 2.0)})
    whole.reset(seed=0)
    part.reset(seed=5)
    assert whole.parameter("mass")[5:].tolist() == part.parameter("mass").tolist()


def test_a_single_environment_takes_params_and_randomize(precision):
    env = OperantEnv("Pendulum-v1", precision=precision, params={"gravity": 5.0}, randomize={"mass": (0.5, 2.0)})
    batch = vector("Pendulum-v1", 1, precision=precision, params={"gravity": 5.0}, randomize={"mass": (0.5, 2.0)})
    assert env.reset(seed=1)[0].tobytes() == batch.reset(seed=1)[0].tobytes()
    for _ in range(20):
        action = np.array([1.5], np.float32)
        assert env.step(action)[0].tobytes() == batch.step(action[None])[0].tobytes()


def test_bounds_are_inclusive_and_a_number_beyond_is_named():
    vector("CartPole-v1", 1, params={"gravity": 0.0})
    vector("CartPole-v1", 1, params={"gravity": 1000.0})
    for value in (-0.001, 1000.5, np.nan, np.inf):
        with pytest.raises(ValueError, match=r"'gravity' = .*outside \[0, 1000\] m/s2"):
            vector("CartPole-v1", 1, params={"gravity": value})
