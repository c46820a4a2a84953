"""V-MPO: maximum a posteriori policy optimisation with a value function.

Song et al. (2019), https://arxiv.org/abs/1909.12238. The policy imitates the better half of its actions, weighted by a
temperature, and stays near the policy of the rollout. The temperature and the penalties are Lagrange multipliers.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from operant.models.algorithms import losses
from operant.models.algorithms.configs import VMPOConfig as VMPOConfig
from operant.models.algorithms.minibatches import minibatches
from operant.models.algorithms.on_policy import OnPolicy
from operant.models.collection.collector import Rollout
from operant.models.machine.adam import Adam
from operant.models.machine.data_parallel import all_gather, mean_in_place, rank, standardize, world_size
from operant.models.networks.distributions import Distribution, Normal, TanhNormal

LEAST = 1e-8  # lower bound of the multipliers, as in the paper


class VMPO(OnPolicy):
    """Maximum a posteriori policy optimisation with a value function.

    Example: `VMPO("operant/CartPole-v1").learn(500_000)`.
    """

    Config = VMPOConfig
    config: VMPOConfig
    name = "vmpo"

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        c = self.config
        self.target = copy.deepcopy(self.policy).requires_grad_(False)  # the policy of the rollout
        self.duals = torch.tensor([c.temperature, c.alpha, c.alpha], device=self.device, requires_grad=True)
        self.dual_optimizer = Adam(self.duals, c.dual_learning_rate)

    def update(self, rollout: Rollout) -> dict[str, Tensor]:
        c = self.config
        advantages, returns = self._advantages(rollout, c.gae_lambda)
        variance = losses.explained_variance(rollout.values.flatten(), returns.flatten())
        targets = self._scaled_returns(returns)
        self.target.load_state_dict(self.policy.state_dict())
        for _ in range(c.epochs):
            for batch in minibatches(rollout, advantages, targets, c.minibatches, self.generator):
                old = self.target(*batch.inputs)[0]
                distribution, values, _ = self.policy(*batch.inputs)
                temperature, alpha, std_alpha = self.duals
                gains = standardize(batch.advantages) if c.normalize_advantages else batch.advantages
                all_gains = all_gather(gains)
                weights = losses.top_half_weights(all_gains, temperature.detach())[rank()]
                # Gradients are averaged over processes, but the processes' policy losses must be summed.
                policy_loss = -(weights * distribution.log_prob(batch.actions)).sum() * world_size()
                temperature_loss = losses.temperature_loss(all_gains, temperature, c.temperature_epsilon)
                kl, std_kl = divergences(old, distribution)
                penalty = losses.kl_penalty(kl, alpha, c.kl_epsilon)
                if std_kl is not None:
                    penalty = penalty + losses.kl_penalty(std_kl, std_alpha, c.std_epsilon)
                value_loss = losses.value_loss(values, batch.returns)
                loss = policy_loss + temperature_loss + penalty + c.value_coefficient * value_loss
                if c.entropy_coefficient:
                    loss = loss - c.entropy_coefficient * distribution.entropy().mean()
                gradient = self._descend(loss)
                self._descend_duals()
        return {
            "policy_loss": policy_loss,
            "value_loss": value_loss,
            "entropy": distribution.entropy().mean(),
            "approximate_kl": kl.mean() if std_kl is None else (kl + std_kl).mean(),
            "temperature": temperature,
            "alpha": alpha,
            "gradient_norm": gradient,
            "explained_variance": variance,
        }

    def _descend_duals(self) -> None:
        """Takes one optimiser step on the multipliers, and keeps them positive."""
        gradient = self.duals.grad
        assert gradient is not None  # computed by the policy's step just before
        mean_in_place(gradient)
        self.dual_optimizer.step()
        with torch.no_grad():
            self.duals.clamp_(min=LEAST)
        gradient.zero_()

    def state_dict(self) -> dict[str, Any]:
        duals = {"duals": self.duals.detach().clone(), "dual_optimizer": self.dual_optimizer.state_dict()}
        return {**super().state_dict(), **duals}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        with torch.no_grad():
            self.duals.copy_(torch.as_tensor(state["duals"]))
        self.dual_optimizer.load_state_dict(state["dual_optimizer"])


def divergences(old: Distribution, new: Any) -> tuple[Tensor, Tensor | None]:
    """Computes KL(old || new) `[B]`, for normal distributions in two parts: of the mean, and of the deviation.

    Abdolmaleki et al. (2018), https://arxiv.org/abs/1806.06920. The second part is None for discrete distributions.
    """
    if isinstance(old, TanhNormal):
        return divergences(old.normal, new.normal)
    if not isinstance(old, Normal):
        return old.kl(new), None
    moved = Normal(new.mean, old.log_std, old.event)
    widened = Normal(old.mean, new.log_std, old.event)
    return old.kl(moved), old.kl(widened)
