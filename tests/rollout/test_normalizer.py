"""Compares RunningNormalizer and RewardNormalizer with NumPy's float64 statistics of all rows, and with Gymnasium."""

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.wrappers.vector import NormalizeReward

from operant.rollout.moments import Moments
from operant.utils import RewardNormalizer, RunningNormalizer

# For sums of some thousand float64 numbers in another order.
CLOSE = {"rtol": 1e-12, "atol": 1e-12}


def rows(count, features, seed=0):
    """Features of different means and spreads, one of them far from zero."""
    generator = np.random.default_rng(seed)
    numbers = generator.normal(size=(count, features)) * np.arange(1, features + 1)
    return (numbers + np.arange(features) * 1000).astype(np.float32)


def test_two_batches_by_hand():
    normalizer = RunningNormalizer((2,), epsilon=0.0)
    normalizer.update(np.array([[0, 1], [2, 1]], np.float32))
    normalizer.update(np.array([[4, 4]], np.float32))
    assert normalizer.count == 3
    np.testing.assert_allclose(normalizer.mean, [2, 2], **CLOSE)
    np.testing.assert_allclose(normalizer.variance, [8 / 3, 2], **CLOSE)
    normalized = normalizer.normalize(np.array([[2, 2], [6, 2 + 2**0.5]], np.float32))
    np.testing.assert_allclose(normalized, [[0, 0], [4 / (8 / 3) ** 0.5, 1]], rtol=2e-7, atol=1e-7)


@pytest.mark.parametrize("features", [1, 3, 4, 17, 127, 128, 300])
@pytest.mark.parametrize("count", [1, 31, 5000])
def test_the_statistics_are_numpys_of_all_rows(features, count):
    batch, normalizer = rows(count, features), RunningNormalizer((features,))
    for part in np.array_split(batch, 3):
        normalizer.update(part)
    np.testing.assert_allclose(normalizer.mean, batch.mean(0, dtype=np.float64), **CLOSE)
    np.testing.assert_allclose(normalizer.variance, batch.var(0, dtype=np.float64), rtol=1e-10, atol=1e-9)


def test_normalised_numbers_are_those_of_float64_within_one_ulp_and_clipped(isa):
    batch, moments = rows(1000, 5), Moments(5)
    moments.update(batch, isa=isa)
    batch[7] = 1e6, -1e6, np.inf, -np.inf, np.nan
    expected = np.clip((batch - moments.mean) / np.sqrt(moments.variance + 1e-8), -3, 3).astype(np.float32)
    ours = moments.standardize(batch, epsilon=1e-8, clip=3.0, isa=isa)
    np.testing.assert_array_max_ulp(ours[np.isfinite(expected)], expected[np.isfinite(expected)], 1)
    assert np.isnan(ours[7, 4]) and ours[7, :4].tolist() == [3, -3, 3, -3]


@pytest.mark.parametrize("features", [1, 4, 300])
def test_targets_and_threads_do_not_change_a_bit(features, isa):
    batch, one, many = rows(20_000 // features, features), Moments(features), Moments(features)
    one.update(batch, isa="scalar")
    many.update(batch, isa=isa, workers=3)
    assert one.mean.tobytes() == many.mean.tobytes() and one.squares.tobytes() == many.squares.tobytes()
    standardized = [
        moments.standardize(batch, epsilon=0.1, clip=2.0, isa=name) for moments, name in ((one, "scalar"), (many, isa))
    ]
    assert standardized[0].tobytes() == standardized[1].tobytes()


def test_merging_two_gives_the_statistics_of_both():
    batch, parts = rows(900, 4), [RunningNormalizer((4,)) for _ in range(3)]
    parts[0].update(batch[:100])
    parts[1].update(batch[100:])
    parts[0].merge(parts[1])
    parts[0].merge(parts[2])  # which is empty
    assert parts[0].count == 900
    np.testing.assert_allclose(parts[0].mean, batch.mean(0, dtype=np.float64), **CLOSE)
    np.testing.assert_allclose(parts[0].variance, batch.var(0, dtype=np.float64), rtol=1e-10)


def test_before_the_first_row_only_clipping_changes_anything():
    normalizer = RunningNormalizer((2,), clip=5.0, epsilon=0.0)
    assert normalizer.normalize(np.array([[1, -9]], np.float32)).tolist() == [[1, -5]]
    normalizer.update(np.empty((0, 2), np.float32))
    assert normalizer.count == 0


def test_out_may_be_the_batch_and_a_tensor():
    batch, normalizer = rows(70, 3), RunningNormalizer((3,))
    normalizer.update(torch.from_numpy(batch))
    expected, tensor = normalizer.normalize(batch), torch.from_numpy(batch)
    normalizer.normalize(tensor, out=tensor)
    assert np.array_equal(tensor.numpy(), expected)


def test_images_and_scalars_have_statistics_of_their_shape():
    images, scalars = RunningNormalizer((2, 3)), RunningNormalizer()
    images.update(rows(10, 6).reshape(10, 2, 3))
    scalars.update(rows(10, 1)[:, 0])
    assert images.mean.shape == images.variance.shape == (2, 3) and scalars.mean.shape == ()
    assert images.normalize(rows(4, 6).reshape(4, 2, 3)).shape == (4, 2, 3)
    assert scalars.normalize(rows(4, 1)[:, 0]).shape == (4,)


def test_a_restored_normalizer_continues_with_the_same_bits():
    one, other = RunningNormalizer((4,)), RunningNormalizer((4,))
    one.update(rows(100, 4))
    other.load_state_dict(one.state_dict())
    for normalizer in (one, other):
        normalizer.update(rows(100, 4, seed=1))
    assert one.state_dict() == other.state_dict()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_a_copy_continues_with_the_same_bits_and_leaves_the_original_alone(copied):
    running, rewarded, ended = RunningNormalizer((4,), workers=2), RewardNormalizer(100), np.zeros(100, bool)
    running.update(rows(100, 4))
    rewarded(rows(100, 1)[:, 0], ended)
    before = running.state_dict(), rewarded.state_dict()
    other, another = copied(running), copied(rewarded)
    other.update(rows(100, 4, seed=1))
    another(rows(100, 1, seed=1)[:, 0], ended)
    assert (running.state_dict(), rewarded.state_dict()) == before
    running.update(rows(100, 4, seed=1))
    rewarded(rows(100, 1, seed=1)[:, 0], ended)
    assert running.state_dict() == other.state_dict() and rewarded.state_dict() == another.state_dict()


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: RunningNormalizer((2,)).update(rows(3, 4)), r"batch must have shape \[N, 2\], not \(3, 4\)"),
        (
            lambda: RunningNormalizer((4,)).update(rows(3, 4).astype(float)),
            r"batch must be float32 \(3, 4\), not float64",
        ),
        (lambda: RunningNormalizer((4,)).update(rows(8, 4)[::2]), "batch must be C-contiguous"),
        (
            lambda: RunningNormalizer((4,)).normalize(rows(3, 4), out=rows(2, 4)),
            r"out must be float32 \(3, 4\)",
        ),
        (lambda: RunningNormalizer((4,), clip=0), "clip=0 must be above 0"),
        (lambda: RunningNormalizer((4,), epsilon=-1), "epsilon=-1 must be at least 0"),
        (
            lambda: RunningNormalizer((4,)).merge(RunningNormalizer((3,))),
            r"other has shape \(3,\), but this normaliser has \(4,\)",
        ),
        (
            lambda: RunningNormalizer((4,)).load_state_dict(RunningNormalizer((3,)).state_dict()),
            "mean has 3 features, but this normaliser has 4",
        ),
        (
            lambda: RewardNormalizer(4).load_state_dict(RewardNormalizer(3).state_dict()),
            "the state has 3 environments, but this normaliser has 4",
        ),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_overlapping_memory_is_refused_unless_it_is_the_batch():
    memory = rows(4, 4)
    with pytest.raises(ValueError, match="out overlaps another argument"):
        RunningNormalizer((4,)).normalize(memory[:3], out=memory[1:])


