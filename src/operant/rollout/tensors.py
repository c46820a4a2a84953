"""Tensors: the parts of a rollout, on any device."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

NAMES = (
    "observations",
    "actions",
    "rewards",
    "terminated",
    "truncated",
    "values",
    "log_probs",
    "advantages",
    "returns",
    "final_values",
    "last_values",
)


class Tensors:
    """A rollout's arrays as torch tensors; see `RolloutBuffer` for their shapes."""

    observations: torch.Tensor
    actions: torch.Tensor
    rewards: torch.Tensor
    terminated: torch.Tensor
    truncated: torch.Tensor
    values: torch.Tensor
    log_probs: torch.Tensor
    advantages: torch.Tensor
    returns: torch.Tensor
    final_values: torch.Tensor
    last_values: torch.Tensor

    def __init__(self, tensors: dict[str, torch.Tensor]):
        self.__dict__.update(tensors)
