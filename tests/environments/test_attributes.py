"""Gymnasium's attributes: read and written as there, and a trajectory afterwards has the same bits."""

import copy
import pickle
import warnings
from functools import partial

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.classic_control.acrobot import AcrobotEnv
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import SyncVectorEnv
from support import GYMNASIUMS, actions_for, vector

from operant.environments.single import OperantEnv

# Gymnasium's attributes that belong to a window or to what is drawn in it.
DRAWN = {
    *("screen", "screen_width", "screen_height", "screen_dim", "SCREEN_DIM", "clock", "isopen", "surf", "window"),
    *("window_size", "window_surface", "cell_size", "agent_img", "background_img", "cliff_imgs", "destination_img"),
    *("goal_flag_img", "goal_img", "ground_img", "hole_img", "house_img", "ice_crack_imgs", "ice_img", "letter_g_img"),
    *("letter_s_img", "passenger_img", "start_img", "taxi_full_imgs", "taxi_imgs", "taxi_orientation", "get_surf_loc"),
    *("action_arrow", "domain_fig", "lastaction", "last_u"),
}

# Values to assign, in turn, to each attribute that can be assigned.
ASSIGNED = {
    "CartPole-v1": {
        "gravity": [1000.0, 3.7],
        "masscart": [2.5],
        "masspole": [0.3, 1],
        "total_mass": [0.7],
        "length": [0.75],
        "polemass_length": [0.0, 0.2],
        "force_mag": [7],
        "tau": [0.01],
        "x_threshold": [0.05],
        "theta_threshold_radians": [0.1],
        "_sutton_barto_reward": [True, False],
        "steps_beyond_terminated": [None],
        "state": [np.array([0.1, 0.2, 0.05, -0.1])],
    },
    "MountainCar-v0": {
        "force": [0.002],
        "gravity": [0.001],
        "min_position": [-0.6],
        "max_position": [-0.3],
        "max_speed": [0.001],
        "goal_position": [-0.4],
        "goal_velocity": [-1.0],
        "low": [np.zeros(2, np.float32)],
        "high": [np.zeros(2, np.float32)],
        "state": [np.array([-0.5, 0.01])],
    },
    "MountainCarContinuous-v0": {
        "power": [0.003],
        "min_action": [-0.25],
        "max_action": [0.25],
        "min_position": [-0.6],
        "max_position": [-0.3],
        "max_speed": [0.001],
        "goal_position": [-0.4],
        "goal_velocity": [-1.0],
        "low_state": [np.zeros(2, np.float32)],
        "high_state": [np.zeros(2, np.float32)],
        "state": [np.array([-0.51, 0.013]), np.array([-0.51, 0.013], np.float32)],
    },
    "Pendulum-v1": {
        "g": [3.7, -9.8],
        "m": [2.0],
        "l": [0.7],
        "dt": [0.02],
        "max_speed": [2, 1.5],
        "max_torque": [0.5],
        "state": [np.array([0.3, -1.0])],
    },
    "Acrobot-v1": {
        "dt": [0.05],
        "LINK_LENGTH_1": [1.5],
        "LINK_LENGTH_2": [1.5],
        "LINK_MASS_1": [0.5],
        "LINK_MASS_2": [2.0],
        "LINK_COM_POS_1": [0.3],
        "LINK_COM_POS_2": [0.7],
        "LINK_MOI": [1.5],
        "MAX_VEL_1": [0.5],
        "MAX_VEL_2": [0.5],
        "AVAIL_TORQUE": [[-2.0, 0.0, 2.0]],
        "actions_num": [4],
        "book_or_nips": ["nips", "book"],
        "state": [np.array([0.3, -0.2, 0.1, 0.5])],
        "torque_noise_max": [0.0],
    },
    "FrozenLake-v1": {"s": [6, np.int64(8)]},
    "CliffWalking-v1": {"s": [14], "is_slippery": [True]},
    "Taxi-v4": {
        "s": [123],
        "fickle_passenger": [True],
        "fickle_probability": [1.0],
        "fickle_step": [True],
        "rainy_probability": [0.5],
    },
    "Blackjack-v1": {
        "player": [[10, 1], [5, 2, 3]],
        "dealer": [[1, 10], [6, 5]],
        "natural": [True],
        "sab": [False],
        "dealer_top_card_suit": [np.str_("H")],
    },
}
READ_ONLY = {
    "CartPole-v1": {"kinematics_integrator": ("semi-implicit", "use Gymnasium's own CartPole")},
    "Acrobot-v1": {
        "AVAIL_TORQUE": ([-1.0, 0.0, 0.5], "parameter 'torque'"),
        "torque_noise_max": (0.1, "use Gymnasium's own Acrobot"),
    },
    "FrozenLake-v1": {
        "P": ({}, "desc, is_slippery, success_rate and reward_schedule"),
        "desc": ([["S"]], "desc or map_name"),
        "nrow": (5, "desc"),
        "ncol": (5, "desc"),
        "reward_range": ((0, 2), "reward_schedule"),
        "initial_state_distrib": (np.ones(16) / 16, "desc"),
    },
    "CliffWalking-v1": {
        "P": ({}, "is_slippery"),
        "initial_state_distrib": (np.ones(48) / 48, "`s`"),
        "nS": (3, "other arguments"),
        "nA": (3, "other arguments"),
        "shape": ((1, 2), "other arguments"),
        "start_state_index": (3, "other arguments"),
    },
    "Taxi-v4": {
        "P": ({}, "is_rainy"),
        "initial_state_distrib": (np.ones(500) / 500, "`s`"),
        "desc": (None, "other arguments"),
        "locs": ([], "other arguments"),
        "locs_colors": ([], "other arguments"),
        "max_row": (3, "other arguments"),
        "max_col": (3, "other arguments"),
    },
    "Blackjack-v1": {"dealer_top_card_value_str": ("K", "set `dealer`")},
}
WRITES = [
    (name, attribute, value)
    for name, each in ASSIGNED.items()
    for attribute, values in each.items()
    for value in values
]
METHODS = {"get_keys_to_action", "encode", "decode", "action_mask"}


