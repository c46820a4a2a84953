"""FrozenLake: outcomes and their frequencies on any map, and invalid maps."""

from collections import Counter

import numpy as np
import pytest
from gymnasium.envs.toy_text.frozen_lake import FrozenLakeEnv, generate_random_map
from hypothesis import given, settings
from hypothesis import strategies as st
from support import put, sync, vector
from transitions import distance, reached, same_outcomes

from operant.batch.core import defaults
from operant.catalog.frozen_lake import SPEC, map_parameters
from operant.models import PPO
from operant.reference.frozen_lake import FrozenLake

SIDES = st.integers(2, 8)


@st.composite
def maps(draw):
    """Maps of any shape up to 8 x 8 with one start, a goal somewhere, and more goals and holes."""
    rows, columns = draw(SIDES), draw(SIDES)
    tiles = draw(st.lists(st.sampled_from("FFFFHHG"), min_size=rows * columns, max_size=rows * columns))
    tiles[draw(st.integers(0, len(tiles) - 1))] = "S"
    return ["".join(tiles[row * columns : (row + 1) * columns]) for row in range(rows)]


def places(desc):
    """The row and column of every tile, in Gymnasium's order: `[tiles, 2]`."""
    return np.argwhere(np.ones((len(desc), len(desc[0]))))


@pytest.mark.parametrize("env_id, name", [("FrozenLake-v1", "4x4"), ("FrozenLake8x8-v1", "8x8")])
@pytest.mark.parametrize("slippery", [True, False])
def test_every_state_and_action_leads_where_gymnasiums_table_says(env_id, name, slippery):
    theirs = FrozenLakeEnv(map_name=name, is_slippery=slippery)
    found = reached(env_id, places(theirs.desc), is_slippery=slippery)
    same_outcomes(found, theirs.P, range(len(theirs.P)))


@settings(max_examples=15)
@given(desc=maps(), rewards=st.tuples(*[st.integers(-9, 9)] * 3))
def test_on_any_map_the_table_is_gymnasiums(desc, rewards):
    theirs = FrozenLakeEnv(desc=desc, reward_schedule=rewards)
    found = reached("FrozenLake-v1", places(desc), desc=desc, reward_schedule=rewards)
    same_outcomes(found, theirs.P, range(len(theirs.P)))


@settings(max_examples=10)
@given(desc=maps(), rate=st.floats(0, 1), seed=st.integers(0, 2**32))
def test_on_any_map_the_float64_build_is_gymnasium_bit_for_bit(desc, rate, seed):
    ours = vector("FrozenLake-v1", 3, precision="float64", desc=desc, success_rate=rate)
    theirs = sync("FrozenLake-v1", 3, desc=desc, success_rate=rate)
    assert ours.observation_space == theirs.observation_space
    assert ours.reset(seed=seed)[0].tolist() == theirs.reset(seed=seed)[0].tolist()
    for actions in np.random.default_rng(seed).integers(0, 4, (30, 3)):
        for mine, other in zip(ours.step(actions)[:4], theirs.step(actions)[:4], strict=True):
            assert mine.dtype == other.dtype and mine.tobytes() == other.tobytes()


@pytest.mark.parametrize("rate", [1 / 3, 0.8])
def test_the_fast_build_slips_as_often_as_it_should(rate):
    count = 60_000
    env = vector("FrozenLake-v1", count, autoreset_mode="Disabled", success_rate=rate)
    env.reset(seed=1)
    put(env, np.tile([2, 1], (count, 1)))  # tile 9, among tiles 5, 8, 10 and 13
    observations, *_ = env.step(np.full(count, 2))
    aside = (1 - rate) / 2
    assert distance(Counter(observations.tolist()), {10: rate, 5: aside, 13: aside}) < 1


def test_without_slipping_both_builds_walk_alike():
    fast, exact = (vector("FrozenLake8x8-v1", 50, precision=p, is_slippery=False) for p in ("float32", "float64"))
    assert fast.reset(seed=0)[0].tolist() == exact.reset(seed=9)[0].tolist()
    for actions in np.random.default_rng(0).integers(0, 4, (300, 50)):
        mine, other = fast.step(actions), exact.step(actions)
        assert [part.tolist() for part in mine[:4]] == [part.tolist() for part in other[:4]]