@pytest.mark.parametrize(
    "rewards, ended, message",
    [
        (np.ones(3, np.float32), np.zeros(3, np.uint8), r"ended must be bool \(3,\), not uint8"),
        (np.ones(3, np.float32), np.zeros(2, bool), r"ended must be bool \(3,\), not bool \(2,\)"),
        (np.ones(3), np.zeros(3, bool), r"rewards must be float32 \(3,\), not float64"),
        (np.ones(4, np.float32), np.zeros(3, bool), r"rewards must be float32 \(3,\), not float32 \(4,\)"),
    ],
)
def test_rewards_that_are_refused_change_nothing(rewards, ended, message):
    normalizer = RewardNormalizer(3)
    before = normalizer.state_dict()
    with pytest.raises(ValueError, match=message):
        normalizer(rewards, ended)
    assert normalizer.state_dict() == before


@pytest.mark.parametrize(
    "change, message",
    [
        ({"mean": [0.0, np.nan]}, "the state's mean must be finite, not nan"),
        ({"squares": [1.0, np.inf]}, "the state's squares must be finite, not inf"),
        ({"squares": [1.0, -2.0]}, "the state's squares must be at least 0, not -2.0"),
        ({"count": -1.0}, "the state's count must be at least 0, not -1.0"),
        ({"count": np.nan}, "the state's count must be at least 0, not nan"),
    ],
)
def test_an_impossible_state_is_refused_and_changes_nothing(change, message):
    normalizer = RunningNormalizer((2,))
    normalizer.update(rows(5, 2))
    before = normalizer.state_dict()
    with pytest.raises(ValueError, match=message):
        normalizer.load_state_dict(before | change)
    assert normalizer.state_dict() == before


def test_rewards_are_scaled_as_gymnasiums_wrapper_scales_them_while_nothing_terminates():
    envs = gym.make_vec(
        "Pendulum-v1",
        5,
        vectorization_mode="sync",
        max_episode_steps=30,
        vector_kwargs={"autoreset_mode": gym.vector.AutoresetMode.SAME_STEP},
    )
    wrapped, ours = NormalizeReward(envs, gamma=0.9), RewardNormalizer(5, 0.9, clip=np.inf)
    wrapped.reset(seed=0)
    envs.action_space.seed(0)
    raw = []
    envs.step = lambda actions, step=envs.step: raw.append(step(actions)) or raw[-1]
    for _ in range(100):
        _, theirs, terminated, truncated, _ = wrapped.step(envs.action_space.sample())
        mine = ours(raw[-1][1].astype(np.float32), terminated | truncated)
        np.testing.assert_allclose(mine, theirs, rtol=1e-5)  # Gymnasium adds float32 numbers in another order


def test_an_ended_episodes_rewards_do_not_reach_the_next():
    normalizer = RewardNormalizer(2, 0.5)
    normalizer(np.array([8, 8], np.float32), np.array([True, False]))
    assert normalizer.returns.tolist() == [0, 8]
    normalizer(np.array([1, 1], np.float32), np.array([False, False]))
    assert normalizer.returns.tolist() == [1, 5]