def pair(env_id, precision="float64", **options):
    return gym.make(f"operant/{env_id}", precision=precision, **options), gym.make(env_id, **options)


def documented(env):
    """The attributes and methods of Gymnasium's class that are neither private nor drawn."""
    public = {name for name in {*vars(env), *dir(type(env))} - {*dir(gym.Env)} if not name.startswith("_")}
    return public - DRAWN - {"action_space", "observation_space"}


def random_actions(env, count=60):
    return list(actions_for(env.action_space, np.random.default_rng(5), (count,)))


def same_trajectory(ours, theirs, actions):
    """Steps both, and resets both where an episode ends; everything that they return must be equal."""
    for action in actions:
        mine, other = ours.step(action), theirs.step(action)
        assert data_equivalence(mine, other, exact=True), (mine, other)
        if mine[2] or mine[3]:
            assert data_equivalence(ours.reset(), theirs.reset(), exact=True)


def same_value(mine, other):
    assert type(mine) is type(other)
    assert data_equivalence(mine, other, exact=True), (mine, other)


@pytest.mark.parametrize("env_id", GYMNASIUMS)
def test_every_attribute_of_gymnasiums_class_reads_as_it_does_there(env_id):
    ours, theirs = pair(env_id)
    for moment in (lambda env: env.reset(seed=2), lambda env: env.step(random_actions(theirs, 1)[0])):
        moment(ours)
        moment(theirs)
        names = documented(theirs.unwrapped)
        assert names
        for name in sorted(names - METHODS):
            same_value(getattr(ours.unwrapped, name), getattr(theirs.unwrapped, name))
    assert names <= {*dir(ours.unwrapped)}
    assert all(callable(getattr(ours.unwrapped, name)) for name in names & METHODS)


@pytest.mark.parametrize("env_id", GYMNASIUMS)
def test_the_fast_build_reads_the_same_numbers(env_id):
    ours, theirs = pair(env_id, "float32")
    ours.reset(seed=0)
    theirs.reset(seed=0)
    state = {"state", "s", "player", "dealer", "dealer_top_card_suit", "dealer_top_card_value_str"}
    for name in sorted(documented(theirs.unwrapped) - METHODS - state):
        same_value(getattr(ours.unwrapped, name), getattr(theirs.unwrapped, name))


def test_every_attribute_is_assigned_or_refused_in_these_tests():
    for name, assigned in ASSIGNED.items():
        env = gym.make(name).unwrapped
        env.reset(seed=0)
        assert documented(env) - METHODS - {"steps_beyond_terminated"} <= {*assigned, *READ_ONLY.get(name, {})}, name