def test_environments_of_one_batch_may_have_different_maps():
    drawn = [generate_random_map(size=8, seed=seed) for seed in range(6)]
    each = [map_parameters(desc) for desc in drawn]
    params = {name: np.array([one[name] for one in each]) for name in each[0]}
    ours = vector("FrozenLake8x8-v1", 6, precision="float64", params=params)
    ours.reset(seed=3)
    singles = [sync("FrozenLake8x8-v1", 1, desc=desc) for desc in drawn]
    for seed, single in enumerate(singles, 3):
        single.reset(seed=seed)
    for actions in np.random.default_rng(0).integers(0, 4, (100, 6)):
        expected = [single.step(actions[i : i + 1])[0][0] for i, single in enumerate(singles)]
        assert ours.step(actions)[0].tolist() == expected


def test_a_users_map_is_drawn_by_gymnasium():
    desc = ["HFS", "FFG"]
    ours = vector("FrozenLake-v1", 1, render_mode="rgb_array", desc=desc)
    theirs = FrozenLakeEnv(desc=desc, render_mode="rgb_array")
    ours.reset(seed=0)
    theirs.reset(seed=0)
    assert np.array_equal(ours.render()[0], theirs.render())
    theirs.close()


@given(desc=maps())
def test_the_drawn_map_is_the_given_map(desc):
    artist = FrozenLake()
    for name, number in map_parameters(desc).items():
        setattr(artist, name, float(number))
    artist.state = [0, 1, 3]
    assert [b"".join(row).decode() for row in artist.desc] == desc
    assert artist.s == 1 and (artist.nrow, artist.ncol) == (len(desc), len(desc[0]))


@pytest.mark.parametrize(
    "desc",
    [["SFH", "FFG"], (b"SFH", b"FFG"), [["S", "F", "H"], ["F", "F", "G"]], np.asarray(["SFH", "FFG"], dtype="c")],
    ids=["strings", "bytes", "letters", "Gymnasium's array"],
)
def test_a_map_may_be_written_as_gymnasium_takes_it(desc):
    known = map_parameters(desc)
    assert (known["columns"], known["last_tile"], known["start_row"], known["start_column"]) == (3, 5, 0, 0)
    assert (known["tiles_0"], known["tiles_1"], known["tiles_2"]) == (1 << 4, 2 << 4, 0)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"desc": ["SFFFFFFFG"]}, r"desc has 1 x 9 tiles, but at most 8 x 8 are supported: use Gymnasium's own Frozen"),
        ({"desc": ["SF", "G"]}, r"desc=\['SF', 'G'\] must be rows of equal length"),
        ({"desc": []}, r"desc=\[\] must be rows of equal length"),
        ({"desc": ["SX", "FG"]}, r"desc has the tile 'X': use S \(start\), F"),
        ({"desc": ["SS", "FG"]}, r"desc has 2 tiles S: give it exactly one start"),
        ({"desc": ["FF", "FG"]}, r"desc has 0 tiles S: give it exactly one start"),
        ({"map_name": "5x5"}, r"map_name='5x5' must be '4x4' or '8x8'; or give desc="),
        ({"map_name": None}, r"map_name=None without a desc: .* give desc=.*generate_random_map"),
        ({"reward_schedule": (1, 0)}, r"reward_schedule=\(1, 0\) must be three numbers: \(goal, hole, frozen\)"),
        ({"success_rate": 1.5}, r"success_rate.*1\.5"),
    ],
)
def test_an_invalid_map_is_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        vector("FrozenLake-v1", 2, **options)


def test_a_map_and_one_of_its_parameters_cannot_both_be_given():
    with pytest.raises(TypeError, match=r"desc and params\['columns'\] set the same parameter: give one of them"):
        vector("FrozenLake-v1", 2, desc=["SFH", "FFG"], params={"columns": 3})


def test_a_map_given_by_name_has_the_parameters_of_the_other_id():
    ours, theirs = vector("FrozenLake-v1", 1, map_name="8x8"), vector("FrozenLake8x8-v1", 1)
    names = [*defaults(SPEC)]
    assert [ours.parameter(name) for name in names] == [theirs.parameter(name) for name in names]


def test_ppo_learns_to_cross_the_lake():
    config = PPO.Config(num_envs=64, rollout_steps=32, threads=1)
    algorithm = PPO("operant/FrozenLake-v1", config, seed=0, env_options={"is_slippery": False})
    *_, last = algorithm.iterate(60_000)
    assert last["episode_return"] > 0.9  # of 1; a random walk reaches the goal in 1 or 2 of 100 episodes
    algorithm.close()
