"""Gymnasium's toy text: the float64 build equals Gymnasium bit for bit, and training reads integer observations."""

import inspect

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from support import sync, vector

from operant.batch.core import defaults
from operant.catalog import CATALOG
from operant.models import PPO
from operant.models.collection.sources import NativeEnvironments, make_environments

TASKS = {
    "FrozenLake-v1": [
        {},
        {"is_slippery": False},
        {"success_rate": 0.75, "reward_schedule": (10, -5, -0.1)},
        {"map_name": "8x8"},
        {"desc": ["SFH", "FFG"]},
    ],
    "FrozenLake8x8-v1": [{}, {"map_name": "4x4"}],
    "CliffWalking-v1": [{}, {"is_slippery": True}],
    "CliffWalkingSlippery-v1": [{}],
    "Taxi-v4": [
        {},
        {"is_rainy": True},
        {"fickle_passenger": True, "fickle_probability": 0.9, "is_rainy": True, "rainy_probability": 0.5},
    ],
    "Blackjack-v1": [{}, {"sab": False, "natural": True}, {"sab": False}],
}
CASES = [pytest.param(name, options, id=f"{name} {options}") for name, each in TASKS.items() for options in each]
IDS = tuple(TASKS)
EXACT = (("operant/CliffWalkingSlippery-v1", {"precision": "float64"}), ("CliffWalkingSlippery-v1", {}))


def observed(observations):
    """Batched observations as bytes with their dtypes, a tuple's part by part."""
    parts = observations if isinstance(observations, tuple) else (observations,)
    return [(part.dtype, part.shape, part.tobytes()) for part in parts]


def same_infos(ours, theirs):
    """Asserts equal keys, values and dtypes; but where Gymnasium has truncated `prob` to integers, it is a float."""
    assert set(ours) == set(theirs)
    for key, value in ours.items():
        if isinstance(value, dict):
            same_infos(value, theirs[key])
        elif key == "prob" and value.dtype == float and theirs[key].dtype == int:
            assert value.astype(int).tolist() == theirs[key].tolist()
        else:
            assert value.dtype == theirs[key].dtype and value.tolist() == theirs[key].tolist(), key
            assert [*map(type, value.tolist())] == [*map(type, theirs[key].tolist())], key


def act(env_id, observations, random):
    """Random actions, except that a taxi that can pick up or drop off its passenger usually does."""
    rows = len(observations[0]) if isinstance(observations, tuple) else len(observations)
    if env_id != "Taxi-v4":
        return random.integers(0, CATALOG[env_id].actions, rows)
    masks = np.array(CATALOG[env_id].action_masks)[observations]
    chosen = np.array([random.choice(np.flatnonzero(mask)) for mask in masks])
    eager = np.where(masks[:, 4], 4, np.where(masks[:, 5], 5, chosen))
    return np.where(random.random(rows) < 0.9, eager, random.integers(0, 6, rows))


@pytest.mark.parametrize("env_id, options", CASES)
def test_the_float64_build_is_gymnasium_bit_for_bit_in_every_autoreset_mode(env_id, options, mode):
    ours = vector(env_id, 5, precision="float64", autoreset_mode=mode, **options)
    theirs = sync(env_id, 5, mode, **options)
    assert ours.single_observation_space == theirs.single_observation_space
    observations, infos = ours.reset(seed=7)
    expected, expected_infos = theirs.reset(seed=7)
    random, ended = np.random.default_rng(1), 0
    for _ in range(250):
        assert observed(observations) == observed(expected)
        same_infos(infos, expected_infos)
        actions = act(env_id, observations, random)
        observations, rewards, terminated, truncated, infos = ours.step(actions)
        expected, *others, expected_infos = theirs.step(actions)
        for mine, other in zip((rewards, terminated, truncated), others, strict=True):
            assert mine.dtype == other.dtype and mine.tobytes() == other.tobytes()
        over = terminated | truncated
        ended += over.sum()
        if mode == "Disabled" and over.any():
            assert observed(observations) == observed(expected)
            observations, infos = ours.reset(options={"reset_mask": over.copy()})
            expected, expected_infos = theirs.reset(options={"reset_mask": over.copy()})
    # An episode of Taxi, or on a slippery cliff, may be longer than this test.
    assert ended or env_id.startswith(("Taxi", "Cliff"))


@pytest.mark.parametrize("env_id", IDS)
def test_a_single_environment_returns_what_gymnasiums_does(env_id):
    ours, theirs = gym.make(f"operant/{env_id}", precision="float64"), gym.make(env_id)
    assert ours.spec.max_episode_steps == theirs.spec.max_episode_steps
    assert ours.spec.reward_threshold == theirs.spec.reward_threshold
    mine, other = ours.reset(seed=3), theirs.reset(seed=3)
    for action in np.random.default_rng(0).integers(0, CATALOG[env_id].actions, 40):
        assert mine[0] == other[0]
        assert ours.observation_space.contains(mine[0])
        assert data_equivalence(mine[-1], other[-1], exact=True)
        mine, other = ours.step(action), theirs.step(action)
        assert mine[1:4] == other[1:4]
        if mine[2] or mine[3]:
            assert mine[0] == other[0]
            mine, other = ours.reset(), theirs.reset()