@pytest.mark.parametrize("after", ["a reset", "a step"])
@pytest.mark.parametrize("env_id, name, value", WRITES)
def test_an_assigned_attribute_changes_a_trajectory_as_gymnasiums_does(env_id, name, value, after):
    ours, theirs = pair(env_id)
    actions = random_actions(theirs)
    for env in (ours, theirs):
        env.reset(seed=4)
        if after == "a step" and env_id != "Blackjack-v1":  # in which half of the steps end the episode
            env.step(actions[0])
        setattr(env.unwrapped, name, copy.deepcopy(value))
        if name not in ("s", "state"):
            same_value(getattr(env.unwrapped, name), value)
    same_trajectory(ours, theirs, actions)


@pytest.mark.parametrize("env_id, name, value", WRITES)
def test_the_fast_build_takes_the_same_assignments(env_id, name, value):
    env = gym.make(f"operant/{env_id}").unwrapped
    env.reset(seed=4)
    setattr(env, name, value)
    assert np.array_equal(getattr(env, name), value) or name == "state"
    env.step(random_actions(env, 1)[0])


@pytest.mark.parametrize("env_id", READ_ONLY)
def test_what_cannot_be_assigned_is_refused_with_the_remedy(env_id):
    ours, theirs = pair(env_id)
    for env in (ours, theirs):
        env.reset(seed=1)
    for name, (value, remedy) in READ_ONLY[env_id].items():
        before = copy.deepcopy(getattr(ours.unwrapped, name))
        with pytest.raises(AttributeError, match=remedy):
            setattr(ours.unwrapped, name, value)
        same_value(getattr(ours.unwrapped, name), before)
    same_trajectory(ours, theirs, random_actions(theirs, 10))


def test_masses_that_cartpole_computed_once_stay_as_they_are_unless_params_set_the_others():
    ours, theirs = pair("CartPole-v1")
    for env in (ours, theirs):
        env.unwrapped.masspole = 0.5
        env.unwrapped.length = 2.0
        assert (env.unwrapped.total_mass, env.unwrapped.polemass_length) == (1.1, 0.05)
        env.reset(seed=0)
    same_trajectory(ours, theirs, random_actions(theirs))
    consistent = gym.make("operant/CartPole-v1", params={"pole_mass": 0.5, "half_length": 2.0}).unwrapped
    assert (consistent.total_mass, consistent.polemass_length) == (1.5, 1.0)
    consistent.pole_mass = 0.25  # our name of it
    assert (consistent.total_mass, consistent.polemass_length) == (1.25, 0.5)


def test_steps_go_on_after_steps_beyond_terminated_is_none_again():
    ours, theirs = pair("CartPole-v1", sutton_barto_reward=True)
    for env in (ours.unwrapped, theirs.unwrapped):
        env.reset(seed=0)
        while not env.step(1)[2]:
            pass
        assert env.steps_beyond_terminated == 0
        env.steps_beyond_terminated = None
    assert data_equivalence(ours.unwrapped.step(0), theirs.unwrapped.step(0), exact=True)
    ours.unwrapped.reset(seed=0)
    with pytest.raises(AttributeError, match="it can only be set to None"):
        ours.unwrapped.steps_beyond_terminated = 3


@pytest.mark.parametrize(
    "env_id, change",
    [
        ("CartPole-v1", lambda env: env.state.__setitem__(2, 0.05)),
        ("Pendulum-v1", lambda env: env.state.__imul__(0.5)),
        ("Acrobot-v1", lambda env: env.AVAIL_TORQUE.__setitem__(slice(None), [-3.0, 0.0, 3.0])),
        ("Blackjack-v1", lambda env: env.player.append(2)),
        ("Blackjack-v1", lambda env: env.dealer.__setitem__(0, 3)),
    ],
)
def test_what_is_changed_in_place_is_changed_in_the_environment(env_id, change, monkeypatch):
    monkeypatch.setattr(AcrobotEnv, "AVAIL_TORQUE", [-1.0, 0.0, 1])  # Gymnasium's is its class's
    ours, theirs = pair(env_id)
    for env in (ours, theirs):
        env.reset(seed=8)
        change(env.unwrapped)
    same_trajectory(ours, theirs, random_actions(theirs, 20))


def test_a_table_that_is_changed_in_place_is_refused_at_the_next_step():
    env = gym.make("operant/FrozenLake-v1").unwrapped
    env.reset(seed=0)
    table = env.P
    assert env.P is table
    table[0][1] = [(1.0, 15, 1, True)]
    with pytest.raises(AttributeError, match="P of operant/FrozenLake-v1 cannot be assigned: use desc"):
        env.step(1)
    assert len(env.P[0][1]) == 3
    env.step(1)


