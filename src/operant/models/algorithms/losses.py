"""The losses of the algorithms, as pure functions of tensors `[B]`; each returns a scalar unless it says otherwise."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def policy_gradient(log_probs: Tensor, advantages: Tensor) -> Tensor:
    """Computes -mean(log pi(a|s) A): Williams (1992), Mnih et al. (2016)."""
    return -(log_probs * advantages).mean()


def surrogate(log_ratios: Tensor, advantages: Tensor) -> Tensor:
    """Computes -mean(r A), where r is the probability ratio: Schulman et al. (2015), equation 14."""
    return -(log_ratios.exp() * advantages).mean()


def clipped_surrogate(log_ratios: Tensor, advantages: Tensor, clip: float, dual_clip: float = 0.0) -> Tensor:
    """Computes -mean(min(r A, clip(r, 1 - c, 1 + c) A)): Schulman et al. (2017), equation 7.

    r is the probability ratio. With `dual_clip` d > 1, the objective at A < 0 is at least d A: Ye et al. (2020),
    equation 5.
    """
    ratios = log_ratios.exp()
    objective = torch.min(ratios * advantages, ratios.clamp(1 - clip, 1 + clip) * advantages)
    if dual_clip:
        objective = torch.where(advantages < 0, torch.max(objective, dual_clip * advantages), objective)
    return -objective.mean()


def value_loss(values: Tensor, returns: Tensor) -> Tensor:
    """Computes mean((V - R)^2) / 2."""
    return 0.5 * (values - returns).square().mean()


def clipped_value_loss(values: Tensor, old_values: Tensor, returns: Tensor, clip: float) -> Tensor:
    """Computes mean(max((V - R)^2, (V_old + clip(V - V_old, -c, c) - R)^2)) / 2, as OpenAI's baselines do."""
    clipped = old_values + (values - old_values).clamp(-clip, clip)
    return 0.5 * torch.max((values - returns).square(), (clipped - returns).square()).mean()


def approximate_kl(log_ratios: Tensor) -> Tensor:
    """Computes mean((r - 1) - log r), a nonnegative estimate of KL(old || new): Schulman, "Approximating KL" (2020)."""
    return (log_ratios.exp() - 1 - log_ratios).mean()


def clip_fraction(log_ratios: Tensor, clip: float) -> Tensor:
    """Computes the share of ratios that differ from 1 by more than `clip`."""
    return ((log_ratios.exp() - 1).abs() > clip).float().mean()


def explained_variance(values: Tensor, returns: Tensor) -> Tensor:
    """Computes 1 - var(R - V) / var(R); NaN if all returns are equal."""
    variance = returns.var()
    return torch.where(variance > 0, 1 - (returns - values).var() / variance, torch.nan)


def top_half_weights(advantages: Tensor, temperature: Tensor) -> Tensor:
    """Computes psi `[B]`: exp(A / eta) / sum(exp(A / eta)) over the larger half of the advantages, 0 for the others.

    Song et al. (2019). For an odd number of advantages the half is rounded up. `advantages` may have any shape.
    """
    best = advantages.flatten().topk((advantages.numel() + 1) // 2)
    weights = torch.zeros_like(advantages.flatten())
    return weights.scatter(0, best.indices, torch.softmax(best.values / temperature, 0)).view_as(advantages)


def temperature_loss(advantages: Tensor, temperature: Tensor, epsilon: float) -> Tensor:
    """Computes eta epsilon + eta log(mean(exp(A / eta))) over the larger half of the advantages: Song et al. (2019)."""
    best = advantages.flatten().topk((advantages.numel() + 1) // 2).values
    return temperature * (epsilon + torch.logsumexp(best / temperature, 0) - math.log(len(best)))


def kl_penalty(kl: Tensor, alpha: Tensor, epsilon: float) -> Tensor:
    """Computes mean(alpha (epsilon - sg(KL)) + sg(alpha) KL), where sg stops the gradient: Song et al. (2019).

    Descending it lowers the policy's KL, and raises alpha while KL is above epsilon.
    """
    return (alpha * (epsilon - kl.detach()) + alpha.detach() * kl).mean()
