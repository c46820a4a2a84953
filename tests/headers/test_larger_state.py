"""Headers with arrays in their state, integers in what they observe, actions of several components, or one lane."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from larger_headers import (
    BRANCHES,
    BRANCHES_TOML,
    CHOIR,
    CHOIR_TOML,
    DIAL,
    DIAL_TOML,
    GARDEN,
    GARDEN_PY,
    GARDEN_TOML,
    TURNS,
    write,
)

import operant
from operant.batch.batch import Batch
from operant.conformance.checks import CHECKS
from operant.conformance.parity import parity
from operant.conformance.trajectories import fast_targets
from operant.environments.layout import Layout
from operant.environments.lookup import find_spec
from operant.environments.single import OperantEnv
from operant.environments.vector import OperantVectorEnv
from operant.headers.descriptor import DescriptorError, read_descriptor
from operant.models.collection.sources import make_environments


@pytest.fixture(scope="module")
def garden(tmp_path_factory):
    return write(tmp_path_factory.mktemp("garden"), "garden", GARDEN, GARDEN_TOML, GARDEN_PY)


@pytest.fixture(scope="module")
def branches(tmp_path_factory):
    return write(tmp_path_factory.mktemp("branches"), "branches", BRANCHES, BRANCHES_TOML)


@pytest.fixture(scope="module")
def choir(tmp_path_factory):
    return write(tmp_path_factory.mktemp("choir"), "choir", CHOIR, CHOIR_TOML)


def dial(folder, kind):
    size = 1 if kind == "Discrete" else 2
    toml = DIAL_TOML.replace("KIND", kind) + TURNS * (size - 1)
    return str(write(folder, "dial", DIAL.replace("SIZE", str(size)), toml))


@pytest.mark.parametrize("name", CHECKS)
def test_a_header_of_arrays_bytes_and_several_actions_passes_every_check(name, garden):
    assert CHECKS[name](read_descriptor(garden))


def test_arrays_integers_and_their_draws_equal_the_python_class_bit_for_bit(garden):
    assert parity(read_descriptor(garden)).endswith("bit for bit")


def test_bytes_have_the_shape_and_dtype_that_the_descriptor_says(garden):
    env = OperantVectorEnv(str(garden), 3)
    assert env.single_observation_space == spaces.Box(0, 255, (4, 5), np.uint8)
    assert env.single_action_space == spaces.MultiDiscrete([12, 3])
    observations, _ = env.reset(seed=0)
    assert observations.shape == (3, 4, 5) and observations.dtype == np.uint8
    assert (observations[:, 3, 4] == 7).all()
    one = OperantEnv(str(garden))
    assert one.reset(seed=0)[0].tobytes() == observations[0].tobytes()
    assert one.step(np.array([11, 2]))[0].shape == (4, 5)
    assert one.observation_space.contains(one.reset()[0])


def test_the_final_observations_of_bytes_are_those_of_next_step(garden):
    modes = {mode: OperantVectorEnv(str(garden), 40, autoreset_mode=mode) for mode in ("NextStep", "SameStep")}
    for env in modes.values():
        env.reset(seed=1)
    ended = 0
    for t in range(29):
        actions = np.stack([np.arange(40) % 12, np.full(40, 2)], axis=-1)
        if ended == 0:
            results = {mode: env.step(actions) for mode, env in modes.items()}
            over = results["NextStep"][2]
            ended += over.sum()
            for i in np.flatnonzero(over):
                assert results["SameStep"][4]["final_obs"][i].tobytes() == results["NextStep"][0][i].tobytes(), t
    assert ended > 0


def test_a_state_of_arrays_can_be_snapshot_set_and_read_flat(garden):
    env = OperantVectorEnv(str(garden), 5)
    env.reset(seed=2)
    snapshot = env.get_state()
    assert snapshot["beds"].shape == (5, 12) and snapshot["heat"].shape == (5, 2, 3) and snapshot["rain"].shape == (5,)
    snapshot["beds"][3] = np.arange(12)
    assert env.set_state(snapshot)[3].ravel()[:12].tolist() == list(range(12))
    one = OperantEnv(str(garden), precision="float64")
    one.reset(seed=0)
    one.state = np.arange(19) / 4
    assert one.state.tolist() == [*(np.arange(12) // 4), *(np.arange(12, 18) / 4), 4]
    with pytest.raises(ValueError, match=r"the state of garden-v0 is 19 numbers, not an array \(3,\)"):
        one.state = [1, 2, 3]


@pytest.mark.parametrize("row, column, value", [(1, 0, 12), (2, 1, 3), (0, 1, -1)])
def test_each_component_of_an_action_has_its_own_range(garden, row, column, value):
    env = OperantVectorEnv(str(garden), 3)
    env.reset(seed=0)
    before = env.get_state().tobytes()
    actions = np.zeros((3, 2), np.int64)
    actions[row, column] = value
    message = rf"action \[.*{value}.*\] of environment {row} must be integers, each .* below its own of \[12, 3\]"
    with pytest.raises(ValueError, match=message):
        env.step(actions)
    assert env.get_state().tobytes() == before


def test_a_discrete_observation_is_a_number(tmp_path):
    env = OperantVectorEnv(dial(tmp_path, "Discrete"), 4)
    observations, _ = env.reset(seed=0)
    assert env.single_observation_space == spaces.Discrete(5)
    assert env.observation_space.contains(observations) and observations.shape == (4,)
    assert observations.dtype == np.int64
    turned = env.step(np.ones(4, int))[0]
    assert turned.tolist() == ((observations + 1) % 5).tolist()
    one = OperantEnv(str(tmp_path / "dial.h"))
    first = one.reset(seed=0)[0]
    assert first == observations[0] and one.observation_space.contains(first)


def test_integers_are_multi_discrete_or_a_tuple(tmp_path):
    flat, parts = tmp_path / "flat", tmp_path / "parts"
    flat.mkdir(), parts.mkdir()
    envs = OperantVectorEnv(dial(flat, "MultiDiscrete"), 4), OperantVectorEnv(dial(parts, "Tuple"), 4)
    assert envs[0].single_observation_space == spaces.MultiDiscrete([5, 10])
    assert envs[1].single_observation_space == spaces.Tuple([spaces.Discrete(5), spaces.Discrete(10)])
    array, columns = envs[0].reset(seed=3)[0], envs[1].reset(seed=3)[0]
    assert array.shape == (4, 2) and array.dtype == np.int64
    for _ in range(3):
        assert isinstance(columns, tuple) and envs[1].observation_space.contains(columns)
        assert [column.tolist() for column in columns] == array.T.tolist()
        array, columns = envs[0].step(np.ones(4, int))[0], envs[1].step(np.ones(4, int))[0]
    same_step = OperantVectorEnv(str(parts / "dial.h"), 1, autoreset_mode="SameStep")
    same_step.reset(seed=0)
    infos = [same_step.step(np.ones(1, int))[4] for _ in range(9)][-1]
    mark, turns = infos["final_obs"][0]
    assert 0 <= mark < 5 and turns == 9
    one = OperantEnv(str(parts / "dial.h"))
    assert one.observation_space.contains(one.reset(seed=0)[0]) and one.step(0)[0][1] == 0


@pytest.mark.parametrize("kind", ["Discrete", "Tuple"])
def test_policies_get_rows_in_the_layout_of_the_emulation(tmp_path, kind):
    environments = make_environments(dial(tmp_path, kind), 6, {})
    buffer = environments.allocate(9)
    environments.reset(4, buffer)
    buffer.roll()
    buffer.actions[:] = 1
    plain = OperantVectorEnv(str(tmp_path / "dial.h"), 6, autoreset_mode="SameStep")
    layout = Layout(plain.single_observation_space)
    observations, _ = plain.reset(seed=4)
    for t in range(9):
        assert buffer.observations[t].tobytes() == layout.flatten(observations).tobytes()
        ended = environments.step(buffer, t)
        observations, *_, infos = plain.step(np.ones(6, int))
    assert (
        infos["_final_obs"].all() and len(ended.returns) == 6 and ended.final_observations.shape == (0, *layout.shape)
    )


@pytest.mark.parametrize("name", CHECKS)
def test_several_agents_with_arrays_and_hundreds_of_numbers_pass_every_check(name, choir):
    assert CHECKS[name](read_descriptor(choir))


def test_each_agent_has_its_own_choices_and_its_own_hundreds_of_numbers(choir):
    env = OperantVectorEnv(str(choir), 21)
    observations, _ = env.reset(seed=0)
    assert observations.shape == (42, 150) and env.single_action_space == spaces.MultiDiscrete([3, 2])
    assert (observations - observations[:, :1] == np.arange(150)).all()
    actions = np.stack([np.arange(42) % 3, np.arange(42) % 2], axis=-1)
    after, rewards, *_ = env.step(actions)
    assert (after == observations + 0.5 * actions[:, :1]).all()
    assert rewards.tolist() == actions[:, 1].tolist()
    actions[5, 1] = 2
    with pytest.raises(ValueError, match=r"of high of environment 2 must be integers"):
        env.step(actions)


def test_one_lane_at_a_time_runs_behind_the_same_table(branches):
    spec = read_descriptor(branches)
    for name in ("targets", "splits", "determinism", "autoreset"):
        assert CHECKS[name](spec)
    for isa in fast_targets():
        assert Batch(spec, 33, isa=isa).isa == "scalar"
    assert Batch(spec, 33, precision="float64").isa == "exact"


@pytest.mark.parametrize(
    "old, new, message",
    [
        ('observation_dtype = "uint8"', "", r"garden_observe writes uint8, but .* has a Box of float32,.* vf \*"),
        ("actions = [12, 3]", "actions = [12, 4]", r"actions have \(12, 3\) choices, but the descriptor has \(12, 4\)"),
        ("actions = [12, 3]", "actions = [12, 0]", r"actions = \[12, 0\] must be a list of positive integers"),
        ("shape = [12]", "shape = [11]", r"beds is \[12\] in the header: set shape = \[12\]"),
        ("high = 255", "high = 256", r"at most 255, not 0.0 and 256.0"),
        ('observation_dtype = "uint8"', 'observation_dtype = "int8"', r"'int8' must be one of float32, uint8"),
        ("reference", 'observation_kind = "Graph"\nreference', r"'Graph' must be one of Box, Discrete, MultiDiscrete"),
        ("reference", 'observation_kind = "Discrete"\nreference', r"a Discrete observation is one number, not 20"),
    ],
)
def test_a_descriptor_that_contradicts_the_header_is_refused(tmp_path, old, new, message):
    assert old in GARDEN_TOML
    path = write(tmp_path, "garden", GARDEN, GARDEN_TOML.replace(old, new, 1))
    with pytest.raises(ValueError, match=message) as refused:
        Batch(read_descriptor(path), 1)
    assert isinstance(refused.value, DescriptorError) or "differ" in str(refused.value)


def test_stable_baselines3_trains_on_integers_bytes_and_several_choices_as_on_its_own_batch(tmp_path, garden):
    sb3 = pytest.importorskip("stable_baselines3")
    from stable_baselines3.common.vec_env import DummyVecEnv

    from operant.compat.sb3 import OperantVecEnv

    for header in (str(garden), dial(tmp_path, "Discrete")):
        operant.register_env(header)
        env_id = find_spec(header).id
        native = OperantVecEnv([lambda: gym.make(env_id, precision="float64")] * 4)  # noqa: B023
        plain = DummyVecEnv([lambda: gym.make(env_id, precision="float64")] * 4)  # noqa: B023
        weights = []
        for env in (native, plain):
            model = sb3.PPO("MlpPolicy", env, n_steps=16, batch_size=32, n_epochs=2, seed=3).learn(128)
            weights.append(b"".join(part.detach().numpy().tobytes() for part in model.policy.parameters()))
        assert weights[0] == weights[1]


def test_a_tuple_is_an_array_of_integers_where_libraries_want_one(tmp_path):
    path = dial(tmp_path, "Tuple")
    pool = operant.AsyncEnvPool(path, 4)
    assert pool.single_observation_space == spaces.MultiDiscrete([5, 10])
    pool.async_reset(seed=0)
    assert pool.recv()[0].shape == (4, 2)
    pool.close()