def test_any_other_name_is_set_as_on_any_object_with_one_warning_if_it_resembles_an_attribute():
    env = gym.make("operant/CartPole-v1").unwrapped
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env.task, env._gravty = "easy", 1
    with pytest.warns(UserWarning, match="gravty is not an attribute of the environment, which has 'gravity'"):
        env.gravty = 3.7
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env.gravty = 1.6
    assert (env.task, env.gravty, env.gravity) == ("easy", 1.6, 9.8)
    with pytest.raises(AttributeError, match="'OperantEnv' object has no attribute 'masspol'"):
        env.masspol  # noqa: B018


def test_a_number_out_of_bounds_is_refused_by_name():
    env = gym.make("operant/CartPole-v1").unwrapped
    no_number = [(text, f"length = {text!r} must be a number") for text in ("long", "1")]
    for value, message in ((-1.0, "outside"), (float("nan"), "nan"), *no_number):
        with pytest.raises(ValueError, match=message):
            env.length = value
    randomized = gym.make("operant/CartPole-v1", randomize={"gravity": (8.0, 12.0)}).unwrapped
    with pytest.raises(ValueError, match="it is randomised for every episode"):
        randomized.gravity = 9.0
    assert env.length == 0.5


def test_subclasses_and_wrappers_keep_their_own_attributes():
    class Own(OperantEnv):
        gravity = 1.0

        def __init__(self):
            self.length = 7.0
            super().__init__("CartPole-v1")

    env = Own()
    env.gravity, env.length = 2.0, 8.0
    assert (env.gravity, env.length) == (2.0, 8.0)
    assert env.batch.parameter("gravity") == np.float32(9.8) and env.batch.parameter("half_length") == 0.5
    wrapped = gym.make("operant/CartPole-v1")
    wrapped.gravity = 3.0
    assert wrapped.unwrapped.gravity == 9.8
    assert wrapped.get_wrapper_attr("tau") == 0.02
    wrapped.set_wrapper_attr("tau", 0.01)
    assert wrapped.unwrapped.tau == 0.01


def test_a_closed_environment_has_no_attributes_any_more():
    env = gym.make("operant/CartPole-v1").unwrapped
    env.close()
    assert not hasattr(env, "gravity")
    with pytest.raises(AttributeError, match="gravity: the environment is closed: make a new one"):
        env.gravity  # noqa: B018


def test_copies_keep_what_was_assigned():
    env = gym.make("operant/CartPole-v1", precision="float64").unwrapped
    env.reset(seed=0)
    env.masspole = 0.4
    for twin in (copy.deepcopy(env), pickle.loads(pickle.dumps(env))):
        assert (twin.masspole, twin.total_mass) == (0.4, 1.1)
        assert twin.step(1)[0].tobytes() == copy.deepcopy(env).step(1)[0].tobytes()


def test_gymnasiums_vector_of_single_environments_gets_sets_and_calls():
    ours, theirs = (
        SyncVectorEnv([partial(gym.make, name, **options)] * 2)
        for name, options in (("operant/CartPole-v1", {"precision": "float64"}), ("CartPole-v1", {}))
    )
    for envs in (ours, theirs):
        envs.set_attr("gravity", [1.0, 20.0])
        envs.set_attr("tau", 0.01)
        assert envs.get_attr("gravity") == envs.call("gravity") == (1.0, 20.0)
        envs.reset(seed=3)
    for _ in range(30):
        assert data_equivalence(ours.step(np.ones(2, int))[:4], theirs.step(np.ones(2, int))[:4], exact=True)


# The native batch.


