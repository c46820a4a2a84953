"""Taxi: outcomes and their frequencies, fickle passengers, and action masks."""

from collections import Counter

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.toy_text.taxi import TaxiEnv
from support import physical, put, vector
from transitions import distance, reached, same_outcomes

from operant.catalog.taxi import ACTION_MASKS

GYMNASIUMS = TaxiEnv()
STATES = np.array([[*GYMNASIUMS.decode(number), 0] for number in range(500)])
THIRD = {"is_rainy": True, "rainy_probability": 1 / 3}


@pytest.mark.parametrize("options", [{}, THIRD], ids=["dry", "rainy"])
def test_every_state_and_action_leads_where_gymnasiums_table_says(options):
    same_outcomes(reached("Taxi-v4", STATES, **options), TaxiEnv(**options).P, range(500))


def test_a_rainy_move_goes_astray_as_often_as_it_should():
    count = 60_000
    env = vector("Taxi-v4", count, autoreset_mode="Disabled", is_rainy=True)
    env.reset(seed=1)
    put(env, np.tile([2, 2, 0, 1, 0], (count, 1)))
    env.step(np.zeros(count, np.int64))
    places = Counter(map(tuple, physical(env)[:, :2].tolist()))
    assert distance(places, {(3.0, 2.0): 0.8, (2.0, 1.0): 0.1, (2.0, 3.0): 0.1}) < 1


def test_an_episode_begins_anywhere_with_a_passenger_who_has_somewhere_to_go():
    env = vector("Taxi-v4", 90_000)
    observations, _ = env.reset(seed=5)
    possible = np.flatnonzero(GYMNASIUMS.initial_state_distrib).tolist()
    assert len(possible) == 300
    assert distance(Counter(observations.tolist()), dict.fromkeys(possible, 1 / 300)) < 1


def test_a_fickle_passenger_changes_to_one_of_three_destinations_when_the_taxi_first_moves():
    count = 60_000
    env = vector("Taxi-v4", count, autoreset_mode="Disabled", fickle_passenger=True)
    env.reset(seed=1)
    put(env, np.tile([2, 2, 4, 1, 1], (count, 1)))
    before = physical(env)
    env.step(np.full(count, 4))  # an impossible pick-up: the taxi stays, and the destination does not change
    assert np.array_equal(physical(env), before)
    env.step(np.zeros(count, np.int64))
    after = physical(env)
    assert (after[:, :3] == [3, 2, 4]).all() and (after[:, 4] == 0).all()
    assert distance(Counter(after[:, 3].tolist()), dict.fromkeys((0.0, 2.0, 3.0), 1 / 3)) < 1
    env.step(np.ones(count, np.int64))
    assert np.array_equal(physical(env)[:, 3], after[:, 3])


@pytest.mark.parametrize("fickle, share", [(True, 0.3), (False, 0.0)])
def test_a_passenger_is_fickle_as_often_as_it_should_be(fickle, share):
    env = vector("Taxi-v4", 60_000, fickle_passenger=fickle)
    env.reset(seed=2)
    moods = Counter(physical(env)[:, 4].tolist())
    assert moods == {0.0: 60_000} if share == 0 else distance(moods, {1.0: share, 0.0: 1 - share}) < 1


def test_both_builds_drive_alike():
    fast, exact = (vector("Taxi-v4", 500, precision=p, autoreset_mode="Disabled") for p in ("float32", "float64"))
    for env in (fast, exact):
        env.reset(seed=0)
        put(env, STATES)
    for actions in np.random.default_rng(0).integers(0, 5, (100, 500)):
        mine, other = fast.step(actions), exact.step(actions)
        assert [part.tolist() for part in mine[:4]] == [part.tolist() for part in other[:4]]


def test_the_masks_are_gymnasiums():
    assert [list(map(int, mask)) for mask in ACTION_MASKS] == [
        GYMNASIUMS.action_mask(number).tolist() for number in range(500)
    ]


def test_the_fast_builds_infos_hold_the_mask_of_each_observation():
    env = gym.make_vec("operant/Taxi-v4", num_envs=40)
    observations, infos = env.reset(seed=0)
    for _ in range(3):
        assert infos["action_mask"].dtype == np.int8 and infos["action_mask"].shape == (40, 6)
        assert infos["action_mask"].tolist() == [list(map(int, ACTION_MASKS[number])) for number in observations]
        assert infos["_action_mask"].tolist() == [True] * 40
        sampled = env.single_action_space.sample(mask=infos["action_mask"][0])
        observations, *_, infos = env.step(np.full(40, sampled))


def test_a_kept_mask_does_not_change():
    env = gym.make_vec("operant/Taxi-v4", num_envs=40)
    _, infos = env.reset(seed=0)
    kept, copied = infos["action_mask"], infos["action_mask"].copy()
    for _ in range(5):
        env.step(np.zeros(40, np.int64))
    assert np.array_equal(kept, copied)
