"""The descriptors agree with the C headers and Gymnasium's specs."""

import math
import re

import gymnasium as gym
import numpy as np
import pytest
from support import CLASSIC_IDS, gymnasium_env

from operant.batch.core import defaults, parameters
from operant.catalog import CATALOG, MULTIAGENT, specs_by_header
from operant.environments.lookup import find_single_agent_spec, find_spec
from operant.environments.single import OperantEnv
from operant.environments.vector import OperantVectorEnv
from operant.headers.sources import built_in_header, native_folder
from operant.spec import Parameter


def members(header, struct):
    """The names of a struct's members, in order."""
    text = re.sub(r"/\*.*?\*/", "", (native_folder() / built_in_header(header)).read_text(), flags=re.S)
    body = re.search(r"typedef struct \{([^}]*)\}\s*" + f"{header}_{struct};", text).group(1)
    return [name.strip() for part in re.findall(r"v[fi]\s+([^;]*);", body) for name in part.split(",")]


def test_the_catalog_has_gymnasiums_classic_control():
    assert list(CLASSIC_IDS) == [
        "CartPole-v0",
        "CartPole-v1",
        "MountainCar-v0",
        "MountainCarContinuous-v0",
        "Pendulum-v1",
        "Acrobot-v1",
    ]
    assert all(spec.id == name for name, spec in CATALOG.items())


@pytest.mark.parametrize("prefix", ["", "operant/", "operant:operant/"])
def test_an_id_is_understood_with_its_namespace_and_its_module(prefix):
    assert find_spec(f"{prefix}CartPole-v1").id == "CartPole-v1"
    assert find_single_agent_spec(f"{prefix}Acrobot-v1", "a test").id == "Acrobot-v1"
    assert find_spec(f"{prefix}simple_tag-v3").id == find_spec(f"{prefix}simple_tag_v3").id == "simple_tag-v3"
    assert OperantEnv(f"{prefix}Pendulum-v1").observation_space.shape == (3,)
    assert OperantVectorEnv(f"{prefix}Pendulum-v1").single_observation_space.shape == (3,)


def test_an_invalid_id_is_refused_by_name():
    with pytest.raises(TypeError, match=r"env_id=None must be a str such as 'operant/CartPole-v1', not NoneType"):
        find_spec(None)


def test_the_state_is_that_of_the_header_in_order(classic_id):
    spec = CATALOG[classic_id]
    assert [part.name for part in spec.state] == members(spec.header, "state")


def test_a_parameter_is_what_its_header_lists():
    assert parameters(CATALOG["CartPole-v1"])[:2] == (
        Parameter("gravity", 9.8, "m/s2", 0, 1000),
        Parameter("cart_mass", 1.0, "kg", 0.001, 1e6),
    )
    assert list(defaults(CATALOG["Pendulum-v1"])) == [
        "gravity",
        "mass",
        "length",
        "dt",
        "max_speed",
        "max_torque",
        "x_init",
        "y_init",
    ]
    assert parameters(MULTIAGENT["simple_tag-v3"])[1] == Parameter("damping", 0.25, "per step", 0, 1)


@pytest.mark.parametrize("header, spec", specs_by_header().items())
def test_every_parameter_that_a_descriptor_names_is_one_of_its_header(header, spec):
    assert spec.named_parameters <= set(defaults(spec))


def test_sizes_and_actions_are_those_of_the_header(classic_id):
    spec = CATALOG[classic_id]
    text = (native_folder() / built_in_header(spec.header)).read_text()
    sizes = {
        name: int(re.search(rf"{spec.header}_{name} = (\d+)", text).group(1))
        for name in ("observation_size", "action_size", "actions")
    }
    assert sizes == {
        "observation_size": len(spec.observation),
        "action_size": max(1, len(spec.action_bounds)),
        "actions": spec.actions,
    }


def test_spaces_equal_gymnasiums(classic_id, precision):
    ours, theirs = OperantEnv(classic_id, precision=precision), gym.make(classic_id)
    assert ours.observation_space == theirs.observation_space
    assert ours.observation_space.dtype == theirs.observation_space.dtype
    assert ours.action_space == theirs.action_space


def test_limits_thresholds_and_frame_rates_equal_gymnasiums(classic_id):
    spec, ours, theirs = CATALOG[classic_id], gym.spec(f"operant/{classic_id}"), gym.spec(classic_id)
    assert spec.max_episode_steps == ours.max_episode_steps == theirs.max_episode_steps
    assert spec.reward_threshold == ours.reward_threshold == theirs.reward_threshold
    assert spec.render_fps == gym.make(classic_id).metadata["render_fps"]


def test_every_default_is_gymnasiums_attribute(classic_id):
    spec, theirs = CATALOG[classic_id], gymnasium_env(classic_id)
    compared = {name for name in defaults(spec) if hasattr(theirs, spec.attribute(name))}
    assert {name for name, attribute in spec.attributes.items() if attribute} <= compared
    for name in compared:
        assert defaults(spec)[name] == getattr(theirs, spec.attribute(name)), name


@pytest.mark.parametrize(
    "env_id, expected",
    [
        ("CartPole-v1", {"low": -0.05, "high": 0.05, "sutton_barto_reward": 0.0}),
        ("MountainCar-v0", {"low": -0.6, "high": -0.4}),
        ("MountainCarContinuous-v0", {"low": -0.6, "high": -0.4, "gravity": 0.0025}),
        ("Pendulum-v1", {"x_init": math.pi, "y_init": 1.0}),
        ("Acrobot-v1", {"low": -0.1, "high": 0.1, "gravity": 9.8, "torque": 1.0}),
    ],
)
def test_the_defaults_that_are_literals_in_gymnasium_are_those(env_id, expected):
    known = defaults(CATALOG[env_id])
    assert {name: known[name] for name in expected} == expected


def test_every_default_is_within_its_bounds(classic_id):
    for part in parameters(CATALOG[classic_id]):
        assert part.low <= part.default <= part.high
        assert part.unit


def test_gymnasiums_constructor_arguments_are_all_options(classic_id):
    import inspect

    arguments = set(inspect.signature(type(gymnasium_env(classic_id)).__init__).parameters) - {"self", "render_mode"}
    assert set(CATALOG[classic_id].options) == arguments


def test_infinite_bounds_are_float32_infinity():
    space = OperantEnv("CartPole-v1").observation_space
    assert np.isinf(space.high[[1, 3]]).all() and space.dtype == np.float32