@pytest.mark.parametrize(
    "env_id, name, values",
    [
        ("CartPole-v1", "masspole", (0.2, 0.5, 1.0)),
        ("CartPole-v1", "total_mass", (1.5, 2.0, 3.0)),
        ("CartPole-v1", "state", tuple(np.full(4, k / 50) for k in range(3))),
        ("Pendulum-v1", "g", (1, 2.5, 9.8)),
        ("Acrobot-v1", "AVAIL_TORQUE", ([-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-0.5, 0.0, 0.5])),
        ("Taxi-v4", "s", (123, 44, 7)),
        ("Blackjack-v1", "player", ([10, 10], [1, 5], [2, 3, 4])),
    ],
)
def test_a_native_batch_has_a_value_per_environment(env_id, name, values):
    ours = vector(env_id, 3, precision="float64", autoreset_mode="NextStep")
    theirs = gym.make_vec(env_id, 3, vectorization_mode="sync")
    for envs in (ours, theirs):
        envs.reset(seed=1)
        before = envs.get_attr(name)
        envs.set_attr(name, values)
        got = envs.get_attr(name)
        assert len(before) == len(got) == 3
        assert all(np.array_equal(a, b) for a, b in zip(got, values, strict=True))
    for _ in range(20):
        actions = theirs.action_space.sample()
        for mine, other in zip(ours.step(actions)[:4], theirs.step(actions)[:4], strict=True):
            assert data_equivalence(mine, other, exact=True)


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Taxi-v4", "Blackjack-v1"])
def test_a_native_batch_calls_reset_as_gymnasium_does(env_id):
    ours = gym.make_vec(f"operant/{env_id}", 3, precision="float64")
    ours.call("reset", seed=4)
    results = ours.call("reset", seed=5)
    if env_id in gym.registry:  # Taxi-v4 needs a new Gymnasium
        theirs = gym.make_vec(env_id, 3, vectorization_mode="sync").call("reset", seed=5)
        for (seen, info), (expected, about) in zip(results, theirs, strict=True):
            assert np.array_equal(seen, expected) and sorted(info) == sorted(about)
    assert len(results) == 3 and len({str(each) for each in results}) == 1  # one seed for all
    again = ours.call("reset")
    assert len({str(each) for each in again}) == 1 and str(again) != str(results)


def test_a_native_batch_calls_methods_and_refuses_unknown_names():
    envs = vector("Taxi-v4", 2)
    observations, infos = envs.reset(seed=0)
    assert envs.call("decode", 123) == ((1, 1, 0, 3),) * 2
    assert envs.call("encode", 1, 1, 0, 3) == (123, 123)
    assert [mask.tolist() for mask in envs.call("action_mask", 0)] == [[1, 0, 1, 0, 1, 0]] * 2
    assert envs.call("s") == tuple(observations.tolist())
    assert envs.action_masks().tolist() == infos["action_mask"].tolist()
    assert envs.get_attr("action_space") == (gym.spaces.Discrete(6),) * 2
    with pytest.raises(AttributeError, match=r"unknown attribute 'decod': did you mean 'decode'"):
        envs.get_attr("decod")
    with pytest.raises(AttributeError, match="P of operant/Taxi-v4 cannot be assigned"):
        envs.set_attr("P", {})
    cartpoles = vector("CartPole-v1", 2, randomize={"gravity": (8.0, 12.0)})
    with pytest.raises(ValueError, match=r"set_attr\('gravity'\): it is randomised for every episode"):
        cartpoles.set_attr("gravity", 9.0)
    with pytest.raises(ValueError, match=r"set_attr\('length'\) at index 1: parameter 'half_length' = -1.0 is outside"):
        cartpoles.set_attr("length", [1.0, -1.0])
    with pytest.raises(ValueError, match=r"give a number, or one for each of 2 indices"):
        cartpoles.set_attr("length", [1.0] * 3)
    assert cartpoles.get_attr("length") == (0.5, 0.5)
    with pytest.raises(AttributeError, match="operant/CartPole-v1 has no action masks"):
        cartpoles.action_masks()


# Models of toy text.


@pytest.mark.parametrize(
    "env_id, options",
    [
        ("FrozenLake-v1", {"is_slippery": False, "map_name": "8x8"}),
        ("FrozenLake-v1", {"desc": ["FSH", "HFG"], "success_rate": 0.8, "reward_schedule": (5, -1.5, 0)}),
        ("CliffWalking-v1", {"is_slippery": True}),
        ("Taxi-v4", {"is_rainy": True, "rainy_probability": 0.7}),
    ],
)
def test_the_tables_are_gymnasiums_with_every_option(env_id, options):
    ours, theirs = pair(env_id, "float32", **options)
    for name in documented(theirs.unwrapped) & {"P", "desc", "nrow", "ncol", "initial_state_distrib", "reward_range"}:
        same_value(getattr(ours.unwrapped, name), getattr(theirs.unwrapped, name))


def test_taxis_methods_are_gymnasiums():
    ours, theirs = (env.unwrapped for env in pair("Taxi-v4"))
    for state in range(0, 500, 7):
        same_value(ours.decode(state), theirs.decode(state))
        same_value(ours.encode(*ours.decode(state)), state)
        same_value(ours.action_mask(state), theirs.action_mask(state))
    same_value(
        gym.make("operant/MountainCar-v0").unwrapped.get_keys_to_action(), {(): 1, (276,): 0, (275,): 2, (275, 276): 1}
    )
