"""Splits a rollout into random minibatches of single steps, or of whole sequences if the policy has an LSTM."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from operant.models.collection.collector import Rollout
from operant.models.machine.devices import permutation


@dataclass
class Minibatch:
    """A part of a rollout: `inputs`, the policy's arguments; the rest is `[B, ...]`, or `[T, B, ...]` for sequences."""

    inputs: tuple[Tensor, Tensor | None, Tensor | None]
    actions: Tensor
    log_probs: Tensor
    values: Tensor
    advantages: Tensor
    returns: Tensor


def minibatches(
    rollout: Rollout, advantages: Tensor, returns: Tensor, count: int, generator: torch.Generator
) -> Iterator[Minibatch]:
    """Yields `count` minibatches of about equal size, which together are the rollout, in an order drawn by `generator`.

    `advantages` and `returns` are `[T, N]`.
    """
    parts = (rollout.actions, rollout.log_probs, rollout.values, advantages, returns)
    steps, num_envs = rollout.rewards.shape
    if rollout.lstm_state is not None:
        order = permutation(num_envs, generator)
        for rows in order.tensor_split(min(count, num_envs)):
            inputs = (rollout.observations[:, rows], rollout.lstm_state[:, rows], rollout.starts[:, rows])
            yield Minibatch(inputs, *(part[:, rows] for part in parts))
        return
    # Gathering once and then splitting needs fewer and longer copies than a gather for each minibatch.
    order = permutation(steps * num_envs, generator)
    shuffled = [part.flatten(0, 1)[order] for part in (rollout.observations, *parts)]
    pieces = [part.tensor_split(min(count, len(order))) for part in shuffled]
    for observations, *rest in zip(*pieces, strict=True):
        yield Minibatch((observations, None, None), *rest)


def whole_rollout(rollout: Rollout, advantages: Tensor, returns: Tensor) -> Minibatch:
    """Returns the whole rollout in its own order: `[T * N]`, or `[T, N]` if the policy has an LSTM."""
    parts = (rollout.actions, rollout.log_probs, rollout.values, advantages, returns)
    if rollout.lstm_state is not None:
        return Minibatch((rollout.observations, rollout.lstm_state, rollout.starts), *parts)
    return Minibatch((rollout.observations.flatten(0, 1), None, None), *(part.flatten(0, 1) for part in parts))
