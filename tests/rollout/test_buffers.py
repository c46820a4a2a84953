"""RolloutBuffer and GpuBuffer: the core writes into them, nothing is copied, and they hold the rollout."""

import numpy as np
import pytest
import torch
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from support import actions_for, vector

from operant.batch.batch import Batch
from operant.buffers import GpuBuffer, RolloutBuffer
from operant.catalog import CATALOG
from operant.rollout.advantages import gae

STEPS = 40
FLAGS = ("rewards", "terminated", "truncated")


def batch_of(env_id, num_envs, **options):
    batch = Batch(CATALOG[env_id], num_envs, autoreset="SameStep", max_episode_steps=17, **options)
    batch.seed(3)
    batch.reset()
    return batch


def fill(buffer, actions):
    """Fills a buffer with two rollouts, the second after `roll`; returns the rows of both."""
    rows = []
    buffer.begin()
    for rollout in range(2):
        for t in range(STEPS):
            buffer.tensors.actions[t] = torch.from_numpy(actions[rollout, t])
            buffer.step(t)
        host = buffer.tensors
        rows.append([getattr(host, name).cpu().numpy().copy() for name in ("observations", *FLAGS)])
        buffer.roll()
    return [np.concatenate([first[:STEPS], second]) for first, second in zip(*rows, strict=True)]


@pytest.mark.parametrize("kind", [RolloutBuffer, GpuBuffer])
def test_a_rollout_is_what_the_vector_environment_returns_bit_for_bit(kind, physics_id):
    envs = vector(physics_id, 37, autoreset_mode="SameStep", max_episode_steps=17)
    actions = actions_for(envs.single_action_space, np.random.default_rng(0), (2, STEPS, 37))
    observations, *flags = fill(kind.for_batch(batch_of(physics_id, 37), STEPS), actions)
    assert observations[0].tobytes() == envs.reset(seed=3)[0].tobytes()
    for t, action in enumerate(actions.reshape(2 * STEPS, *actions.shape[2:])):
        *expected, _ = envs.step(action)
        ours = [observations[t + 1], *(rows[t] for rows in flags)]
        assert [array.tobytes() for array in ours] == [array.tobytes() for array in expected]
    assert flags[2].any(), "nothing was truncated"


def test_nothing_is_copied():
    batch = batch_of("CartPole-v1", 20)
    buffer = RolloutBuffer.for_batch(batch, STEPS)
    for name in ("observations", "actions", *FLAGS, "values", "advantages", "returns"):
        array, tensor = getattr(buffer, name), getattr(buffer.tensors, name)
        assert tensor.data_ptr() == array.ctypes.data
        assert np.shares_memory(tensor.numpy(), array)
    held = buffer.tensors.observations[1], buffer.observations[1]
    buffer.step(0)
    assert held[0].any() and np.array_equal(held[0].numpy(), held[1])
    assert batch.observe().observations.tobytes() == held[1].tobytes()


def test_the_memory_outlives_the_buffer():
    buffer = RolloutBuffer.for_batch(batch_of("CartPole-v1", 20), STEPS)
    recorder = buffer._recorder
    tensors = buffer.tensors
    del buffer
    for t in range(STEPS):
        recorder.step(t)
    assert tensors.rewards.eq(1).all()


def test_a_refused_action_is_named_and_nothing_is_written():
    buffer = RolloutBuffer.for_batch(batch_of("CartPole-v1", 20), STEPS)
    buffer.begin()
    buffer.actions[0, 7] = 2
    with pytest.raises(ValueError, match=r"action 2 of environment 7 must be an integer in \[0, 2\)"):
        buffer.step(0)
    assert not buffer.observations[1].any() and not buffer.rewards[0].any()


def test_a_closed_batch_and_one_that_was_not_reset_say_so():
    batch = Batch(CATALOG["CartPole-v1"], 4, autoreset="SameStep")
    buffer = RolloutBuffer.for_batch(batch, 3)
    with pytest.raises(ResetNeeded):
        buffer.step(0)
    batch.close()
    for call in (buffer.begin, lambda: buffer.step(0)):
        with pytest.raises(ClosedEnvironmentError):
            call()


