"""The computation of an exported policy: from raw observations to the greedy action and distribution parameters."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from torch import Tensor, nn

from operant.models.networks.actor_critic import ActorCritic
from operant.models.networks.distributions import MultiCategorical, Normal, TanhNormal
from operant.models.networks.recurrent import run_lstm
from operant.rollout.normalizer import RunningNormalizer


class GreedyPolicy(nn.Module):
    """One step of a policy for a batch of N observations.

    Its inputs are the observation space's leaves `[N, ...]` and, with an LSTM, the state `[2, N, H]`. It returns the
    action `[N, ...]`, then the logits `[N, K]`, or for continuous actions the mean and log_std `[N, *A]` before
    squashing, and with an LSTM the new state. `inputs` and `outputs` are the names. Logits of several choices are
    `[N, D, K]`, padded with -1.7e38 if a choice has fewer than K actions.
    """

    def __init__(self, policy: ActorCritic, normalizer: RunningNormalizer | None) -> None:
        super().__init__()
        self.policy = policy.eval()
        self.normalizer = None if normalizer is None else Standardize(normalizer)
        self.leaves = leaves(policy.observation_space)
        continuous = isinstance(policy.action_space, spaces.Box)
        state = ["state"] if policy.recurrent else []
        self.inputs = [name for name, _ in self.leaves] + state
        self.outputs = ["action", *(["mean", "log_std"] if continuous else ["logits"]), *(f"next_{s}" for s in state)]
        if continuous:
            self.register_buffer("low", torch.as_tensor(policy.action_space.low, dtype=torch.float32))  # type: ignore[attr-defined]
            self.register_buffer("high", torch.as_tensor(policy.action_space.high, dtype=torch.float32))  # type: ignore[attr-defined]

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        policy = self.policy
        structure, _ = _assemble(policy.observation_space, list(inputs))
        if self.normalizer is not None:
            structure = self.normalizer(structure)
        structure, mask = policy.split(structure)
        features = policy.extractor(structure)
        state: list[Tensor] = []
        if policy.lstm is not None:
            features, next_state = run_lstm(policy.lstm, features[None], inputs[-1], None)
            features, state = features[0], [next_state]
        distribution = policy.head(policy.actor(policy.shared(features)), mask)
        if isinstance(distribution, Normal | TanhNormal):
            normal = distribution.normal if isinstance(distribution, TanhNormal) else distribution
            action = torch.minimum(torch.maximum(distribution.mode(), self.low), self.high)  # type: ignore[arg-type]
            return action, normal.mean, normal.log_std.expand_as(normal.mean), *state
        choices = distribution.choices if isinstance(distribution, MultiCategorical) else distribution
        return choices.logits.argmax(-1) + choices.start, choices.logits, *state

    def examples(self, rows: int, seed: int = 0) -> list[Tensor]:
        """Makes inputs for a batch of `rows`: samples of the spaces, and random states for an LSTM."""
        generator = torch.Generator().manual_seed(seed)
        batch = []
        for _, space in self.leaves:
            space.seed(seed)
            batch.append(torch.stack([torch.as_tensor(space.sample()) for _ in range(rows)]))
        if self.policy.lstm is not None:
            batch.append(torch.rand(2, rows, self.policy.lstm.hidden_size, generator=generator) * 2 - 1)
        return batch


class Standardize(nn.Module):
    """Computes (x - mean) / deviation, clipped to [-clip, clip], in float64 with one rounding.

    The result equals that of `RunningNormalizer.normalize`.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, normalizer: RunningNormalizer) -> None:
        super().__init__()
        self.clip = normalizer.clip
        self.register_buffer("mean", torch.as_tensor(normalizer.mean))
        self.register_buffer("deviation", torch.as_tensor((normalizer.variance + normalizer.epsilon) ** 0.5))

    def forward(self, observations: Tensor) -> Tensor:
        scaled = (observations.double() - self.mean) / self.deviation
        return scaled.clamp(-self.clip, self.clip).float()


def leaves(space: spaces.Space[Any], name: str = "observation") -> list[tuple[str, spaces.Space[Any]]]:
    """Lists the spaces within a nested space, with names such as "observation" or "observation.camera.0"."""
    parts: Any = ()
    if isinstance(space, spaces.Dict):
        parts = space.spaces.items()
    elif isinstance(space, spaces.Tuple):
        parts = enumerate(space.spaces)
    else:
        return [(name, space)]
    return [leaf for key, part in parts for leaf in leaves(part, f"{name}.{key}")]


def _assemble(space: spaces.Space[Any], flat: list[Tensor]) -> tuple[Any, list[Tensor]]:
    """Builds the structure of a space from its leaves in order; returns it and the unused leaves."""
    if isinstance(space, spaces.Dict | spaces.Tuple):
        items: Any = space.spaces.items() if isinstance(space, spaces.Dict) else enumerate(space.spaces)
        structure = {}
        for key, part in items:
            structure[key], flat = _assemble(part, flat)
        return structure, flat
    return flat[0], flat[1:]
