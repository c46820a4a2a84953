"""Minibatches contain each step, or each environment's sequence, once."""

import pytest
import torch

from operant.models.algorithms.minibatches import minibatches, whole_rollout
from operant.models.collection.collector import Rollout

torch.set_num_threads(1)

T, N = 3, 5


def numbered(state=False):
    """A rollout whose tensors hold 10 t + n at step t of environment n."""
    ids = 10.0 * torch.arange(T)[:, None] + torch.arange(N)
    flags = torch.zeros(T, N, dtype=torch.bool)
    return Rollout(
        observations=ids[..., None].expand(T, N, 2).contiguous(),
        actions=ids.long(),
        rewards=ids,
        terminated=flags,
        truncated=flags,
        starts=ids % 2 == 0,
        log_probs=ids + 0.1,
        values=ids + 0.2,
        final_values=torch.zeros(T, N),
        last_values=torch.zeros(N),
        last_observations=torch.zeros(N, 2),
        lstm_state=torch.arange(2.0 * N * 4).view(2, N, 4) if state else None,
    )


def cut(rollout, count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return list(minibatches(rollout, rollout.rewards + 0.3, rollout.rewards + 0.4, count, generator))


def check_rows_belong_together(batch):
    ids = batch.actions.float()
    assert torch.equal(batch.inputs[0], ids[..., None].expand(*ids.shape, 2))
    for part, offset in ((batch.log_probs, 0.1), (batch.values, 0.2), (batch.advantages, 0.3), (batch.returns, 0.4)):
        assert torch.equal(part, ids + offset)


@pytest.mark.parametrize("count", [1, 2, 4, 15, 99])
def test_minibatches_of_steps_partition_the_rollout(count):
    batches = cut(numbered(), count)
    sizes = [len(batch.actions) for batch in batches]
    assert len(batches) == min(count, 15) and max(sizes) - min(sizes) <= 1
    for batch in batches:
        check_rows_belong_together(batch)
        assert batch.inputs[1:] == (None, None)
    every = torch.cat([batch.actions for batch in batches])
    assert sorted(every.tolist()) == sorted(numbered().actions.flatten().tolist())


@pytest.mark.parametrize("count", [1, 2, 5, 99])
def test_minibatches_of_sequences_partition_the_environments(count):
    rollout = numbered(state=True)
    batches = cut(rollout, count)
    assert len(batches) == min(count, N)
    for batch in batches:
        check_rows_belong_together(batch)
        rows = batch.actions[0]
        assert torch.equal(batch.actions, 10 * torch.arange(T)[:, None] + rows)  # whole and in order
        assert torch.equal(batch.inputs[1], rollout.lstm_state[:, rows])
        assert torch.equal(batch.inputs[2], rollout.starts[:, rows])
    assert sorted(torch.cat([batch.actions[0] for batch in batches]).tolist()) == [0, 1, 2, 3, 4]


def test_the_order_is_the_generators():
    first, again, other = (torch.cat([batch.actions for batch in cut(numbered(), 4, seed)]) for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize("state", [False, True])
def test_the_whole_rollout_keeps_its_order(state):
    rollout = numbered(state)
    batch = whole_rollout(rollout, rollout.rewards + 0.3, rollout.rewards + 0.4)
    check_rows_belong_together(batch)
    assert torch.equal(batch.actions.flatten(), rollout.actions.flatten())
    assert batch.actions.shape == ((T, N) if state else (T * N,))
