"""Seeds of the fast build: random numbers depend on seed, episode and draw, and on nothing else."""

import numpy as np
import pytest
from support import actions_for, physical, vector

from operant.batch.core import defaults
from operant.catalog import CATALOG
from operant.environments.single import OperantEnv

# Threefry-2x32-20's published vectors (Random123's kat_vectors): counter, key, result.
THREEFRY = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
]


def threefry(counter, key):
    """The cipher with Python's integers, in the paper's form."""
    mask, rotations = 0xFFFFFFFF, (13, 15, 26, 6, 17, 29, 16, 24)
    keys = (*key, key[0] ^ key[1] ^ 0x1BD11BDA)
    x = [(counter[0] + keys[0]) & mask, (counter[1] + keys[1]) & mask]
    for r in range(20):
        x[0] = (x[0] + x[1]) & mask
        rotation = rotations[r % 8]
        x[1] = ((x[1] << rotation | x[1] >> (32 - rotation)) & mask) ^ x[0]
        if r % 4 == 3:
            group = r // 4 + 1
            x = [(x[0] + keys[group % 3]) & mask, (x[1] + keys[(group + 1) % 3] + group) & mask]
    return tuple(x)


@pytest.mark.parametrize("counter, key, result", THREEFRY)
def test_this_files_threefry_returns_the_published_vectors(counter, key, result):
    assert threefry(counter, key) == result


@pytest.mark.parametrize("seed", [0, 7, 2**32 + 3, 2**64 - 1])
def test_fresh_states_are_threefry_of_seed_episode_and_draw(seed, isa):
    """CartPole draws four numbers in order. The counter is (pair of draws, episode), the key is the seed's words."""
    env = vector("CartPole-v1", 3, isa=isa)
    env.reset(seed=[seed, None, None])
    for episode in (1, 2):
        words = [w for pair in (0, 1) for w in threefry((pair, episode), (seed & 0xFFFFFFFF, seed >> 32))]
        low, high = np.float32(-0.05), np.float32(0.05)
        expected = [low + (high - low) * np.float32((word >> 8) / 2**24) for word in words]
        assert physical(env)[0].astype(np.float32).tolist() == [float(x) for x in expected]
        env.reset()


def test_fresh_states_are_within_the_bounds_and_spread_over_them(physics_id, precision):
    header, known = CATALOG[physics_id].header, defaults(CATALOG[physics_id])
    env = vector(physics_id, 4000, precision=precision)
    env.reset(seed=0)
    state = physical(env)
    if header == "pendulum":
        bounds = [(-known["x_init"], known["x_init"]), (-known["y_init"], known["y_init"])]
    elif header.startswith("mountain_car"):
        bounds = [(known["low"], known["high"]), (0, 0)]
    else:
        bounds = [(known["low"], known["high"])] * 4
    for column, (low, high) in zip(state.T, bounds, strict=True):
        slack = 1e-6 * (high - low)  # bounds are rounded to float32
        assert (column >= low - slack).all() and (column <= high + slack).all()
        # The mean of 4000 draws has a standard deviation of (high - low) / 219; five of them are allowed.
        assert abs(column.mean() - (low + high) / 2) <= 5 * (high - low) / 219
        assert column.max() - column.min() >= 0.99 * (high - low)


def test_equal_seeds_repeat_and_different_ones_do_not(classic_id, precision):
    env = vector(classic_id, 4, precision=precision)
    first = env.reset(seed=9)[0].copy()
    assert env.reset(seed=9)[0].tobytes() == first.tobytes()
    assert env.reset(seed=10)[0].tobytes() != first.tobytes()
    assert len({row.tobytes() for row in first}) == 4


def test_resets_without_a_seed_continue_and_repeat_with_the_seed(classic_id, precision):
    env = vector(classic_id, 3, precision=precision)
    env.reset(seed=1)
    following = [env.reset()[0].tobytes() for _ in range(5)]
    assert len(set(following)) == 5
    env.reset(seed=1)
    assert [env.reset()[0].tobytes() for _ in range(5)] == following


def test_two_environments_without_a_seed_differ(precision):
    assert vector("CartPole-v1", 2, precision=precision).reset()[0].tobytes() != (
        vector("CartPole-v1", 2, precision=precision).reset()[0].tobytes()
    )


def test_seeds_that_differ_beyond_64_bits_differ(precision):
    seeds = [5, 5 + 2**64, 5 + 2**70, 5 + 2**200]
    observations, _ = vector("CartPole-v1", 4, precision=precision).reset(seed=seeds)
    assert len({row.tobytes() for row in observations}) == 4


def test_numpy_integers_are_seeds_too(precision):
    env = vector("CartPole-v1", 3, precision=precision)
    expected = env.reset(seed=12)[0].copy()
    assert env.reset(seed=np.int64(12))[0].tobytes() == expected.tobytes()
    assert env.reset(seed=np.array([12, 13, 14]))[0].tobytes() == expected.tobytes()


def test_np_random_seed_is_the_seed_of_each_environment():
    env = vector("CartPole-v1", 3)
    env.reset(seed=5)
    assert env.np_random_seed == (5, 6, 7)
    env.reset(seed=[3, 2**70, 1])
    assert env.np_random_seed == (3, 2**70, 1)


def test_seeds_known_from_a_masked_reset_are_reported():
    env = vector("CartPole-v1", 3)
    env.reset(seed=5)
    env.reset(seed=50, options={"reset_mask": np.array([False, True, False])})
    assert env.np_random_seed == (5, 51, 7)


def test_the_single_environment_draws_what_environment_0_of_a_batch_draws(classic_id, precision):
    single, batch = OperantEnv(classic_id, precision=precision), vector(classic_id, 2, precision=precision)
    for seed in (3, 2**64 + 1, None, None):
        assert single.reset(seed=seed)[0].tobytes() == batch.reset(seed=seed)[0][0].tobytes()
    for action in actions_for(single.action_space, np.random.default_rng(0), (8,)):
        both = np.stack([action, action])
        assert single.step(action)[0].tobytes() == batch.step(both)[0][0].tobytes()