def test_any_vector_environments_results_are_recorded_in_any_dtype():
    buffer = RolloutBuffer(2, 3, (4, 5), np.uint8, (2,), np.float32)
    assert buffer.observations.shape == (3, 3, 4, 5) and buffer.observations.dtype == np.uint8
    assert buffer.actions.shape == (2, 3, 2) and buffer.actions.dtype == np.float32
    buffer.begin(np.full((3, 4, 5), 9))
    buffer.record(1, np.full((3, 4, 5), 7), np.array([1.5, 2, 3]), np.array([True, False, False]), np.zeros(3, bool))
    assert (buffer.observations[0] == 9).all() and (buffer.observations[2] == 7).all()
    assert buffer.rewards[1].tolist() == [1.5, 2, 3] and buffer.terminated[1].tolist() == [True, False, False]
    buffer.roll()
    assert (buffer.observations[0] == 7).all()
    with pytest.raises(ValueError, match="this buffer has no batch to step"):
        buffer.step(0)


@pytest.mark.parametrize("kind", [RolloutBuffer, GpuBuffer])
def test_advantages_are_those_of_the_kernel(kind):
    buffer = kind(6, 5, (3,))
    generator = torch.Generator().manual_seed(0)
    tensors = buffer.tensors
    for name in ("rewards", "values", "final_values", "last_values"):
        getattr(tensors, name).copy_(torch.randn(getattr(tensors, name).shape, generator=generator))
    rewards = tensors.rewards.cpu().numpy().copy()
    ended = torch.rand(2, 6, 5, generator=generator) < 0.2
    for t in range(6):
        buffer.record(t, np.zeros((5, 3)), rewards[t], ended[0, t].numpy(), ended[1, t].numpy())
    buffer.compute_advantages(gamma=0.9, lam=0.8)
    names = ("rewards", "values", "terminated", "truncated", "last_values", "final_values")
    expected = gae(*(getattr(tensors, name).cpu() for name in names), gamma=0.9, lam=0.8)
    assert np.array_equal(tensors.advantages.cpu().numpy(), expected[0])
    assert np.array_equal(tensors.returns.cpu().numpy(), expected[1])


def test_without_a_gpu_the_gpu_buffer_is_plain_memory_of_the_host(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    buffer = GpuBuffer(6, 5, (3,))
    assert buffer.device.type == "cpu" and buffer.tensors is buffer.host.tensors
    assert not buffer.tensors.rewards.is_pinned()
    assert buffer.tensors.rewards.data_ptr() == buffer.host.rewards.ctypes.data


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_with_a_gpu_the_rollout_lies_there_and_its_host_is_pinned():
    buffer = GpuBuffer(6, 5, (3,))
    assert buffer.tensors.rewards.is_cuda and buffer.host.tensors.rewards.is_pinned()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"precision": "float64"}, "rollouts hold float32 rewards: make the batch with precision='float32'"),
        ({"autoreset": "NextStep"}, "a rollout needs autoreset 'SameStep', not 'NextStep'"),
    ],
)
def test_unsuitable_batches_are_refused(options, message):
    batch = Batch(CATALOG["CartPole-v1"], 4, **({"autoreset": "SameStep"} | options))
    with pytest.raises(ValueError, match=message):
        RolloutBuffer.for_batch(batch, 3)


def test_sizes_and_foreign_arrays_are_checked():
    with pytest.raises(ValueError, match="steps=0 must be at least 1"):
        RolloutBuffer(0, 4, (3,))
    batch = batch_of("CartPole-v1", 4)
    good = RolloutBuffer(3, 4, (4,))
    arrays = [good.observations, good.actions, good.rewards, good.terminated, good.truncated]
    batch.record_into(*arrays)
    with pytest.raises(ValueError, match=r"observations must be an array float32 \(4, 4, 4\)"):
        batch.record_into(good.observations[1:], *arrays[1:])
    with pytest.raises(ValueError, match="actions must be an array of int64 or int32, not float32"):
        batch.record_into(arrays[0], good.rewards, *arrays[2:])
