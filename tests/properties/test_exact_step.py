"""One step of the exact build from an arbitrary valid state equals one step of Gymnasium's environment, bit for bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import PHYSICS, STATES, bits, gymnasium_env, gymnasium_step, put

from operant.batch.core import defaults
from operant.catalog import CATALOG
from operant.environments.single import OperantEnv

# Ranges from which each parameter is drawn. Absent parameters are bounds of the reset, or literals in Gymnasium's code.
PARAMETERS = {
    "cartpole": {
        "gravity": (0, 30),
        "cart_mass": (0.1, 10),
        "pole_mass": (0, 5),
        "half_length": (0.1, 3),
        "force": (0, 50),
        "dt": (0.001, 0.1),
        "x_limit": (0, 5),
        "theta_limit": (0, 1),
        "sutton_barto_reward": (0, 1),
    },
    "mountain_car": {
        "force": (0, 0.01),
        "gravity": (0, 0.01),
        "min_position": (-2, -1),
        "max_position": (0.3, 1),
        "max_speed": (0, 0.2),
        "goal_position": (0, 1),
        "goal_velocity": (-0.1, 0.1),
    },
    "mountain_car_continuous": {
        "power": (0, 0.01),
        "min_action": (-2, 0),
        "max_action": (0, 2),
        "min_position": (-2, -1),
        "max_position": (0.3, 1),
        "max_speed": (0, 0.2),
        "goal_position": (0, 1),
        "goal_velocity": (-0.1, 0.1),
    },
    "pendulum": {
        "gravity": (-20, 20),
        "mass": (0.1, 10),
        "length": (0.1, 10),
        "dt": (0.001, 0.2),
        "max_speed": (0, 20),
        "max_torque": (0, 10),
    },
    "acrobot": {
        "mass1": (0.1, 5),
        "mass2": (0.1, 5),
        "length1": (0.1, 3),
        "com1": (0, 2),
        "com2": (0, 2),
        "inertia": (0.5, 5),
        "max_theta1_dot": (0, 20),
        "max_theta2_dot": (0, 40),
        "torque": (-5, 5),
        "dt": (0.01, 0.2),
    },
}


def states(header):
    return st.tuples(*(st.floats(low, high) for low, high in STATES[header]))


def action(spec):
    """One valid action in Gymnasium's form; also beyond the bounds if Gymnasium clips it."""
    if spec.actions:
        return st.integers(0, spec.actions - 1)
    reach = 1.5 if spec.header == "mountain_car_continuous" else 3.0
    return st.floats(-reach, reach, width=32).map(lambda x: np.array([x], np.float32))


def check(header, ours, theirs, state, act, fresh):
    if header == "acrobot" and fresh:
        state = np.float32(state)  # its reset leaves float32 numbers
    if header == "mountain_car_continuous" and not fresh:
        state = np.float32(state)  # its step leaves float32 numbers
    expected = gymnasium_step(theirs, header, np.array(state), act, fresh)
    put(ours, np.array(state, np.float64), elapsed=0 if fresh else 1)
    observation, reward, terminated, truncated, info = ours.step(act)
    assert bits(ours.state) == bits(expected.state), (ours.state, expected.state)
    assert observation.dtype == expected.observation.dtype == np.float32
    assert observation.tobytes() == expected.observation.tobytes()
    assert bits(reward) == bits(expected.reward), (reward, expected.reward)
    assert (terminated, truncated) == (expected.terminated, expected.truncated)
    assert info == {}


@pytest.mark.parametrize("physics_id", PHYSICS)
def test_one_exact_step_from_any_state_is_gymnasiums_step(physics_id):
    spec = CATALOG[physics_id]
    ours, theirs = OperantEnv(physics_id, precision="float64"), gymnasium_env(physics_id)
    ours.reset(seed=0)

    @settings(max_examples=300)
    @given(states(spec.header), action(spec), st.booleans())
    def step(state, act, fresh):
        check(spec.header, ours, theirs, state, act, fresh)

    step()


@pytest.mark.parametrize("physics_id", PHYSICS)
def test_one_exact_step_under_changed_parameters_is_gymnasiums_step_with_its_attributes_changed(physics_id):
    spec = CATALOG[physics_id]

    def parameters():
        ranges = PARAMETERS[spec.header].items()
        return st.fixed_dictionaries(
            {}, optional={n: st.integers(0, 1) if n.startswith("sutton") else st.floats(*b) for n, b in ranges}
        )

    @settings(max_examples=150)
    @given(parameters(), st.lists(st.tuples(states(spec.header), action(spec), st.booleans()), min_size=1, max_size=4))
    def step(params, cases):
        ours, theirs = OperantEnv(physics_id, precision="float64", params=params), gymnasium_env(physics_id, params)
        ours.reset(seed=0)
        for state, act, fresh in cases:
            check(spec.header, ours, theirs, state, act, fresh)
        ours.close()

    step()


@pytest.mark.parametrize("physics_id", PHYSICS)
def test_every_parameter_with_a_gymnasium_attribute_is_compared(physics_id):
    spec = CATALOG[physics_id]
    tried = set(PARAMETERS[spec.header])
    theirs = {name for name in defaults(spec) if hasattr(gymnasium_env(physics_id), spec.attribute(name))}
    assert theirs | set(spec.options.values()) <= tried <= set(defaults(spec))


@pytest.mark.parametrize("physics_id", PHYSICS)
def test_the_exact_state_property_sets_and_returns_gymnasiums_state(physics_id):
    spec = CATALOG[physics_id]
    ours = OperantEnv(physics_id, precision="float64")
    ours.reset(seed=0)

    @given(states(spec.header))
    def set_and_read(state):
        ours.state = state
        assert bits(ours.state) == bits(np.array(state))

    set_and_read()