def test_np_random_follows_the_draws_of_the_exact_builds_steps():
    ours, theirs = (gym.make(name, **options).unwrapped for name, options in EXACT)
    ours.reset(seed=0)
    theirs.reset(seed=0)
    for action in (1, 2, 0):
        assert ours.step(action)[0] == theirs.step(action)[0]
    assert ours.np_random.random() == theirs.np_random.random()
    for action in (3, 1):  # these draw after the number that was taken here
        assert ours.step(action)[0] == theirs.step(action)[0]
        assert ours.np_random.bit_generator.state == theirs.np_random.bit_generator.state
    ours.np_random, theirs.np_random = np.random.default_rng(5), np.random.default_rng(5)
    assert ours.np_random_seed == theirs.np_random_seed == -1
    for action in (2, 1, 0):
        assert ours.step(action)[0] == theirs.step(action)[0]
    assert ours.np_random.bit_generator.state == theirs.np_random.bit_generator.state


@pytest.mark.parametrize("env_id", IDS)
def test_a_frame_is_gymnasiums_pixel_for_pixel(env_id):
    ours = gym.make(f"operant/{env_id}", precision="float64", render_mode="rgb_array")
    theirs = gym.make(env_id, render_mode="rgb_array")
    for seed in range(3):
        ours.reset(seed=seed)
        theirs.reset(seed=seed)
        for action in (1, 0, 1):
            assert (ours.render() == theirs.render()).all()
            if ours.step(action)[2] | theirs.step(action)[2]:
                assert (ours.render() == theirs.render()).all()
                break
    ours.close()
    theirs.close()


@pytest.mark.parametrize("env_id", IDS)
def test_the_defaults_are_gymnasiums(env_id):
    spec, theirs = CATALOG[env_id], gym.spec(env_id)
    options = {option: defaults(spec)[name] for option, name in spec.options.items()}
    signature = inspect.signature(type(gym.make(env_id).unwrapped).__init__).parameters
    for name, value in options.items():
        assert value == theirs.kwargs.get(name, signature[name].default), name
    joint = {name for names in spec.joint_options for name in names}
    assert {*options, *joint} == set(signature) - {"self", "render_mode"}


def test_an_unknown_option_is_refused_with_gymnasiums_names():
    with pytest.raises(
        TypeError, match=r"operant/FrozenLake-v1 got an unexpected keyword argument 'slippery'.*is_slippery"
    ):
        vector("FrozenLake-v1", 2, slippery=True)
    with pytest.raises(ValueError, match=r"rainy_probability.*1\.5"):
        vector("Taxi-v4", 2, rainy_probability=1.5)


@pytest.mark.parametrize("env_id", ["FrozenLake-v1", "Blackjack-v1"])
def test_training_reads_the_batchs_integers_as_rows_of_their_bytes(env_id):
    """The rows have the form of `Layout(space)`, which a policy takes for any space."""
    environments = make_environments(f"operant/{env_id}", 3, {})
    assert type(environments) is NativeEnvironments
    buffer = environments.allocate(4)
    environments.reset(5, buffer)
    plain = vector(env_id, 3, autoreset_mode="SameStep")
    expected, _ = plain.reset(seed=5)
    layout = make_environments(env_id, 1, {}).layout

    def integers(rows):
        return observed(layout.unflatten(rows))

    assert integers(buffer.observations[-1]) == observed(expected)
    buffer.roll()
    for t in range(4):
        buffer.actions[t] = 1
        episodes = environments.step(buffer, t)
        expected, *_ = plain.step(np.ones(3, np.int64))
        assert integers(buffer.observations[t + 1]) == observed(expected)
        assert episodes is None or episodes.final_observations.shape == (0, *layout.shape)


def test_ppo_learns_to_cross_the_lake():
    config = PPO.Config(num_envs=64, rollout_steps=32, threads=1)
    algorithm = PPO("operant/FrozenLake-v1", config, seed=0, env_options={"is_slippery": False})
    *_, last = algorithm.iterate(60_000)
    assert last["episode_return"] > 0.9  # of 1; a random walk reaches the goal in 1 to 2 of 100 episodes
    algorithm.close()


@pytest.mark.parametrize("forbidden", [True, False], ids=["forbidden", "allowed"])
@pytest.mark.parametrize("backend", ["native", "torch"])
def test_masks_keep_ppo_from_impossible_actions(forbidden, backend):
    config = PPO.Config(num_envs=8, rollout_steps=32, threads=1, mask_actions=forbidden, backend=backend)
    algorithm = PPO("operant/Taxi-v4", config, seed=0)
    algorithm.learn(8 * 32)
    masks, states = np.array(CATALOG["Taxi-v4"].action_masks), np.arange(500)
    for deterministic in (True, False):
        actions, _ = algorithm.predict(states, deterministic=deterministic)
        assert masks[states, actions].all() == forbidden
    algorithm.close()
